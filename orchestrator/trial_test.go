package orchestrator

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker/framework"
)

// A trial is a run of a fake suite on a fake engine, in a bubble with a time of
// its own.
type trial struct {
	suite  *fakeSuite
	engine *fakeEngine
	req    Request
	deps   Deps
	cancel context.CancelCauseFunc // the first signal
	kill   context.CancelFunc      // the second one
	// during is told of every event as it comes.
	during func(report.Event)

	rep   *report.Report
	story []string        // the events, in words
	steps []string        // what steps say of their progress
	said  strings.Builder // the framework's closing text
	took  time.Duration
}

// try runs a suite. Change, if it is not nil, is called before the run starts,
// inside of the bubble.
func try(t *testing.T, s *fakeSuite, change func(*trial)) *trial {
	t.Helper()
	x := newTrial(t, s)
	synctest.Test(t, func(t *testing.T) {
		x.run(t, change)
		x.calm()
	})
	x.leftNothing(t)
	x.logTeaches(t)
	return x
}

func (x *trial) run(t *testing.T, change func(*trial)) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	x.cancel = cancel
	kill, second := context.WithCancel(context.WithoutCancel(ctx))
	defer second()
	ctx, x.kill = WithKill(ctx, kill), second
	if change != nil {
		change(x)
	}
	endless := time.AfterFunc(3*time.Hour, func() { panic("the run does not end:\n" + numbered(x.story)) })
	defer endless.Stop()
	began := time.Now()
	rep, err := Run(ctx, x.req, x.deps)
	if err != nil {
		t.Fatal(err)
	}
	x.rep, x.took = rep, time.Since(began)
}

// calm lets agents that were cut off in the middle of a sentence notice it.
func (x *trial) calm() { time.Sleep(time.Second) }

func newTrial(t *testing.T, s *fakeSuite) *trial {
	x := &trial{suite: s, engine: &fakeEngine{suite: s, dir: t.TempDir()}}
	project := t.TempDir()
	if err := os.WriteFile(filepath.Join(project, "a.py"), []byte("pass\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	x.req = Request{
		Project: project, ProjectID: "example.com/org/x", RunID: "r", Out: t.TempDir(), Workers: 2, Collection: Lazy, Source: source.Options{Temp: t.TempDir()},
		Session: framework.Suite{Framework: "fake", Lazy: true, Compiled: &framework.Compiled{}},
	}
	x.deps = Deps{Engine: x.engine, Framework: s, Logger: hclog.NewNullLogger(), Terminal: &x.said, Now: time.Now, Sinks: []Sink{x}}
	return x
}

// Handle implements Sink.
func (x *trial) Handle(e report.Event) {
	if p, ok := e.Body.(report.StepProgress); ok {
		x.steps = append(x.steps, p.Text)
	}
	if line := tell(e.Body); line != "" {
		x.story = append(x.story, line)
	}
	if x.during != nil {
		x.during(e)
	}
}

// tell puts an event into a few words; "" for what is told elsewhere.
func tell(b report.Body) string {
	name := report.WorkerName
	switch b := b.(type) {
	case report.Note:
		return fmt.Sprintf("%s: %s", b.Level, b.Text)
	case report.Died:
		return fmt.Sprintf("a process of %s died: %s, %d, again %t", name(b.Worker), b.Cause, b.Code, b.Again)
	case report.WorkerStarted:
		return fmt.Sprintf("%s begins %s", name(b.Worker), b.Mode)
	case report.WorkerReady:
		return name(b.Worker) + " is ready"
	case report.WorkerLost:
		return strings.TrimSuffix(fmt.Sprintf("%s is lost: %s, with %s", name(b.Worker), b.Cause, b.Test), ", with ")
	case report.WorkerClosed:
		return name(b.Worker) + " closed"
	case report.Discovered:
		return fmt.Sprintf("discovered %d", b.Tests)
	case report.Planned:
		return fmt.Sprintf("planned for %d", b.Workers)
	case report.Dropped:
		return fmt.Sprintf("dropped %s", strings.Join(b.Tests, " "))
	case report.TestStarted:
		return fmt.Sprintf("%s starts %s %d", name(b.Worker), b.Test, b.Attempt)
	case report.TestFinished:
		s := fmt.Sprintf("%s ends %s %d %s %s", name(b.Worker), b.Test, b.Attempt, b.Outcome, b.Cause)
		if b.Tentative {
			s += " tentative"
		}
		return strings.Join(strings.Fields(s), " ")
	case report.Evidence:
		return strings.TrimSpace(fmt.Sprintf("evidence of %s: %s %s", name(b.Worker), b.Test, b.Outcome))
	case report.Judged:
		return strings.TrimSpace(fmt.Sprintf("verdict %s %s", b.Test, b.Verdict))
	case report.Stopped:
		return strings.TrimSpace(fmt.Sprintf("stopped: %s %s", b.Reason, b.Signal))
	case report.Fault:
		return fmt.Sprintf("fault: %s: %s", b.Kind, b.Text)
	case report.Concluded:
		return "concluded"
	}
	return ""
}

// leftNothing checks that every place was removed, and the run's own directory
// has results only.
func (x *trial) leftNothing(t *testing.T) {
	t.Helper()
	for name := range x.engine.places {
		if !slices.Contains(x.engine.removed, name) {
			t.Errorf("%s was not removed", name)
		}
	}
	for _, dir := range []string{"conclusion", "scratch"} {
		if _, err := os.Stat(filepath.Join(x.req.Out, dir)); err == nil {
			t.Errorf("%s is left behind", dir)
		}
	}
}

// logTeaches checks that what the history got is what it would get of the log.
func (x *trial) logTeaches(t *testing.T) {
	t.Helper()
	h, ok := x.deps.History.(*fakeHistory)
	if !ok || len(h.recorded) != 1 {
		return
	}
	got, ok, err := Lessons(x.req.Out)
	if err != nil || !ok {
		t.Fatalf("the log teaches nothing: %v", err)
	}
	if diff := cmp.Diff(h.recorded[0], got); diff != "" {
		t.Errorf("the log teaches something else (-recorded +log):\n%s", diff)
	}
}

// wants checks that these lines are in the story, in this order.
func (x *trial) wants(t *testing.T, lines ...string) {
	t.Helper()
	at := 0
	for _, want := range lines {
		i := slices.Index(x.story[at:], want)
		if i < 0 {
			t.Fatalf("no %q behind line %d of\n%s", want, at, numbered(x.story))
		}
		at += i + 1
	}
}

// lacks checks that no line has this in it.
func (x *trial) lacks(t *testing.T, part string) {
	t.Helper()
	for _, line := range x.story {
		if strings.Contains(line, part) {
			t.Errorf("there is %q", line)
		}
	}
}

func numbered(lines []string) string {
	var b strings.Builder
	for i, l := range lines {
		fmt.Fprintf(&b, "%3d %s\n", i, l)
	}
	return b.String()
}

// ends checks the exit code and the verdicts, in the order of the ids.
func (x *trial) ends(t *testing.T, exit int, verdicts string) {
	t.Helper()
	var got []string
	for _, r := range x.rep.Tests {
		got = append(got, r.Test+" "+string(r.Verdict))
	}
	slices.Sort(got)
	if x.rep.Exit != exit || strings.Join(got, ", ") != verdicts {
		t.Errorf("exit %d with %s\nwant %d with %s\n%s", x.rep.Exit, strings.Join(got, ", "), exit, verdicts, numbered(x.story))
	}
}

// discover discovers the suite, in a bubble.
func (x *trial) discover(t *testing.T) (found *Discovery, rep *report.Report) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var err error
		if found, rep, err = Discover(t.Context(), x.req, x.deps); err != nil {
			t.Fatal(err)
		}
		x.calm()
	})
	return found, rep
}
