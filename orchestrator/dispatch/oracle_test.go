package dispatch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// A happening is what becomes of an attempt: how it ends, or that its worker is
// lost. Full says that its worker had collected everything; suspect is what a
// worker says of an outcome that may not be plain pytest's.
type happening struct {
	outcome worker.Outcome // "" when the worker is lost
	full    bool
	suspect bool
}

// oracle is the table of verdicts, written from the words of docs/architecture.md
// ("Tokens, lost workers, retries", "Lazy collection") and not from the code: what
// is known of a test after these happenings, or that it runs again.
func oracle(all []happening, retries int) (verdict dispatch.Verdict, again bool) {
	var counted []worker.Outcome
	losses, unconfirmed := 0, false
	for _, h := range all {
		fails := h.outcome == worker.Failing || h.outcome == worker.Errored
		switch {
		case h.outcome == "": // "tried once more, alone; when that is lost too it is not run"
			losses++
		case !h.full && (fails || h.suspect): // "tentative", until a full worker has run it
			unconfirmed = true
		default:
			counted = append(counted, h.outcome)
			unconfirmed = false
		}
	}
	failures := 0
	for _, o := range counted {
		if o == worker.Failing || o == worker.Errored {
			failures++
		}
	}
	last := worker.Outcome("")
	if len(all) > 0 {
		last = all[len(all)-1].outcome
	}
	lastFails := last == worker.Failing || last == worker.Errored
	switch {
	case last == "" && losses > 1 && failures == 0:
		return dispatch.NotRun, false
	case last == "" && losses > 1: // what failed has failed
		return dispatch.Failed, false
	case last == "", unconfirmed, lastFails && failures <= retries:
		return "", true
	case failures == 0 && (last == worker.Skipped || last == worker.XFailed):
		return dispatch.Skipped, false
	case failures == 0:
		return dispatch.Passed, false
	case last == worker.Passed || last == worker.XPassed: // "Passed then: flaky"
		return dispatch.Flaky, false
	}
	return dispatch.Failed, false // also when the retry is skipped: nothing shows that it can pass
}

// a stage has one test, and as many workers as may be needed for it.
type stage struct {
	d       *dispatch.Dispatcher
	now     time.Duration
	hand    *dispatch.Hand // what is to be run next
	full    map[dispatch.WorkerID]bool
	done    bool
	problem string
}

func newStage(lazy bool, retries int) *stage {
	s := &stage{full: map[dispatch.WorkerID]bool{1: true, 2: !lazy}}
	s.d = dispatch.New(dispatch.Config{Workers: 2, Retries: retries, MaxReplacements: 4})
	s.send(dispatch.TestsAdded{Tests: []plan.Test{{ID: "t", File: "f", Estimate: time.Second, Known: true}}})
	s.send(dispatch.InventoryComplete{})
	first := dispatch.WorkerID(1)
	if lazy {
		first = 2
	}
	for _, id := range []dispatch.WorkerID{first, 3 - first} { // who comes first gets the test
		s.send(dispatch.WorkerReady{Worker: id, Full: s.full[id]})
	}
	return s
}

func (s *stage) send(in dispatch.Input) {
	s.now += 100 * time.Millisecond
	for _, c := range s.d.Handle(s.now, in).Commands {
		switch c := c.(type) {
		case dispatch.Hand:
			if s.hand != nil {
				s.problem = "the test is handed out twice"
			}
			s.hand = &c
		case dispatch.Replace:
			s.full[c.Worker] = c.Full
			defer s.send(dispatch.WorkerReady{Worker: c.Worker, Full: c.Full})
		case dispatch.Done:
			s.done = true
		}
	}
}

// play runs the test as a happening says, and returns what was played.
func (s *stage) play(h happening) happening {
	hand := *s.hand
	s.hand = nil
	h.full = s.full[hand.Worker]
	s.send(dispatch.TestStarted{Worker: hand.Worker, Token: hand.Token, Test: "t"})
	if h.outcome == "" {
		s.send(dispatch.WorkerLost{Worker: hand.Worker, Cause: "it was killed"})
		return h
	}
	s.send(dispatch.TestFinished{
		Worker: hand.Worker, Token: hand.Token, Test: "t", Outcome: h.outcome, Call: time.Second, Suspect: h.suspect, Tentative: !h.full,
	})
	return h
}

// TestTheLedgerSaysWhatTheOracleSays plays everything that can happen to a test
// in four attempts.
func TestTheLedgerSaysWhatTheOracleSays(t *testing.T) {
	var kinds []happening
	for _, o := range []worker.Outcome{"", worker.Passed, worker.XPassed, worker.Skipped, worker.XFailed, worker.Failing, worker.Errored} {
		kinds = append(kinds, happening{outcome: o})
		if o != "" {
			kinds = append(kinds, happening{outcome: o, suspect: true})
		}
	}
	played := 0
	for _, lazy := range []bool{false, true} {
		for retries := range 3 {
			for script := range scripts(kinds, 4) {
				s := newStage(lazy, retries)
				var all []happening
				verdict, again := dispatch.Verdict(""), true
				for _, h := range script {
					if s.hand == nil || !again {
						break
					}
					all = append(all, s.play(h))
					verdict, again = oracle(all, retries)
				}
				played++
				if why := s.differs(verdict, again); why != "" {
					t.Errorf("lazy %t, %d retries, %s: %s", lazy, retries, tell(all), why)
				}
				if t.Failed() {
					return
				}
			}
		}
	}
	t.Logf("%d scripts", played)
}

// differs says how the dispatcher differs from the oracle.
func (s *stage) differs(verdict dispatch.Verdict, again bool) string {
	r, _ := s.d.Result("t")
	switch {
	case s.problem != "":
		return s.problem
	case again && (s.hand == nil || r.Final || s.done):
		return fmt.Sprintf("it should run again, and is %s, final %t, done %t", r.Verdict, r.Final, s.done)
	case !again && (s.hand != nil || !r.Final || !s.done || r.Verdict != verdict):
		return fmt.Sprintf("it should be %s, and is %s, final %t, done %t", verdict, r.Verdict, r.Final, s.done)
	case !again && r.Verdict == dispatch.NotRun && (r.Reason == "" || !r.Lost):
		return fmt.Sprintf("it is not run, for the reason %q", r.Reason)
	}
	return ""
}

// scripts are all sequences of so many kinds.
func scripts(kinds []happening, n int) func(func([]happening) bool) {
	return func(yield func([]happening) bool) {
		at := make([]int, n)
		for {
			script := make([]happening, n)
			for i, k := range at {
				script[i] = kinds[k]
			}
			if !yield(script) {
				return
			}
			i := slices.IndexFunc(at, func(k int) bool { return k < len(kinds)-1 })
			if i < 0 {
				return
			}
			clear(at[:i])
			at[i]++
		}
	}
}

func tell(all []happening) string {
	var list []string
	for _, h := range all {
		list = append(list, fmt.Sprintf("%+v", h))
	}
	return strings.Join(list, ", ")
}
