package command

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework/cases"
)

// batch runs units in one process, and what that leaves open in one for each.
func (s *session) batch(ctx context.Context, batch []worker.Leased) error {
	token := map[worker.TestID]worker.Token{}
	for _, t := range batch {
		token[t.ID] = t.Token
		s.stream.Emit(worker.Event{Started: &worker.Started{Test: t.ID, Token: t.Token}})
	}
	again, err := s.process(ctx, batch)
	for _, id := range again {
		if err != nil {
			return err
		}
		_, err = s.process(ctx, []worker.Leased{{Ref: worker.Ref{ID: id}, Token: token[id]}})
	}
	return err
}

// process runs units in one process, and tells what became of them. It returns
// those that are to be run again, alone.
func (s *session) process(ctx context.Context, batch []worker.Leased) (again []worker.TestID, err error) {
	r, err := s.execute(ctx, names(batch))
	if err != nil {
		return nil, err
	}
	ids := make([]worker.TestID, len(batch))
	token := map[worker.TestID]worker.Token{}
	for i, t := range batch {
		ids[i], token[t.ID] = t.ID, t.Token
	}
	j := judge(ids, s.owner, r)
	if !s.options.IgnoreExtra {
		if err := s.owner.unowned(j.extra); err != nil {
			return nil, err
		}
	}
	if r.crashed() && len(s.options.Coverage) > 0 {
		s.missing = append(s.missing, "a process "+r.reason())
	}
	times := share(j, r.took)
	for i, v := range j.verdicts {
		for _, c := range v.cases {
			s.stream.Emit(c.Report(v.unit))
		}
		s.stream.Emit(worker.Event{Finished: v.finished(token[v.unit], times[i], r.code)})
	}
	return j.again, nil
}

// execute runs one process to its end, and reads its results.
func (s *session) execute(ctx context.Context, units []string) (r result, err error) {
	if err := os.WriteFile(s.unitsFile(), []byte(strings.Join(units, "\n")+"\n"), 0o644); err != nil {
		return r, fmt.Errorf("write the units to run: %w", err)
	}
	if err := s.clearJUnit(); err != nil {
		return r, err
	}
	s.ran = true
	r.limit, r.cased = s.limit*time.Duration(len(units)), s.options.cased()
	command := s.run.fill(map[string][]string{unitsWord: units, junitWord: {s.junitFile()}})
	var printed cases.Clipped
	r.ending, err = s.shell.run(ctx, command, map[string]string{"SHARDYARD_UNITS": s.unitsFile()}, r.limit, func(stream string, p []byte) {
		printed.Add(p)
		s.output.Pass(stream, p)
	})
	if err != nil {
		return r, fmt.Errorf("run %d units: %w", len(units), err)
	}
	r.output = printed.String()
	if r.cased {
		r.cases, r.broken, err = s.readJUnit()
	}
	return r, err
}

// clearJUnit removes JUnit files of earlier processes.
func (s *session) clearJUnit() error {
	if err := os.RemoveAll(s.junitFile()); err != nil {
		return fmt.Errorf("remove an old result: %w", err)
	}
	old, err := matching(s.shell.dir, s.options.JUnit)
	if err != nil {
		return err
	}
	return remove(s.shell.dir, old)
}

func (s *session) readJUnit() (list []cases.Case, broken string, err error) {
	if len(s.options.JUnit) > 0 {
		files, err := matching(s.shell.dir, s.options.JUnit)
		if err != nil {
			return nil, "", err
		}
		list, broken = readJUnit(s.shell.dir, files)
		return list, broken, nil
	}
	list, broken = readJUnit("", []string{s.junitFile()})
	return list, broken, nil
}

// A span is what a unit took of its process's time, in milliseconds.
type span struct{ setup, call float64 }

// share parts a process's time among its verdicts: each gets the time of its
// cases, the first also what none of them took. Where cases ran side by side
// their times are cut to what there was.
func share(j judgement, took time.Duration) []span {
	spans := make([]span, len(j.verdicts))
	sum := 0.0
	for i, v := range j.verdicts {
		for _, c := range v.cases {
			spans[i].call += c.Millis
		}
		sum += spans[i].call
	}
	whole := float64(took.Microseconds()) / 1e3
	for i := range spans {
		if sum > whole {
			spans[i].call *= whole / sum
		}
	}
	if len(spans) > 0 {
		spans[0].setup = max(0, whole-sum)
	}
	return spans
}

// finished returns the end of an attempt at a unit.
func (v verdict) finished(token worker.Token, took span, code int) *worker.Finished {
	f := &worker.Finished{Test: v.unit, Token: token, Outcome: v.outcome, SetupMS: took.setup, CallMS: took.call, Cause: v.cause}
	if v.cause != "" {
		f.Code = code
	}
	if v.outcome.Fails() || v.outcome == worker.Skipped {
		f.Message = v.message()
	}
	return f
}

// message is why a unit has its outcome, in a line: what the first case of that
// outcome says, or printed.
func (v verdict) message() string {
	i := slices.IndexFunc(v.cases, func(c cases.Case) bool { return c.Outcome == v.outcome })
	if i < 0 {
		return ""
	}
	c := v.cases[i]
	text := cmp.Or(c.Message, cases.Line(c.Output))
	if text == "" && v.outcome.Fails() {
		text = "failed without a word"
	}
	if c.Name != string(v.unit) && text != "" {
		text = c.Name + ": " + text
	}
	return text
}
