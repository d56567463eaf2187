package orchestrator

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// A conclusion makes one result of all that the workers reported: the
// framework's own tools do it, in a place like the workers'.
type conclusion struct {
	*recorder
	req      *Request
	dir      runDir
	out      *outcome
	spool    *spool
	finish   *finisher
	terminal io.Writer // takes the framework's own closing text

	framework Deliverer
	room      allowance // for the result files
	delivered []string  // files that it wrote where the user wants them, relative to the project
}

func (l *loop) conclusion(out *outcome, deps Deps) *conclusion {
	return &conclusion{
		recorder: l.recorder, req: l.req, dir: l.dir, out: out, spool: l.spool, finish: l.finish,
		terminal: deps.Terminal, framework: deps.Framework,
	}
}

// conclude makes the reports, and emits their events.
func (c *conclusion) conclude(ctx context.Context) (err error) {
	step := c.step("conclude")
	defer func() { step.end(err) }()
	if !c.out.known {
		return nil // nothing was discovered: there is nothing to conclude
	}
	if err := c.writeInput(); err != nil {
		return fmt.Errorf("gather the reports: %w", err)
	}
	asked := ctx
	ctx, cancel := hastened(ctx)
	defer cancel()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	err = c.attempt(ctx)
	if err == nil || ctx.Err() != nil || errors.Is(err, errSilent) && c.out.hung {
		return err
	}
	c.note(report.Warning, "the reports are made again, in a fresh place: %v", err)
	c.finish = newFinisher(c.finish.site, "finisher-2") // the first one's place is not removed yet
	err = c.attempt(ctx)
	removed := make(chan error, 1)
	if within(asked, removal, func() { removed <- c.finish.remove(ctx) }) {
		err = errors.Join(err, <-removed)
	}
	return err
}

// hastened returns a context for the conclusion: it ends when the run is to end
// at once, or some time after ctx.
func hastened(ctx context.Context) (context.Context, context.CancelFunc) {
	late, cancel := outliving(ctx)
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(lastWords, cancel)
		context.AfterFunc(late, func() { timer.Stop() })
	})
	return late, func() { stop(); cancel() }
}

// errSilent says that the framework was given up.
var errSilent = errors.New("the framework gave no sign of life while it made its reports")

// attempt makes the reports in the finisher.
func (c *conclusion) attempt(ctx context.Context) error {
	f := c.finish
	f.start(ctx, c.spool)
	defer context.AfterFunc(ctx, f.cancel)()
	quiet := newLull(max(silence, c.req.TestTimeout), f.cancel)
	err := c.hand(ctx, quiet)
	switch heard := quiet.end(); {
	case ctx.Err() != nil:
		return fmt.Errorf("conclude: %w", context.Cause(ctx))
	case err != nil && !heard:
		return fmt.Errorf("conclude: %w", errSilent)
	case err != nil:
		return err
	}
	return c.collect(ctx)
}

// hand hands the finisher what it lacks, and waits for what it makes of it.
func (c *conclusion) hand(ctx context.Context, quiet *lull) error {
	f := c.finish
	if <-f.ready; f.err != nil {
		return f.err
	}
	quiet.stir()
	if <-f.fed; f.unfed != nil {
		return fmt.Errorf("hand the reports to the finisher: %w", f.unfed)
	}
	if err := f.place.put(ctx, c.dir.conclusion(), f.dir); err != nil {
		return fmt.Errorf("hand the reports to the finisher: %w", err)
	}
	quiet.stir()
	f.text.open(c.terminal, quiet.stir)
	if err := f.place.client.PutFile(ctx, path.Join(f.dir, complete), 0o644, strings.NewReader("")); err != nil {
		return fmt.Errorf("hand the reports to the finisher: %w", err)
	}
	if <-f.ended; f.failed != nil {
		return fmt.Errorf("conclude: %w", f.failed)
	}
	return nil
}

// collect fetches the finisher's results, and emits their events.
func (c *conclusion) collect(ctx context.Context) error {
	f := c.finish
	d, err := c.framework.Deliver(c.req.Session, f.done)
	if err != nil {
		return err
	}
	c.room = allowance{maxResults, maxResultBytes}
	for _, file := range d.Files {
		if err := c.keep(ctx, file); err != nil {
			return err
		}
	}
	for _, text := range d.Warnings {
		c.note(report.Warning, "%s", text)
	}
	for _, text := range d.Notes {
		c.note(report.Info, "%s", text)
	}
	excused := slices.DeleteFunc(f.done.Excused, func(name string) bool {
		return !slices.ContainsFunc(c.out.unexplained, func(e report.WorkerClosed) bool { return report.WorkerName(e.Worker) == name })
	})
	if len(excused) > 0 {
		c.note(report.Info, "hooks at the end of a session found fault with the tests that ran on %s, and find none with those of all workers", strings.Join(excused, ", "))
	}
	c.emit(report.Concluded{Code: f.done.Code, Files: f.done.Files, Error: f.done.Error, Excused: excused, Forgiven: f.done.Forgiven})
	if f.done.Forgiven {
		c.note(report.Warning, "hooks at the end of a session set its status to 0, whatever became of the tests: where they do so in every worker too, it is this run's")
	}
	if cover := d.Coverage; cover != nil {
		c.emit(c.covered(*cover))
	}
	return f.place.client.Quit(ctx)
}

// covered is the coverage with what is known here: whatever the finisher says
// of it, it is not complete without a worker's files.
func (c *conclusion) covered(cover framework.Covered) report.Covered {
	if len(c.out.missing) > 0 && cover.Complete {
		cover.Complete, cover.Reason = false, strings.Join(inWords(c.out.missing), "; ")
	}
	return report.Covered(cover)
}

// writeInput lays the rest of the conclusion's input, besides the reports, out
// in the run's tmp directory.
func (c *conclusion) writeInput() error {
	if err := errors.Join(c.writeFailed(), c.writeOrder()); err != nil {
		return err
	}
	sessions, err := c.writeShares()
	if err != nil {
		return err
	}
	meta, err := json.Marshal(map[string]any{
		"sessions":         sessions,
		"duration_seconds": (c.elapsed() - c.out.hired).Seconds(),
		"tests":            len(c.out.tests) - c.out.left, "deselected": c.out.deselected, "missing_coverage": inWords(c.out.missing),
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(c.dir.conclusion(), "run.json"), meta, 0o644)
}

// maxFailed bounds the attempts of which the framework tells the failure.
const maxFailed = 10_000

// writeFailed writes which attempts have failed, with the positions of their reports.
func (c *conclusion) writeFailed() (err error) {
	f, err := os.Create(filepath.Join(c.dir.conclusion(), "failed.jsonl"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	lines := json.NewEncoder(f)
	n := 0
	for _, res := range c.out.results {
		for _, a := range res.Attempts {
			at := c.out.reports[attempt{res.Test.ID, a.Token}]
			if !a.Outcome.Fails() || len(at) == 0 || n == maxFailed {
				continue
			}
			n++
			if err := lines.Encode([]any{res.Test.ID, a.Number, a.Worker, at}); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxShares bounds of how many workers' sessions it is found out whether they ended
// as they did because they saw a share only.
const maxShares = 32

// A sessionEnd is how a session ended that no test explains.
type sessionEnd struct {
	Name    string `json:"name"` // of its worker
	Code    int    `json:"code"`
	Closing string `json:"closing"`
}

// writeShares writes, for each session that ended otherwise than its tests explain,
// the positions of the reports that its worker sent, in its order: in the first
// line those of no test, of all workers.
func (c *conclusion) writeShares() ([]sessionEnd, error) {
	var ends []sessionEnd
	for _, closed := range c.out.unexplained[:min(len(c.out.unexplained), maxShares)] {
		var share [][]extent
		for _, res := range c.out.results {
			for _, a := range res.Attempts {
				if at := c.out.reports[attempt{res.Test.ID, a.Token}]; int(a.Worker) == closed.Worker && len(at) > 0 {
					share = append(share, at)
				}
			}
		}
		slices.SortFunc(share, func(a, b []extent) int { return cmp.Compare(a[0].offset, b[0].offset) })
		end := sessionEnd{report.WorkerName(closed.Worker), closed.Code, closed.Closing}
		var text bytes.Buffer
		lines := json.NewEncoder(&text)
		for _, at := range append([][]extent{append([]extent{}, c.out.session...)}, share...) {
			if err := lines.Encode(at); err != nil {
				return nil, err
			}
		}
		file := filepath.Join(c.dir.conclusion(), "shares", end.Name+".jsonl")
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, text.Bytes(), 0o644)); err != nil {
			return nil, err
		}
		ends = append(ends, end)
	}
	return ends, nil
}

// writeOrder writes the positions of the reports that count: first those of no test,
// then each test's last attempt, in the order of the suite. It ends the spool.
func (c *conclusion) writeOrder() (err error) {
	f, err := os.Create(filepath.Join(c.dir.conclusion(), "order.jsonl"))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	defer func() { err = errors.Join(err, w.Flush(), f.Close(), c.spool.finish()) }()
	lines := json.NewEncoder(w)
	if err := lines.Encode(append([]extent{}, c.out.session...)); err != nil || c.out.broken != "" {
		return err // where the suite is broken no test counts, as in the framework itself
	}
	for _, res := range c.out.results {
		var at []extent
		if a, ok := res.Last(); ok && res.Verdict != dispatch.NotRun {
			at = c.out.reports[attempt{res.Test.ID, a.Token}]
		}
		if len(at) == 0 && c.out.stopped {
			continue // as in the framework itself, what a stopped run did not reach is not in its reports
		}
		if len(at) == 0 {
			reason, err := json.Marshal(map[string]string{"message": "not run: " + cmp.Or(res.Reason, "its reports are missing")})
			if err != nil {
				return err
			}
			if at, err = c.spool.append(nil, "", worker.Reported{Test: res.Test.ID, Kind: "died", Data: reason}); err != nil {
				return err
			}
		}
		if err := lines.Encode(at); err != nil {
			return err
		}
	}
	return nil
}
