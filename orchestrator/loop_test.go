package orchestrator

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/internal/needs"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// two is a suite of two files; worker-1 collects everything, worker-2 is lazy
// and is handed the first tests.
func two() *fakeSuite { return suiteOf("a.py a1 a2", "b.py b1 b2") }

const green = "a1 passed, a2 passed, b1 passed, b2 passed"

func TestOneWorkerDiscoversAndTheOthersAreLazy(t *testing.T) {
	x := try(t, two(), nil)
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "worker-1 begins full", "discovered 4", "planned for 2", "worker-1 is ready", "worker-1 starts a1 1",
		"worker-1 ends a1 1 passed", "verdict a1 passed", "worker-1 closed", "concluded")
	x.wants(t, "worker-2 begins lazy", "worker-2 is ready", "worker-2 starts a2 1", "verdict a2 passed", "worker-2 closed")
	if x.said.String() != "the framework's last words\n" {
		t.Errorf("the terminal shows %q", &x.said)
	}
	if n := strings.Count(string(x.suite.order), "\n"); n != 5 { // those of the sessions, and of each test
		t.Errorf("%d lines of order:\n%s", n, x.suite.order)
	}
	for _, want := range []string{`"kind":"collect"`, `"test":"a1","kind":"report"`, `"test":"b2","kind":"report"`} {
		if !strings.Contains(string(x.suite.reports), want) {
			t.Errorf("the reports lack %s:\n%s", want, x.suite.reports)
		}
	}
	if kept, err := os.ReadFile(filepath.Join(x.req.Out, reportsFile)); err != nil || string(kept) != string(x.suite.reports) {
		t.Errorf("kept of the reports, which are\n%s\nis\n%s\n%v", x.suite.reports, kept, err)
	}
	if strings.Contains(string(x.suite.reports), `"kind":"died"`) {
		t.Errorf("a report is missing:\n%s", x.suite.reports)
	}
	if x.took < 2*time.Second || x.took > 3*time.Second {
		t.Errorf("two tests of a second on each of two workers took %s", x.took)
	}
}

func TestEveryWorkerMayCollectEverything(t *testing.T) {
	x := try(t, two(), func(x *trial) { x.req.Collection = Full })
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "worker-1 begins full", "worker-1 is ready")
	x.wants(t, "worker-2 begins full", "worker-2 is ready")
	x.wants(t, "info: every worker collects the whole suite: as asked")

	s := two()
	s.full = "a conftest replaces perform_collect"
	x = try(t, s, func(x *trial) { x.req.Workers = 3 })
	x.ends(t, report.ExitGreen, green)
	const told = "info: every worker collects the whole suite: a conftest replaces perform_collect"
	x.wants(t, told, "worker-3 begins full")
	if n := strings.Count(strings.Join(x.story, "\n"), told); n != 1 {
		t.Errorf("the reason is told %d times", n)
	}
}

func TestAListThatIsRefutedRunsAgain(t *testing.T) {
	s := two()
	s.lazily = map[string][]worker.Item{"b.py": fileOf("b.py b2 b1").Items, "a.py": fileOf("a.py a2 a1").Items}
	h := &fakeHistory{}
	x := try(t, s, func(x *trial) { x.deps.History = h })
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "warning: worker-2 found other tests in a.py than a full collection: the next 10 runs of this suite collect everything on every worker",
		"evidence of worker-2: a2", "worker-1 starts a2 1", "verdict a2 passed")
	if h.facts[factTrust] != `{"doubts":2,"rest":10}` {
		t.Errorf("later runs trust %s", h.facts[factTrust])
	}
	if len(h.recorded) != 1 || len(h.recorded[0].Attempts) != 4 {
		t.Errorf("recorded %+v", h.recorded)
	}
}

func TestWhatRanBeforeItsListWasRefutedIsVoid(t *testing.T) {
	s := two()
	s.collect = 10 * time.Second
	s.lazily = map[string][]worker.Item{"b.py": fileOf("b.py b2 b1").Items}
	s.on("b1", fate{outcome: worker.Skipped}, fate{})
	x := try(t, s, func(x *trial) { x.deps.History = &fakeHistory{inventory: hint("a.py a1 a2", "b.py b1 b2")} })
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "worker-2 ends b1 1 skipped", "verdict b1 skipped", "discovered 4",
		"warning: worker-2 found other tests in b.py than a full collection: the next 10 runs of this suite collect everything on every worker",
		"verdict b1", "planned for 2", "worker-1 is ready", "worker-1 starts b1 2", "verdict b1 passed")
	x.lacks(t, "starts a1 2")
}

func TestAFailureOnALazyWorkerIsConfirmed(t *testing.T) {
	s := two()
	s.on("a2", fate{outcome: worker.Failing, message: "1 != 2"})
	x := try(t, s, nil)
	x.ends(t, report.ExitFailed, "a1 passed, a2 failed, b1 passed, b2 passed")
	x.wants(t, "worker-2 ends a2 1 failed tentative", "worker-1 starts a2 2", "worker-1 ends a2 2 failed", "verdict a2 failed")
	x.lacks(t, "depends on the order")
	if got := x.rep.Tests[1]; got.Message != "1 != 2" && x.rep.Tests[0].Message != "1 != 2" {
		t.Errorf("%+v", x.rep.Tests)
	}
}

func TestAFailureThatIsNotConfirmedIsSaid(t *testing.T) {
	s := two()
	s.lazyOnly("b2")
	h := &fakeHistory{}
	x := try(t, s, func(x *trial) { x.deps.History = h })
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "worker-2 ends b2 1 failed tentative", "verdict b2 passed",
		"warning: b2 failed on worker-2, after a2, and not on worker-1, which had collected everything: it depends on the order of tests, "+
			"on their whole list, or on chance; the exact order is in workers/worker-2.tests")
	if h.facts[factTrust] != `{"doubts":1,"rest":0}` {
		t.Errorf("later runs trust %s", h.facts[factTrust])
	}
}

func TestLazinessThatHoldsIsTrustedAgain(t *testing.T) {
	h := &fakeHistory{facts: map[string]string{factTrust: `{"doubts":1,"rest":0}`}}
	try(t, two(), func(x *trial) { x.deps.History = h })
	if h.facts[factTrust] != `{"doubts":0,"rest":0}` {
		t.Errorf("later runs trust %s", h.facts[factTrust])
	}
	h = &fakeHistory{facts: map[string]string{factTrust: `{"doubts":2,"rest":10}`}}
	x := try(t, two(), func(x *trial) { x.deps.History = h })
	x.wants(t, "info: every worker collects the whole suite, in this run and 9 more: earlier runs found that lazy collection may not be the same here, or costs more", "worker-2 begins full")
	if h.facts[factTrust] != `{"doubts":2,"rest":9}` {
		t.Errorf("later runs trust %s", h.facts[factTrust])
	}
}

// killed ends the place of the test's worker at its first n attempts.
func (s *fakeSuite) killed(id worker.TestID, n int, exit engine.Exit) {
	s.tests[id] = func(at *fakeSession, _ worker.Leased) fate {
		if s.attempts[id] <= n {
			at.after(func() { at.place.kill(exit) })
			return fate{took: time.Hour}
		}
		return fate{}
	}
}

func TestALostWorkerIsReplaced(t *testing.T) {
	s := two()
	s.killed("a2", 1, engine.Exit{Code: 137})
	x := try(t, s, nil)
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "worker-2 starts a2 1", "worker-2 is lost: it was killed from outside (exit status 137), with a2", "worker-3 begins lazy")
	last := ""
	for _, l := range x.story {
		if strings.Contains(l, " starts ") {
			last = l
		}
	}
	if !strings.HasSuffix(last, "starts a2 2") {
		t.Errorf("%q is the last start; the test of a lost worker runs last", last)
	}
	for _, s := range x.engine.specs {
		if s.OwnTree != (s.Name == "worker-3") {
			t.Errorf("%s has a tree of its own: %t; tests had written into it when worker-3 came", s.Name, s.OwnTree)
		}
	}
}

func TestATestThatLosesTwoWorkersIsNotRun(t *testing.T) {
	s := two()
	s.killed("a2", 9, engine.Exit{Code: 137, OOMKilled: true})
	x := try(t, s, nil)
	x.ends(t, report.ExitInfrastructure, "a1 passed, a2 not-run, b1 passed, b2 passed")
	x.wants(t, "verdict a2 not-run")
	for _, r := range x.rep.Tests {
		if r.Test == "a2" && !strings.HasPrefix(r.Reason, "worker lost twice while it ran: it ran out of memory") {
			t.Errorf("reason %q", r.Reason)
		}
	}
}

func TestAWorkerThatGoesSilentIsLost(t *testing.T) {
	s := two()
	s.tests["a2"] = func(at *fakeSession, _ worker.Leased) fate {
		if s.attempts["a2"] == 1 {
			at.after(func() { at.place.frozen.Store(true) })
			return fate{took: time.Hour}
		}
		return fate{}
	}
	x := try(t, s, nil)
	x.ends(t, report.ExitGreen, green)
	lost := false
	for _, l := range x.story {
		lost = lost || strings.HasPrefix(l, "worker-2 is lost: ") && strings.Contains(l, "no sign of life for 3")
	}
	if !lost || x.took < 30*time.Second || x.took > 45*time.Second {
		t.Errorf("it took %s\n%s", x.took, numbered(x.story))
	}
}

func TestATestThatEndsItsProcessIsFailed(t *testing.T) {
	for _, cause := range []string{"exited", "signal", "timeout"} {
		s := two()
		s.on("a2", fate{ends: cause})
		x := try(t, s, nil)
		x.ends(t, report.ExitFailed, "a1 passed, a2 failed, b1 passed, b2 passed")
		x.wants(t, "worker-2 ends a2 1 error "+cause, "verdict a2 failed", "worker-2 starts b2 1", "worker-2 closed")
		x.lacks(t, "tentative") // a process that ended has ended
		x.lacks(t, "is lost")
	}
}

func TestMaxfailStopsTheRun(t *testing.T) {
	s := suiteOf("a.py a1 a2 a3 a4", "b.py b1 b2 b3 b4")
	s.session = `{"maxfail":2,"notes":["-x is honoured over all workers"]}`
	for _, id := range []worker.TestID{"a1", "a2", "a3", "a4"} {
		s.on(id, fate{outcome: worker.Failing})
	}
	x := try(t, s, func(x *trial) { x.req.Collection = Full })
	if x.rep.Exit != report.ExitFailed || x.rep.Totals.NotRun != 4 { // what runs may end
		t.Errorf("exit %d, %+v", x.rep.Exit, x.rep.Totals)
	}
	x.wants(t, "info: -x is honoured over all workers", "stopped: stopping after 2 failures", "concluded")
	if n := strings.Count(strings.Join(x.story, "\n"), "stopped: "); n != 1 {
		t.Errorf("the run is stopped %d times", n)
	}

	s = two() // a failure counts once it is confirmed
	s.session = `{"maxfail":1}`
	s.lazyOnly("a2", "b2")
	try(t, s, nil).ends(t, report.ExitGreen, green)
}

// at calls do when the story has this line for the first time.
func (x *trial) at(line string, do func()) {
	done := false
	x.during = func(report.Event) {
		if !done && len(x.story) > 0 && x.story[len(x.story)-1] == line {
			done = true
			do()
		}
	}
}

func TestAnInterruptGivesTestsThreeSeconds(t *testing.T) {
	s := two()
	s.on("a1", fate{took: 2 * time.Second})
	s.on("a2", fate{took: time.Hour})
	x := try(t, s, func(x *trial) {
		x.at("worker-2 starts a2 1", func() { x.cancel(Signal{"interrupt"}) })
	})
	x.ends(t, report.ExitInterrupted, "a1 passed, a2 not-run, b1 not-run, b2 not-run")
	x.wants(t, "stopped: interrupted interrupt", "verdict b2 not-run", "worker-1 ends a1 1 passed", "worker-1 closed", "verdict a2 not-run", "concluded")
	if x.took < 3*time.Second || x.took > 4*time.Second {
		t.Errorf("it took %s", x.took)
	}

	x = try(t, two(), func(x *trial) { x.at("worker-1 begins full", func() { x.cancel(Signal{"terminated"}) }) })
	x.ends(t, report.ExitTerminated, "a1 not-run, a2 not-run, b1 not-run, b2 not-run")
}

func TestAFirstRunForeseesWhatLazinessWouldRepeat(t *testing.T) {
	for name, c := range map[string]struct {
		suspects []string
		edit     func(*Request)
		want     string
	}{
		"all":       {[]string{"a.py", "b.py"}, func(*Request) {}, `{"doubts":2,"rest":10}`},
		"none":      {nil, func(*Request) {}, ""},
		"not asked": {[]string{"a.py", "b.py"}, func(r *Request) { r.CI = true }, ""},
		"asked for": {[]string{"a.py", "b.py"}, func(r *Request) { r.Collection = Full }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h, s, foresee := &fakeHistory{facts: map[string]string{}}, two(), false
			s.collect = time.Second
			for _, id := range []worker.TestID{"a1", "a2", "b1", "b2"} {
				s.on(id, fate{took: 2 * time.Second})
			}
			s.began = func(o worker.Open) { foresee = o.Foresee }
			s.closing = func(string) (e worker.Exit) {
				if foresee {
					e.Suspects = c.suspects
				}
				return e
			}
			x := try(t, s, func(x *trial) {
				x.deps.History, x.req.Collection = h, Adaptive
				c.edit(&x.req)
			})
			x.ends(t, report.ExitGreen, green)
			if h.facts[factTrust] != c.want {
				t.Errorf("later runs trust %s, want %s", h.facts[factTrust], c.want)
			}
		})
	}
}

func TestTheRunHasATimeLimit(t *testing.T) {
	s := two()
	s.on("a2", fate{took: time.Hour})
	x := try(t, s, func(x *trial) { x.req.RunTimeout = 10 * time.Second })
	x.ends(t, report.ExitInfrastructure, "a1 passed, a2 not-run, b1 passed, b2 passed")
	x.wants(t, "stopped: the run took longer than --run-timeout 10s", "verdict a2 not-run")
	if x.took < 13*time.Second || x.took > 14*time.Second {
		t.Errorf("it took %s", x.took)
	}
}

func TestTwoSessionsThatFailAlikeEndTheRun(t *testing.T) {
	s := two()
	s.open = func(string) error { return errors.New("internal error") }
	x := try(t, s, func(x *trial) { x.req.Collection = Full })
	x.ends(t, report.ExitInfrastructure, "")
	x.wants(t, "fault: infrastructure: internal error", "stopped: two workers failed in the same way")
}

func TestAMistakeOfTheUsersEndsTheRun(t *testing.T) {
	s := two()
	s.open = func(string) error { return fmt.Errorf("%w: no such option", worker.ErrUsage) }
	x := try(t, s, nil)
	x.ends(t, report.ExitUsage, "")
	x.wants(t, "fault: usage: usage: no such option", "stopped: the suite cannot be run as asked")
}

func TestALazySessionThatFailsIsReplacedByAFullOne(t *testing.T) {
	s := two()
	s.open = func(name string) error {
		if name == "worker-2" {
			return errors.New("cannot be lazy here")
		}
		return nil
	}
	x := try(t, s, nil)
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "worker-2 is lost: cannot be lazy here",
		"warning: worker-2 could not collect lazily: the next 10 runs of this suite collect everything on every worker", "worker-3 begins full")
}

func TestAFailedTestRunsAgain(t *testing.T) {
	for _, c := range []struct {
		name    string
		fates   []fate
		gate    bool
		exit    int
		verdict string
	}{
		{"and is flaky when it passes", []fate{{outcome: worker.Failing}, {}}, false, report.ExitGreen, "flaky"},
		{"which fails the run when that was asked for", []fate{{outcome: worker.Failing}, {}}, true, report.ExitGate, "flaky"},
		{"and is failed when it fails", []fate{{outcome: worker.Failing}}, false, report.ExitFailed, "failed"},
		{"and stays failed when it is skipped", []fate{{outcome: worker.Failing}, {outcome: worker.Skipped}}, false, report.ExitFailed, "failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := two()
			s.on("a1", c.fates...)
			x := try(t, s, func(x *trial) { x.req.Retries, x.req.Collection, x.req.FailOnFlaky = 1, Full, c.gate })
			x.ends(t, c.exit, "a1 "+c.verdict+", a2 passed, b1 passed, b2 passed")
			x.wants(t, "worker-1 ends a1 1 failed", "worker-3 begins full", "worker-3 starts a1 2", "verdict a1 "+c.verdict)
		})
	}
}

// A worker is input, not a friend.
func TestAWorkerThatSpeaksOutOfTurnChangesNothing(t *testing.T) {
	s := suiteOf("a.py a1 a2", "b.py b1 b2")
	s.on("a1", fate{took: 5 * time.Second})
	s.tests["a2"] = func(at *fakeSession, l worker.Leased) fate {
		say := func(e worker.Event) { at.Emit(e) }
		for _, id := range []worker.TestID{"a1", "nobody", "a2", "b1"} {
			say(worker.Event{Started: &worker.Started{Test: id, Token: 99}})
			say(worker.Event{Reported: &worker.Reported{Test: id, Kind: "report", Data: []byte(`{"forged":true}`)}})
			say(worker.Event{Finished: &worker.Finished{Test: id, Token: 99, Outcome: worker.Failing}})
		}
		say(worker.Event{Started: &worker.Started{Test: "a2", Token: l.Token}}) // once more
		say(worker.Event{Finished: &worker.Finished{Test: "a1", Token: l.Token, Outcome: worker.Errored}})
		say(worker.Event{Returned: &worker.Returned{Tests: []worker.TestID{"a1", "nobody"}}})
		say(worker.Event{Collected: &worker.Collected{Tests: 7, Stop: true}})
		say(worker.Event{Opened: &worker.Opened{Mode: worker.Full}})
		return fate{}
	}
	x := try(t, s, nil)
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "worker-2 starts a2 1", "evidence of worker-2: a1", "evidence of worker-2: a1 failed", "evidence of worker-2: nobody failed",
		"evidence of worker-2: a2 failed", "evidence of worker-2: a1 error", "worker-2 ends a2 1 passed", "worker-1 ends a1 1 passed")
	if strings.Contains(string(x.suite.reports), `"test":"a1","kind":"report","data":{"forged"`) {
		t.Errorf("a report without a lease reached the finisher:\n%s", x.suite.reports)
	}
	if strings.Count(strings.Join(x.story, "\n"), "discovered") != 1 {
		t.Error("the suite was discovered twice")
	}
}

func TestAFailureMayComeLater(t *testing.T) {
	s := suiteOf("a.py a1 a2")
	s.tests["a2"] = func(at *fakeSession, l worker.Leased) fate { // the module's fixture fails in its teardown
		at.Emit(worker.Event{Finished: &worker.Finished{Test: "a1", Token: s.token, Outcome: worker.Errored, Message: "teardown"}})
		return fate{}
	}
	s.tests["a1"] = func(_ *fakeSession, l worker.Leased) fate {
		s.token = l.Token
		return fate{}
	}
	x := try(t, s, func(x *trial) { x.req.Workers = 1 })
	x.ends(t, report.ExitFailed, "a1 failed, a2 passed")
	x.wants(t, "verdict a1 passed", "worker-1 ends a1 1 error", "verdict a1 failed")
}

func TestAFullCollectionMustEqualTheFirst(t *testing.T) {
	s := two()
	s.fullBy = map[string][]worker.Discovered{"worker-2": {fileOf("a.py a1 a3"), fileOf("b.py b1 b2")}}
	x := try(t, s, func(x *trial) {
		x.req.Collection = Full
		x.engine.boot = func(name string) time.Duration {
			return map[string]time.Duration{"worker-2": 500 * time.Millisecond}[name]
		}
	})
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "warning: worker-2 collected other tests than the run's discovery, and does not run any: a3 where a2 was expected. "+
		"Do ids depend on time, chance or the machine?", "worker-3 begins full")
	x.lacks(t, "worker-2 starts")
}

func TestASuiteThatCannotBeCollectedCountsNoTest(t *testing.T) {
	s := two()
	s.end = worker.Collected{Errors: 1, Stop: true}
	s.collect = 5 * time.Second
	h := &fakeHistory{inventory: hint("a.py a1 a2", "b.py b1 b2")}
	x := try(t, s, func(x *trial) { x.deps.History = h })
	x.ends(t, report.ExitFailed, "a1 not-run, a2 not-run, b1 not-run, b2 not-run")
	x.wants(t, "worker-2 starts b1 1", "verdict b1 passed", "discovered 4", "stopped: 1 file could not be collected", "verdict b1 not-run", "concluded")
	if n := strings.Count(string(x.suite.order), "\n"); n != 1 {
		t.Errorf("reports of tests are concluded:\n%s", x.suite.order)
	}
}

func TestAHintRunsBeforeDiscovery(t *testing.T) {
	s := two()
	s.collect = 20 * time.Second
	h := &fakeHistory{inventory: hint("a.py a1 a2 gone", "b.py b1", "c.py c1")}
	s.lazily = map[string][]worker.Item{"c.py": fileOf("c.py c1").Items}
	s.on("c1", fate{outcome: worker.Failing})
	x := try(t, s, func(x *trial) { x.deps.History = h })
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "worker-2 is ready", "worker-2 ends c1 1 failed tentative", "discovered 4", "dropped gone c1", "worker-1 is ready")
	x.wants(t, "verdict a1 passed", "discovered 4", "verdict b2 passed")
	x.lacks(t, "did not find")
	if x.rep.Totals.Discovered != 4 {
		t.Errorf("%d tests discovered", x.rep.Totals.Discovered)
	}
	got := h.recorded[0]
	if len(got.Attempts) != 4 || len(got.Inventory) != 2 || got.Exit != 0 || got.Host == "" {
		t.Errorf("recorded %+v", got)
	}
	if h.facts[factOverhead] == "" || h.facts[factStart] == "" || h.facts[factSerial+selection(nil)] != "" {
		t.Errorf("remembered %v", h.facts)
	}
}

func TestALazyWorkerThatMissesATestIsNotTrusted(t *testing.T) {
	s := two()
	s.lazily = map[string][]worker.Item{"a.py": fileOf("a.py a1").Items}
	x := try(t, s, nil)
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "worker-1 starts a2 1", "verdict a2 passed")
	x.lacks(t, "worker-2 starts a2")
	lines := strings.Join(x.story, "\n")
	if !strings.Contains(lines, "worker-2 found other tests in a.py") {
		t.Errorf("nothing is said\n%s", lines)
	}
}

func TestDiscoveryOutlivesTheWorkerThatDidIt(t *testing.T) {
	s := two()
	s.collect = 10 * time.Second
	x := try(t, s, func(x *trial) {
		x.at("worker-1 begins full", func() { go x.engine.places["worker-1"].kill(engine.Exit{Code: 137}) })
	})
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "worker-1 is lost: it was killed from outside (exit status 137)", "worker-3 begins full", "discovered 4")
}

func TestASuiteThatNobodyDiscoversEndsTheRun(t *testing.T) {
	x := try(t, two(), func(x *trial) {
		x.engine.refuse = func(name string) error { return errors.New("no space left") }
	})
	x.ends(t, report.ExitInfrastructure, "")
	x.wants(t, "worker-1 is lost: it could not be started: no space left",
		"fault: infrastructure: the tests could not be discovered: it could not be started: no space left")

	s := two() // a session that ends without a word, whoever tries
	s.open = func(string) error { return errQuits }
	x = try(t, s, nil)
	x.ends(t, report.ExitInfrastructure, "")
	x.wants(t, "fault: infrastructure: the tests could not be discovered: its session ended by itself")
}

func TestAWorkerThatCannotBeStartedIsReplaced(t *testing.T) {
	x := try(t, two(), func(x *trial) {
		x.engine.refuse = func(name string) error {
			if name == "worker-2" {
				return errors.New("no such network")
			}
			return nil
		}
	})
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "worker-2 is lost: it could not be started: no such network", "worker-3 is ready")
}

// TestAWorkerThatFloodsIsLost: it speaks without end of tests that it does not have.
func TestAWorkerThatFloodsIsLost(t *testing.T) {
	s := two()
	s.tests["b1"] = func(at *fakeSession, l worker.Leased) fate {
		if s.attempts["b1"] > 1 {
			return fate{}
		}
		go func() {
			for range maxSaid/10_000 + 1000 {
				at.Emit(worker.Event{Started: &worker.Started{Test: worker.TestID(strings.Repeat("x", 10_000))}})
			}
		}()
		return fate{took: time.Hour}
	}
	x := try(t, s, nil)
	x.ends(t, report.ExitGreen, green)
	const lost = "worker-1 is lost: it sent 67.1 MB of messages for the 2 tests that it was handed"
	if !slices.ContainsFunc(x.story, func(line string) bool { return strings.HasPrefix(line, lost) }) {
		t.Errorf("nobody says %q", lost)
	}
}

func TestWorkersAreReplacedAsOftenAsThereAreWorkers(t *testing.T) {
	x := try(t, two(), func(x *trial) {
		x.engine.refuse = func(name string) error {
			if name == "worker-1" || name == "finisher" {
				return nil
			}
			return errors.New("no such network")
		}
	})
	x.ends(t, report.ExitGreen, green)
	x.lacks(t, "worker-5")
	if n := strings.Count(strings.Join(x.story, "\n"), "could not be started"); n != 3 {
		t.Errorf("%d workers could not be started, want one and two replacements\n%s", n, numbered(x.story))
	}
}

func TestAWorkerThatIsNotNeededAnyMoreIsGivenUp(t *testing.T) {
	x := try(t, suiteOf("a.py a1"), func(x *trial) {
		x.engine.boot = func(name string) time.Duration {
			return map[string]time.Duration{"worker-2": time.Hour}[name]
		}
	})
	x.ends(t, report.ExitGreen, "a1 passed")
	x.lacks(t, "worker-2")
	if x.took > 5*time.Second {
		t.Errorf("it took %s", x.took)
	}
}

func TestTheFrameworkMayEndTheRun(t *testing.T) {
	s := two()
	s.on("a1", fate{stop: "pytest.exit: enough"})
	x := try(t, s, func(x *trial) { x.req.Collection = Full })
	if x.rep.Exit == report.ExitGreen || x.rep.Stopped == nil || x.rep.Stopped.Reason != "pytest.exit: enough" {
		t.Errorf("exit %d, %+v", x.rep.Exit, x.rep.Stopped)
	}
	x.wants(t, "worker-1 ends a1 1 passed", "stopped: pytest.exit: enough", "concluded")
}

func TestASessionThatEndsByItselfCostsItsWorker(t *testing.T) {
	s := two()
	s.open = func(name string) error {
		if name == "worker-2" {
			return errQuits
		}
		return nil
	}
	x := try(t, s, nil)
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "worker-3 begins lazy")
}

// Where workers share a tree, tests can change what another one is still to
// collect: that one is replaced, by one with a tree of its own.
func TestAFullCollectionOfChangedSourcesIsDoneAgain(t *testing.T) {
	for _, c := range []struct {
		what          string
		shared, early bool
		want          string
	}{
		{"a test changed them", true, false, "worker-3 is ready"},
		{"before any test", true, true, "worker-2 is ready"},
		{"its own tree", false, false, "worker-2 is ready"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := two()
			x := try(t, s, func(x *trial) {
				x.req.Collection, x.engine.here = Full, c.shared
				x.engine.boot = func(name string) time.Duration {
					if name == "worker-2" {
						return 1500 * time.Millisecond
					}
					return 500 * time.Millisecond
				}
				at := time.Now().Add(time.Second)
				if c.early {
					at = at.Add(-time.Minute)
				}
				s.end.Changed, s.end.ChangedMS = "made.py", float64(at.UnixMilli())
			})
			x.ends(t, report.ExitGreen, green)
			x.wants(t, c.want)
		})
	}
}

func TestADiscoveryThatEndsByItselfIsDoneAgain(t *testing.T) {
	s := two()
	s.open = func(name string) error {
		if name == "worker-1" {
			return errQuits
		}
		return nil
	}
	x := try(t, s, nil)
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "worker-3 begins full", "discovered 4")
}

func TestASessionCountsItsTests(t *testing.T) {
	s := suiteOf("a.py a1 a2")
	s.tests["a1"] = func(at *fakeSession, _ worker.Leased) fate {
		at.Emit(worker.Event{Started: &worker.Started{Test: "nobody"}})
		return fate{}
	}
	h := &fakeHistory{}
	x := try(t, s, func(x *trial) { x.req.Workers, x.deps.History = 1, h })
	x.ends(t, report.ExitGreen, "a1 passed, a2 passed")
	x.wants(t, "warning: worker-1 started 3 tests and finished 2")
	if a := h.recorded[0].Attempts; !a[0].First || a[1].First {
		t.Errorf("recorded %+v", a)
	}
	if h.facts[factSerial+selection(nil)] == "" {
		t.Errorf("remembered %v", h.facts)
	}
}

func TestDiscoverRunsNothing(t *testing.T) {
	x := newTrial(t, two())
	x.engine.cpus, x.engine.memory = 8, 2<<30
	found, rep := x.discover(t)
	if found == nil || len(found.Tests) != 4 || rep.Exit != report.ExitGreen && rep.Exit != report.ExitInfrastructure || found.Limit != 4 {
		t.Fatalf("%+v, exit %d", found, rep.Exit)
	}
	x.lacks(t, "starts")
	x.leftNothing(t)

	s := two()
	s.end = worker.Collected{Errors: 2, Stop: true}
	x = newTrial(t, s)
	if found, rep := x.discover(t); found != nil || rep.Exit != report.ExitFailed || x.said.Len() == 0 {
		t.Errorf("%+v, exit %d, said %q", found, rep.Exit, &x.said)
	}
}

func TestTheNumberOfWorkersIsChosen(t *testing.T) {
	x := try(t, two(), func(x *trial) { x.req.Workers, x.engine.cpus = 0, 3 })
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "worker-3 begins lazy")
	h := &fakeHistory{inventory: hint("a.py a1 a2", "b.py b1 b2")}
	x = try(t, two(), func(x *trial) { x.req.Workers, x.engine.cpus, x.deps.History = 0, 3, h })
	x.ends(t, report.ExitGreen, green)
	x = try(t, two(), func(x *trial) {
		x.req.Workers, x.req.Target, x.engine.cpus, x.deps.History = 0, time.Millisecond, 2, h
	})
	x.ends(t, report.ExitGreen, green)
	lines := strings.Join(x.story, "\n")
	if !strings.Contains(lines, "is predicted to meet --target 1ms") {
		t.Errorf("nothing is said of the target\n%s", lines)
	}
}

func TestAHistoryThatCannotBeReadCostsNoVerdict(t *testing.T) {
	x := try(t, two(), func(x *trial) { x.deps.History = &fakeHistory{broken: errors.New("disk full")} })
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "warning: the history cannot be read, so the plan is not balanced by time: disk full", "concluded",
		"warning: the history cannot be written, so the next run is planned without this one: disk full")
	x = try(t, two(), func(x *trial) {
		x.deps.History = &fakeHistory{facts: map[string]string{factTrust: "{", factStart: "x"}}
	})
	x.ends(t, report.ExitGreen, green)
}

func TestWithoutAFinisherTheRunIsNotGreen(t *testing.T) {
	x := try(t, two(), func(x *trial) {
		x.engine.refuse = func(name string) error {
			if strings.HasPrefix(name, "finisher") {
				return errors.New("no space left")
			}
			return nil
		}
	})
	x.ends(t, report.ExitInfrastructure, green)
	x.wants(t, "verdict b2 passed", "fault: infrastructure: no space left")

	s := two()
	s.conclude = func(worker.Conclude, func(worker.Event)) (worker.Concluded, error) {
		return worker.Concluded{}, errors.New("no such plugin")
	}
	x = try(t, s, nil)
	x.ends(t, report.ExitInfrastructure, green)
}

// fullDisk lets the run find no room for the framework's reports.
func (x *trial) fullDisk(t *testing.T) {
	t.Helper()
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		needs.Lacks(t, full, err)
	}
	if err := os.Symlink(full, filepath.Join(x.req.Out, reportsFile)); err != nil {
		t.Fatal(err)
	}
}

func TestReportsThatCannotBeKeptEndTheRun(t *testing.T) {
	x := try(t, suiteOf("a.py a1 a2 a3 a4 a5 a6", "b.py b1"), func(x *trial) { x.fullDisk(t) })
	if x.rep.Exit != report.ExitInfrastructure || x.rep.Totals.NotRun == 0 {
		t.Errorf("exit %d, %+v", x.rep.Exit, x.rep.Totals)
	}
	if n := strings.Count(strings.Join(x.story, "\n"), "stopped: "); n != 1 || !strings.Contains(x.rep.Faults[0].Text, "no space left") {
		t.Errorf("stopped %d times, %v", n, x.rep.Faults)
	}
}

func TestADiskThatIsFullIsSeenWhileATestRuns(t *testing.T) {
	s := suiteOf("a.py a1")
	s.on("a1", fate{took: time.Hour})
	x := try(t, s, func(x *trial) {
		x.fullDisk(t)
		x.req.Workers, x.req.RunTimeout = 1, time.Minute
	})
	if !strings.Contains(x.rep.Stopped.Reason, "no space left") {
		t.Errorf("stopped: %s", x.rep.Stopped.Reason)
	}
}

// It does so within a second or two: sooner than any worker is heard of, whose
// answer to a ping would make the dispatcher look again.
func TestAnIdleWorkerTakesWhatWaitsBehindATestThatRunsTooLong(t *testing.T) {
	s := suiteOf("a.py a1 a2 a3")
	s.on("a2", fate{took: 4 * time.Second})
	s.on("a1", fate{took: 1333 * time.Millisecond}) // when a2 should end as well
	h := &fakeHistory{samples: history.Samples{
		Tests: map[worker.TestID][]history.Sample{"a1": known(900e6), "a2": known(1200e6), "a3": known(1e6)},
	}}
	x := try(t, s, func(x *trial) { x.req.Collection, x.deps.History = Full, h })
	x.ends(t, report.ExitGreen, "a1 passed, a2 passed, a3 passed")
	x.wants(t, "verdict a1 passed", "verdict a3 passed", "verdict a2 passed")
}

func TestSettingsThatCannotBeReadAreSaid(t *testing.T) {
	s := two()
	s.session = `{"maxfail":"many"}`
	x := try(t, s, nil)
	x.ends(t, report.ExitGreen, green)
	lines := strings.Join(x.story, "\n")
	if strings.Count(lines, "sent settings that cannot be read") != 1 {
		t.Errorf("it is said otherwise than once\n%s", lines)
	}
}

func TestAWorkerThatIsAskedForEverythingAndDoesNotIsNoDiscovery(t *testing.T) {
	s := two()
	s.lazyAlways = true
	x := try(t, s, nil)
	x.ends(t, report.ExitInfrastructure, "")
	x.wants(t, "fault: infrastructure: the tests could not be discovered: worker-1 does not collect the whole suite, as it was asked to")
}

// What a lazy worker saw fail is no verdict, and no report of the framework,
// when every worker is lost that would confirm it.
func TestAFailureThatNobodyCanConfirmIsNoVerdict(t *testing.T) {
	s := two()
	s.tests["a2"] = func(at *fakeSession, _ worker.Leased) fate {
		if at.mode == worker.Lazy {
			return fate{outcome: worker.Failing, message: "1 != 2"}
		}
		at.after(func() { at.place.kill(engine.Exit{Code: 137}) })
		return fate{took: time.Hour}
	}
	x := try(t, s, nil)
	x.ends(t, report.ExitInfrastructure, "a1 passed, a2 not-run, b1 passed, b2 passed")
	x.wants(t, "worker-2 ends a2 1 failed tentative", "verdict a2 not-run")
	if !strings.Contains(string(s.reports), "not run: worker lost twice") {
		t.Errorf("the framework is told of a2:\n%s", s.reports)
	}
}
