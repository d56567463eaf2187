package orchestrator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shardyard/shardyard/internal/needs"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// ownJUnit checks how many cases the run's own JUnit file has.
func (x *trial) ownJUnit(t *testing.T, cases int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(x.req.Out, junitFile))
	if err != nil || strings.Count(string(text), "<testcase ") != cases {
		t.Errorf("%v, and not %d cases in\n%s", err, cases, text)
	}
}

func TestASessionThatDoesNotEndIsNotGreen(t *testing.T) {
	s := two()
	s.closing = func(string) worker.Exit {
		return worker.Exit{Cause: worker.Hung, Code: 137, Missing: "its session did not end"}
	}
	x := try(t, s, nil)
	x.ends(t, report.ExitInfrastructure, green)
	x.wants(t, "a process of worker-1 died: hung, 137, again false", "worker-1 closed",
		"fault: infrastructure: all tests were done, and the session did not end within the time limit of a test on worker-1, worker-2: "+
			"workers/worker-1.log shows where its threads were", "concluded")
}

// A worker whose session does not begin is of no use once all tests are done:
// the run does not wait for it, and is as green as the tests.
func TestASessionThatDoesNotBeginIsGivenUp(t *testing.T) {
	s := two()
	s.frozen = "worker-2"
	x := try(t, s, nil)
	x.ends(t, report.ExitGreen, green)
	x.wants(t, "warning: worker-2 was given up: all tests were done, and it had not been ready to run one a minute later")
	x.lacks(t, "worker-2 is lost")
	if x.took > 90*time.Second {
		t.Errorf("it took %s", x.took)
	}
}

func TestAFinisherIsReplacedOnce(t *testing.T) {
	s := two()
	n := 0
	x := try(t, s, func(x *trial) {
		s.conclude = func(worker.Conclude, func(worker.Event)) (worker.Concluded, error) {
			if n++; n == 1 {
				x.engine.places["finisher"].kill(engine.Exit{Code: 137})
			}
			return worker.Concluded{}, nil
		}
	})
	x.ends(t, report.ExitGreen, green)
	if n != 2 || len(s.reports) == 0 || strings.Count(string(s.order), "\n") != 5 {
		t.Errorf("%d conclusions, the last with\n%s\n%s", n, s.order, s.reports)
	}
	if !strings.Contains(strings.Join(x.story, "\n"), "warning: the reports are made again, in a fresh place: ") {
		t.Errorf("nothing is said of it in\n%s", numbered(x.story))
	}
}

func TestAConclusionThatIsSilentIsGivenUp(t *testing.T) {
	s := two()
	s.stuck = true
	x := try(t, s, nil)
	x.ends(t, report.ExitInfrastructure, green)
	x.ownJUnit(t, 4)
	x.wants(t, "fault: infrastructure: conclude: the framework gave no sign of life while it made its reports")
	if x.took < 2*silence || x.took > 3*silence {
		t.Errorf("it took %s", x.took)
	}
}

func TestAConclusionIsNotWaitedForWhenTheRunIsToEnd(t *testing.T) {
	s := two()
	s.stuck = true
	x := try(t, s, func(x *trial) {
		time.AfterFunc(10*time.Second, func() { x.cancel(Signal{"interrupt"}) })
	})
	x.ends(t, report.ExitInterrupted, green)
	x.ownJUnit(t, 4)
	if x.took < 10*time.Second+lastWords || x.took > 15*time.Second+lastWords {
		t.Errorf("it took %s", x.took)
	}
}

// A second signal is reported on within two seconds, whatever hangs.
func TestTheSecondSignalEndsTheRunAtOnce(t *testing.T) {
	for name, change := range map[string]func(*trial){
		"in the tests": func(x *trial) { x.suite.on("a2", fate{took: time.Hour}) },
		"in the tests, and the engine hangs too": func(x *trial) {
			x.suite.on("a2", fate{took: time.Hour})
			x.engine.removing = time.Hour
		},
		"in the conclusion": func(x *trial) { x.suite.stuck = true },
	} {
		t.Run(name, func(t *testing.T) {
			x := newTrial(t, two())
			var after time.Duration
			synctest.Test(t, func(t *testing.T) {
				x.run(t, func(x *trial) {
					change(x)
					time.AfterFunc(10*time.Second, func() { x.cancel(Signal{"terminated"}) })
					time.AfterFunc(11*time.Second, x.kill)
				})
				after = x.took - 11*time.Second
				time.Sleep(2 * time.Hour) // what was left behind ends
			})
			if x.rep.Exit != report.ExitTerminated || after > 2*time.Second {
				t.Errorf("exit %d, %s after the second signal\n%s", x.rep.Exit, after, numbered(x.story))
			}
			x.ownJUnit(t, x.rep.Totals.Judged()-x.rep.Totals.NotRun)
		})
	}
}

// Where the log cannot be written, or not brought to the disk, the run goes on, and
// says so in the end, also in its record.
func TestALogThatCannotBeWritten(t *testing.T) {
	for device, reason := range map[string]string{
		"/dev/full": "the run's log ends before the run does: write events.jsonl: write ",
		"/dev/null": "write events.jsonl: sync ",
	} {
		t.Run(filepath.Base(device), func(t *testing.T) {
			if _, err := os.Stat(device); err != nil {
				needs.Lacks(t, device, err)
			}
			x := newTrial(t, two())
			if err := os.Symlink(device, filepath.Join(x.req.Out, "events.jsonl")); err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { x.run(t, nil) })
			x.ends(t, report.ExitInfrastructure, green)
			if r := x.rep.Reasons; len(r) != 1 || !strings.HasPrefix(r[0].Text, reason) {
				t.Errorf("%v\n%s", r, numbered(x.story))
			}
			x.leftNothing(t)
		})
	}
}
