package orchestrator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// What the framework says of the conclusion's files is done: they are kept in the
// run's directory, and copied to where the user wants them.
func TestResultsAreDelivered(t *testing.T) {
	s := two()
	s.conclude = func(c worker.Conclude, _ func(worker.Event)) (worker.Concluded, error) {
		return worker.Concluded{}, os.WriteFile(filepath.Join(c.Dir, "made.xml"), []byte("result"), 0o644)
	}
	s.delivery = framework.Delivery{
		Files: []framework.File{{Name: "made.xml", As: "junit.xml", To: "out/asked.xml"}}, Notes: []string{"a note"}, Warnings: []string{"left out"},
		Coverage: &framework.Covered{Percent: 84.7, FailUnder: 85, Complete: true},
	}
	x := try(t, s, nil)
	for _, name := range []string{filepath.Join(x.req.Out, "junit.xml"), filepath.Join(x.req.Project, "out", "asked.xml")} {
		if text, err := os.ReadFile(name); err != nil || string(text) != "result" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	story := strings.Join(x.story, "\n")
	if !strings.Contains(story, "info: a note") || !strings.Contains(story, "warning: left out") {
		t.Errorf("the notes are not there:\n%s", story)
	}
	if x.rep.Exit != report.ExitGreen || x.rep.Coverage == nil || x.rep.Coverage.Percent != 84.7 {
		t.Errorf("exit %d, coverage %+v", x.rep.Exit, x.rep.Coverage)
	}
}

// A limit is missed when the framework's own tool says so.
func TestTheToolJudgesItsLimit(t *testing.T) {
	s := two()
	s.delivery.Coverage = &framework.Covered{Percent: 85, FailUnder: 85, Under: true, Complete: true}
	if x := try(t, s, nil); x.rep.Exit != report.ExitGate {
		t.Errorf("exit %d", x.rep.Exit)
	}
}

func TestAResultStaysInTheRunsDirectory(t *testing.T) {
	s := two()
	s.delivery.Files = []framework.File{{Name: "made.xml", As: "../made.xml"}}
	x := try(t, s, nil)
	if x.rep.Exit != report.ExitInfrastructure || len(x.rep.Faults) != 1 || !strings.Contains(x.rep.Faults[0].Text, "not a path below its directory") {
		t.Errorf("exit %d, faults %+v", x.rep.Exit, x.rep.Faults)
	}
}

// A framework that cannot collect lazily is never asked to.
func TestOnlyLazyFrameworksCollectLazily(t *testing.T) {
	x := try(t, two(), func(x *trial) { x.req.Session.Lazy = false })
	for _, line := range x.story {
		if strings.HasSuffix(line, "begins lazy") {
			t.Error(line)
		}
	}
	if x.rep.Exit != report.ExitGreen {
		t.Errorf("exit %d", x.rep.Exit)
	}
}
