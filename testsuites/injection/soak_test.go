package injection

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/testsuites/venv"
)

// soaked is a suite of tests that take a quarter of a second each.
const soaked = `
import time
import pytest
import subject

@pytest.mark.parametrize("n", range(%d))
def test_long(n):
    time.sleep(0.25)
    assert subject.work(n)
`

// soakWorkers is how many workers each of the two runs has.
const soakWorkers = 2

// TestSoak has two runs side by side that last SOAK_MINUTES (1), with a fault every
// SOAK_PAUSE seconds (30) in one of them, and watches the coordinators.
func TestSoak(t *testing.T) {
	minutes := number(t, "SOAK_MINUTES", 1)
	seed := uint64(number(t, "FAULTS_SEED", int(time.Now().UnixNano()>>10&0x7fffffff)))
	t.Logf("FAULTS_SEED=%d", seed)
	if _, err := venv.Make(requirements...); err != nil {
		t.Fatal(err)
	}
	bin, tests := build(t), minutes*60*soakWorkers*4*9/10 // besides a test's own time there is some for each
	engine := os.Getenv("FAULTS_ENGINE")
	if engine == "" {
		engine = "process"
	}
	var soaks []*soak
	var all sync.WaitGroup
	for i := range 2 {
		s := &soak{lane: newLane(t, bin, engine), t: t, tests: tests, most: time.Duration(3*minutes+5) * time.Minute, rng: rand.New(rand.NewPCG(seed, uint64(i)))}
		if err := os.RemoveAll(filepath.Join(s.dir, "tests")); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(s.dir, "tests", "test_soaked.py"), fmt.Sprintf(soaked, tests))
		write(t, filepath.Join(s.dir, "shardyard.yaml"), "version: 1\n")
		soaks = append(soaks, s)
	}
	pause := time.Duration(number(t, "SOAK_PAUSE", 30)) * time.Second
	for i, s := range soaks {
		all.Go(func() { s.run(2*pause, pause*time.Duration(i+1)) })
	}
	all.Wait()
}

// A soak is one long run.
type soak struct {
	*lane
	*process
	t     *testing.T
	tests int
	most  time.Duration // that the run may take
	rng   *rand.Rand

	sessions, agents int // that were killed
	samples          []sample
}

// A sample is what the coordinator holds at a moment.
type sample struct {
	at                   time.Duration
	files, threads, kilo int // kilobytes of memory
}

// run starts the run, and strikes every so often, first after a while.
func (s *soak) run(every, first time.Duration) {
	args := []string{"run", "--progress", "plain", "--engine", s.engine, "--workers", strconv.Itoa(soakWorkers), "--run-timeout", "0s"}
	if s.engine == "docker" {
		args = append(args, "--image", "host")
	}
	p, err := s.start(false, args...)
	if err != nil {
		s.t.Error(err)
		return
	}
	s.process = p
	strike, watch := time.NewTimer(first), time.NewTicker(time.Second)
	defer strike.Stop()
	defer watch.Stop()
	for !s.over() {
		select {
		case <-p.ended:
		case <-strike.C:
			s.strike()
			strike.Reset(every)
		case <-watch.C:
			s.sample()
		}
		if time.Since(p.began) > s.most {
			break
		}
	}
	if err := p.wait(time.Second); err != nil {
		s.t.Errorf("%v: it has taken %s", err, s.most)
	}
	s.holds()
}

// strike kills a worker's tests, or its agent: so many of these as a run replaces.
func (s *soak) strike() {
	want, count := aSession, &s.sessions
	if s.agents < soakWorkers && s.rng.IntN(3) == 0 {
		want, count = anAgent, &s.agents
	}
	if p, ok := s.seek(s.process, s.rng, want); ok && syscall.Kill(p.pid, syscall.SIGKILL) == nil {
		*count++
		s.t.Logf("%s: killed %s of %s", time.Since(s.began).Round(time.Second), filepath.Base(p.args[0]), p.place)
	}
}

func (s *soak) sample() {
	dir := filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid))
	files, err := os.ReadDir(filepath.Join(dir, "fd"))
	status, statusErr := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil || statusErr != nil {
		return // it ends
	}
	now := sample{at: time.Since(s.began), files: len(files)}
	for line := range strings.Lines(string(status)) {
		_, _ = fmt.Sscanf(line, "Threads: %d", &now.threads)
		_, _ = fmt.Sscanf(line, "VmRSS: %d kB", &now.kilo)
	}
	if now.kilo > 0 {
		s.samples = append(s.samples, now)
	}
}

// most is the most of what the coordinator held in some samples.
func most(samples []sample) (m sample) {
	for _, x := range samples {
		m.files, m.threads, m.kilo = max(m.files, x.files), max(m.threads, x.threads), max(m.kilo, x.kilo)
	}
	return m
}

// holds holds the run's end.
func (s *soak) holds() {
	r := &round{lane: s.lane, process: s.process, t: s.t}
	r.run = r.since(nil)
	r.nothingLeft()
	r.historyHolds()
	if rep := r.report(); rep == nil {
		r.fail("there is no record of the run: exit %d", r.code())
	} else {
		s.verdicts(r, rep)
	}
	third := len(s.samples) / 3
	if third == 0 {
		r.fail("there are %d samples", len(s.samples))
	} else {
		first, last := most(s.samples[:third]), most(s.samples[2*third:])
		s.t.Logf("%s, %d tests, %d sessions and %d agents killed in %s: at most %d and %d descriptors, %d and %d threads, %d and %d kB in the first and the last third",
			s.engine, s.tests, s.sessions, s.agents, s.at.Sub(s.began).Round(time.Second), first.files, last.files, first.threads, last.threads, first.kilo, last.kilo)
		if last.files > first.files+4 || last.threads > first.threads+6 || last.kilo > first.kilo*3/2+16<<10 {
			r.fail("the coordinator grows: %+v, then %+v", first, last)
		}
	}
	for _, bad := range r.bad {
		s.t.Errorf("%s\n%.4000s", bad, s.text())
	}
}

// verdicts holds that every test has passed once, but one for each session that
// was killed, and that the run is not green if there is such a test.
func (s *soak) verdicts(r *round, rep *report.Report) {
	seen, cost := map[string]bool{}, 0
	for _, test := range rep.Tests {
		last := test.Last()
		switch {
		case seen[test.Test]:
			r.fail("%s is in the record twice", test.Test)
		case test.Verdict == report.Fail && last != nil && last.Cause == "signal":
			cost++
		case test.Verdict != report.Pass:
			r.fail("%s is %q (%s %s)", test.Test, test.Verdict, test.Reason, test.Why())
		}
		seen[test.Test] = true
	}
	if len(seen) != s.tests {
		r.fail("%d of %d tests are in the record", len(seen), s.tests)
	}
	if cost > s.sessions {
		r.fail("%d tests were lost with %d sessions", cost, s.sessions)
	}
	if want := r.deserved(rep); r.code() != want || rep.Exit != want {
		r.fail("exit %d, in the record %d, want %d", r.code(), rep.Exit, want)
	}
}
