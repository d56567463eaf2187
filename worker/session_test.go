package worker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker"
)

// A script is a framework that runs no process: each test's name says what
// becomes of it.
type script struct {
	prelocked bool
	begin     chan struct{}      // when it is set, the first process waits for it
	reply     chan worker.Leased // "hold" tests are announced here, and wait for gate
	gate      chan struct{}
}

func (*script) Name() string { return "script" }

func (f *script) Run(ctx context.Context, open worker.Open, s worker.Stream) (worker.Exit, error) {
	if f.begin != nil {
		<-f.begin
	}
	switch open.Dir {
	case "/usage":
		return worker.Exit{}, fmt.Errorf("%w: unknown argument", worker.ErrUsage)
	case "/dead":
		return worker.Exit{Cause: "exited", Code: 3}, nil
	}
	s.Emit(worker.Event{Opened: &worker.Opened{Mode: open.Mode}})
	for {
		t, state := s.Next(ctx, true)
		if state != worker.Ready {
			return worker.Exit{Code: 0, Files: []string{"/data"}}, nil
		}
		name, _, _ := strings.Cut(string(t.ID), "-")
		if name == "prelock" { // the process dies with the test locked, but not started
			if !f.prelocked {
				f.prelocked = true
				return worker.Exit{Cause: "signal", Code: 137, Missing: "coverage of a process"}, nil
			}
			name = "pass"
		}
		s.Emit(worker.Event{Started: &worker.Started{Test: t.ID, Token: t.Token}})
		switch name {
		case "die": // without a word
			return worker.Exit{Cause: "exited", Code: 1, Test: t.ID}, nil
		case "lose": // the framework does not know what ran
			return worker.Exit{Cause: "signal", Code: 139}, nil
		case "stop":
			s.Emit(finished(t))
			return worker.Exit{Code: 2, Stop: "enough"}, nil
		case "cut": // in the middle of a report
			s.Emit(worker.Event{Reported: &worker.Reported{Test: t.ID, Kind: "report", More: true, Data: make([]byte, 2*worker.MaxFrame)}})
			return worker.Exit{Cause: "signal", Code: 137, Test: t.ID}, nil
		case "talk": // more than fits into a message
			s.Emit(worker.Event{Output: &worker.Output{Stream: "stdout", Data: long, Dropped: 1}})
			s.Emit(worker.Event{Reported: &worker.Reported{Test: t.ID, Kind: "report", Data: long}})
			s.Emit(worker.Event{Reported: &worker.Reported{Test: t.ID, Kind: "end"}})
		case "hold":
			f.reply <- t
			select {
			case <-f.gate:
			case <-ctx.Done():
			}
		case "putback":
			next, state := s.Next(ctx, false)
			if state != worker.Ready {
				return worker.Exit{}, fmt.Errorf("no test behind %s: %v", t.ID, state)
			}
			s.Unlock(next)
		}
		s.Emit(finished(t))
	}
}

// long is more than fits into a message.
var long = bytes.Repeat([]byte("0123456789abcdef"), (worker.MaxMessage+100)/16)

func finished(t worker.Leased) worker.Event {
	return worker.Event{Finished: &worker.Finished{Test: t.ID, Token: t.Token, Outcome: worker.Passed}}
}

func (*script) Conclude(_ context.Context, c worker.Conclude, emit func(worker.Event)) (worker.Concluded, error) {
	if c.Dir == "" {
		return worker.Concluded{}, errors.New("nothing to conclude")
	}
	emit(worker.Event{Output: &worker.Output{Stream: "stdout", Data: []byte("summary")}})
	return worker.Concluded{Code: 1, Files: []string{"junit.xml"}}, nil
}

// tell puts an event into a few words.
func tell(e worker.Event) string {
	switch {
	case e.Opened != nil:
		return "opened"
	case e.Started != nil:
		return fmt.Sprintf("started %s/%d", e.Started.Test, e.Started.Token)
	case e.Finished != nil:
		return strings.TrimSpace(fmt.Sprintf("%s %s/%d %s", e.Finished.Outcome, e.Finished.Test, e.Finished.Token, e.Finished.Cause))
	case e.Returned != nil:
		return fmt.Sprintf("returned %v %v", e.Returned.Tests, e.Returned.Revoked)
	case e.Died != nil:
		return fmt.Sprintf("died of %q %s %d again=%v", e.Died.Test, e.Died.Cause, e.Died.Code, e.Died.Again)
	case e.Failed != nil:
		return fmt.Sprintf("failed %s usage=%v", e.Failed.What, e.Failed.Usage)
	case e.Closed != nil:
		return fmt.Sprintf("closed %d started=%d finished=%d %s%v%s", e.Closed.Code, e.Closed.Started, e.Closed.Finished, e.Closed.Stop, e.Closed.Files, e.Closed.Missing)
	default:
		return fmt.Sprintf("%+v", e)
	}
}

func lease(token worker.Token, ids ...string) worker.Request {
	l := worker.Lease{Token: token}
	for _, id := range ids {
		l.Tests = append(l.Tests, worker.Ref{ID: worker.TestID(id)})
	}
	return worker.Request{Lease: &l}
}

var drain = worker.Request{Drain: &worker.Drain{}}

func send(t *testing.T, c *worker.Client, requests ...worker.Request) {
	t.Helper()
	for _, r := range requests {
		if err := c.Send(r); err != nil {
			t.Fatal(err)
		}
	}
}

func session(dir string) worker.Request {
	return worker.Request{Open: &worker.Open{Framework: "script", Mode: worker.Full, Dir: dir}}
}

// each are the events of a session, one by one.
func each(c *worker.Client) iter.Seq[worker.Event] {
	return func(yield func(worker.Event) bool) {
		for events := range c.Events() {
			for _, e := range events {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// until reads what happens until the session is closed.
func until(c *worker.Client) (told []string) {
	for e := range each(c) {
		told = append(told, tell(e))
		if e.Closed != nil {
			return told
		}
	}
	return append(told, "stream ended")
}

func TestSession(t *testing.T) {
	for name, tc := range map[string]struct {
		dir      string
		requests []worker.Request
		want     []string
	}{
		"two leases": {"", []worker.Request{lease(1, "a", "b"), lease(2, "a"), drain}, []string{
			"opened", "started a/1", "passed a/1", "started b/1", "passed b/1", "started a/2", "passed a/2",
			"closed 0 started=3 finished=3 [/data]"}},
		"nothing": {"", []worker.Request{drain}, []string{"opened", "closed 0 started=0 finished=0 [/data]"}},
		"death goes on": {"", []worker.Request{lease(1, "die-1", "a"), drain}, []string{
			"opened", "started die-1/1", "error die-1/1 exited", `died of "die-1" exited 1 again=true`,
			"opened", "started a/1", "passed a/1", "closed 0 started=2 finished=2 [/data]"}},
		"death at the end": {"", []worker.Request{lease(1, "die-1"), drain}, []string{
			"opened", "started die-1/1", "error die-1/1 exited", `died of "die-1" exited 1 again=false`,
			"closed 1 started=1 finished=1 []"}},
		"locked, not started": {"", []worker.Request{lease(1, "prelock-1", "a"), drain}, []string{
			"opened", `died of "" signal 137 again=true`, "opened", "started prelock-1/1", "passed prelock-1/1",
			"started a/1", "passed a/1", "closed 0 started=2 finished=2 [/data]coverage of a process"}},
		"started, not finished, not known": {"", []worker.Request{lease(1, "lose-1", "a"), drain}, []string{
			"opened", "started lose-1/1", "returned [lose-1] false", `died of "" signal 139 again=true`,
			"opened", "started a/1", "passed a/1", "closed 0 started=2 finished=1 [/data]"}},
		"stop": {"", []worker.Request{lease(1, "stop-1", "a", "b"), drain}, []string{
			"opened", "started stop-1/1", "passed stop-1/1", "returned [a b] false", "closed 2 started=1 finished=1 enough[]"}},
		"unlock": {"", []worker.Request{lease(1, "putback-1", "a", "b"), drain}, []string{
			"opened", "started putback-1/1", "passed putback-1/1", "started a/1", "passed a/1", "started b/1", "passed b/1",
			"closed 0 started=3 finished=3 [/data]"}},
		"usage":              {"/usage", []worker.Request{drain}, []string{"failed open usage=true", "closed -1 started=0 finished=0 []"}},
		"dies before opened": {"/dead", []worker.Request{drain}, []string{`died of "" exited 3 again=false`, "failed open usage=false", "closed -1 started=0 finished=0 []"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := &script{begin: make(chan struct{})}
			c, done := serve(t, worker.Greeting{}, f)
			send(t, c, append([]worker.Request{session(tc.dir)}, tc.requests...)...)
			// The agent takes requests in order: this one tells that it has them all.
			if _, err := c.Exec(t.Context(), worker.Exec{Argv: []string{"true"}}, nil); err != nil {
				t.Fatal(err)
			}
			close(f.begin)
			if diff := cmp.Diff(tc.want, until(c)); diff != "" {
				t.Error(diff)
			}
			quit(t, c, done)
		})
	}
}

// Only what waits is given back, and the running test is not.
func TestRevoke(t *testing.T) {
	f := &script{gate: make(chan struct{}), reply: make(chan worker.Leased)}
	c, done := serve(t, worker.Greeting{}, f)
	send(t, c, session(""), lease(1, "hold-1", "a", "b", "c"))
	<-f.reply
	send(t, c, worker.Request{Revoke: &worker.Revoke{Tests: []worker.TestID{"hold-1", "c", "a", "unknown"}}})
	send(t, c, worker.Request{Revoke: &worker.Revoke{Tests: []worker.TestID{"c"}}}, drain)
	var told []string
	for e := range each(c) {
		told = append(told, tell(e))
		if len(told) == 4 {
			close(f.gate)
		}
		if e.Closed != nil {
			break
		}
	}
	want := []string{
		"opened", "started hold-1/1", "returned [a c] true", "returned [] true",
		"passed hold-1/1", "started b/1", "passed b/1", "closed 0 started=2 finished=2 [/data]",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	quit(t, c, done)
}

func TestSessionAgain(t *testing.T) {
	c, done := serve(t, worker.Greeting{}, &script{})
	send(t, c, lease(9, "early"))
	if got := tell((<-c.Events())[0]); got != "returned [early] false" {
		t.Errorf("a lease without a session: %s", got)
	}
	send(t, c, worker.Request{Open: &worker.Open{Framework: "other"}})
	if got := tell((<-c.Events())[0]); got != "failed open usage=false" {
		t.Errorf("an unknown framework: %s", got)
	}
	for range 2 {
		send(t, c, session(""), lease(1, "a"), drain)
		want := []string{"opened", "started a/1", "passed a/1", "closed 0 started=1 finished=1 [/data]"}
		if diff := cmp.Diff(want, until(c)); diff != "" {
			t.Error(diff)
		}
	}
	quit(t, c, done)
}

// Quit ends a session in its midst, and the tests that wait are not forgotten.
func TestQuitInSession(t *testing.T) {
	f := &script{gate: make(chan struct{}), reply: make(chan worker.Leased)}
	c, done := serve(t, worker.Greeting{}, f)
	send(t, c, session(""), lease(1, "hold-1", "a"))
	<-f.reply
	told := make(chan []string)
	go func() { told <- until(c) }()
	send(t, c, worker.Request{Quit: &worker.Quit{}})
	want := []string{"opened", "started hold-1/1", "passed hold-1/1", "returned [a] false", "closed 0 started=1 finished=1 [/data]"}
	if diff := cmp.Diff(want, <-told); diff != "" {
		t.Error(diff)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := c.Err(); err != nil {
		t.Error(err)
	}
}

func TestConclude(t *testing.T) {
	c, done := serve(t, worker.Greeting{}, &script{})
	var out string
	got, err := c.Conclude(t.Context(), worker.Conclude{Framework: "script", Dir: "/d"}, func(o worker.Output) { out += string(o.Data) })
	if err != nil || out != "summary" || got.Code != 1 || !slices.Equal(got.Files, []string{"junit.xml"}) {
		t.Errorf("got %+v, %q, %v", got, out, err)
	}
	for _, bad := range []worker.Conclude{{Framework: "other"}, {Framework: "script"}} {
		if _, err := c.Conclude(t.Context(), bad, nil); err == nil {
			t.Errorf("%+v gave no error", bad)
		}
	}
	quit(t, c, done)
}

// A report of any length arrives, in pieces, and so does output; one that its
// process does not finish is followed by others.
func TestSessionLongReports(t *testing.T) {
	c, done := serve(t, worker.Greeting{}, &script{})
	send(t, c, session("/"), lease(1, "cut-1", "talk-2"), drain)
	var told []string
	var report, output []byte
	dropped := int64(0)
	for e := range each(c) {
		switch {
		case e.Reported != nil:
			if report = append(report[:e.Reported.Offset], e.Reported.Data...); !e.Reported.More {
				told = append(told, fmt.Sprintf("%s %s %d %v", e.Reported.Test, e.Reported.Kind, len(report), bytes.Equal(report, long)))
			}
		case e.Output != nil:
			output, dropped = append(output, e.Output.Data...), dropped+e.Output.Dropped
		default:
			told = append(told, tell(e))
		}
		if e.Closed != nil {
			break
		}
	}
	want := []string{
		"opened", "started cut-1/1", "error cut-1/1 signal", `died of "cut-1" signal 137 again=true`,
		"opened", "started talk-2/1", fmt.Sprintf("talk-2 report %d true", len(long)), "talk-2 end 0 false", "passed talk-2/1",
		"closed 0 started=2 finished=2 [/data]",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	if !bytes.Equal(output, long) || dropped != 1 {
		t.Errorf("%d bytes of output came, and %d were left out", len(output), dropped)
	}
	quit(t, c, done)
}
