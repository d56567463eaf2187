package cases

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// Summary is what Concluded.Summary holds.
type Summary struct {
	Units   int `json:"units"`
	Cases   int `json:"cases"`
	Failed  int `json:"failed"`
	Errors  int `json:"errors"`
	Skipped int `json:"skipped"`
}

// JUnit is the result file of Conclude, relative to Conclude.Dir.
const JUnit = "out/junit.xml"

// Conclude makes JUnit and the text of a run. Conclude.Dir holds
//
//	reports.jsonl   records, {"worker", "test", "kind", "data"} in each line.
//	                Of a test there are those of kind "case", whose data is a
//	                [Case], and "died", {"message"}, of one without results
//	order.jsonl     the first line has the records of no test, each further one
//	                those of a test, in the suite's order; as
//	                [[offset, length], ...] in bytes
//	run.json        {"duration_seconds": S}; it may be missing
//
// Concluded.Code is 1 when a case failed, else 0. What is printed is emitted as
// it comes.
func Conclude(ctx context.Context, c worker.Conclude, d Dialect, emit func(worker.Event)) (done worker.Concluded, err error) {
	if err := await(ctx, c.Await); err != nil {
		return done, fmt.Errorf("conclude: %w", err)
	}
	l, err := openLog(c.Dir)
	if err != nil {
		return done, fmt.Errorf("conclude: %w", err)
	}
	defer func() { err = errors.Join(err, l.close()) }()
	n, units, err := tell(ctx, l, emit)
	if err != nil {
		return done, err
	}
	if err := write(l, filepath.Join(c.Dir, filepath.FromSlash(JUnit)), d, n); err != nil {
		return done, err
	}
	show(emit, closing(units, n, duration(c.Dir)))
	if n.failed+n.errors > 0 {
		done.Code = 1
	}
	done.Files = []string{JUnit}
	done.Summary = worker.Raw(Summary{Units: units, Cases: n.all, Failed: n.failed, Errors: n.errors, Skipped: n.skipped})
	return done, nil
}

// tell counts all cases, and prints those that failed.
func tell(ctx context.Context, l *log, emit func(worker.Event)) (n counts, units int, err error) {
	err = l.each(func(u Unit) error {
		units++
		for _, c := range u.Cases {
			n.add(c)
			if c.Outcome.Fails() {
				show(emit, failure(u, c))
			}
		}
		return ctx.Err()
	})
	return n, units, err
}

// write writes the JUnit file.
func write(l *log, path string, d Dialect, n counts) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make a directory for results: %w", err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	x := writer{w: bufio.NewWriter(f), dialect: d}
	defer func() { err = errors.Join(err, x.w.Flush(), f.Close()) }()
	x.begin(n)
	err = l.each(func(u Unit) error {
		x.unit(u)
		return nil
	})
	x.end()
	return err
}

// await waits until the coordinator has put the file, which it puts last.
func await(ctx context.Context, file string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for file != "" {
		if _, err := os.Stat(file); err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// duration returns the run's, as far as it is known; else 0.
func duration(dir string) time.Duration {
	var run struct {
		Seconds float64 `json:"duration_seconds"`
	}
	data, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil || json.Unmarshal(data, &run) != nil {
		return 0
	}
	return time.Duration(run.Seconds * float64(time.Second))
}

// show emits text for the terminal, in pieces that fit into a frame.
func show(emit func(worker.Event), text string) {
	const most = 32 << 10
	for piece := range slices.Chunk([]byte(text), most) {
		emit(worker.Event{Output: &worker.Output{Stream: "stdout", Data: piece}})
	}
}
