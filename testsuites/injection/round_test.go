package injection

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A strike does the damage. It reports false when the run ended before there was
// anything to hit.
type strike func(*round) bool

// A round is one run with one fault.
type round struct {
	*lane
	*process
	t      *testing.T
	rng    *rand.Rand
	row    row
	truth  truth
	cov    bool
	red    bool
	args   []string
	delay  time.Duration // until the strike
	did    string        // what the strike did
	struck time.Time
	before []string // the directories of earlier runs
	run    string   // the run's directory
	bad    []string
	proven int    // verdicts of the run that was cut off that its rerun took over
	story  string // of a round in which something did not hold
}

// fail notes what does not hold.
func (r *round) fail(format string, args ...any) { r.bad = append(r.bad, fmt.Sprintf(format, args...)) }

// truths are plain pytest's verdicts on the whole suite, and on what is green.
type truths struct{ red, green truth }

// draw chooses a round's run by chance.
func draw(t *testing.T, l *lane, of truths, row row, rng *rand.Rand) *round {
	r := &round{lane: l, t: t, rng: rng, row: row, truth: of.green, cov: rng.IntN(2) == 0, red: rng.IntN(2) == 0}
	r.args = []string{
		"run", "--progress", "plain", "--engine", l.engine, "--workers", fmt.Sprint(2 + rng.IntN(3)),
		"--collection", []string{"auto", "full", "lazy"}[rng.IntN(3)],
	}
	if l.engine == "docker" {
		r.args = append(r.args, "--image", "host")
	}
	if r.cov {
		r.args = append(r.args, "--cov=subject")
	}
	r.args = append(r.args, row.flags...)
	if r.red {
		r.truth = of.red
	} else {
		r.args = append(append(r.args, "--"), green...)
	}
	return r
}

// name says what the run is, but for chance.
func (r *round) name() string {
	return fmt.Sprintf("%s, coverage %t, red %t: %s", r.row.name, r.cov, r.red, strings.Join(r.args[3:], " "))
}

// unharmed is a run without a fault: the lane's environment is made, and the
// suite known, when it is over. It says how long such a run takes; 0 if something
// does not hold.
func (r *round) unharmed() time.Duration {
	if known := r.length[fmt.Sprint(r.cov)]; known > 0 {
		return known
	}
	for range 2 { // the first one builds
		r.bad = nil
		before := r.runs()
		p, err := r.start(false, r.args...)
		if err != nil {
			r.t.Fatal(err)
		}
		r.process = p
		if err := p.wait(limit); err != nil {
			r.fail("%v", err)
		}
		r.run = r.since(before)
		r.whole()
		if len(r.bad) > 0 {
			r.did = "nothing was done"
			return 0
		}
		r.length[fmt.Sprint(r.cov)] = p.at.Sub(p.began)
	}
	return r.length[fmt.Sprint(r.cov)]
}

// play starts the run, strikes at a random moment, and waits for the end. It
// reports false when the run ended before the strike.
func (r *round) play() bool {
	length := r.unharmed()
	if length == 0 {
		r.story = r.tell()
		return true
	}
	r.delay = time.Duration(r.rng.Float64() * float64(length))
	if r.row.prepare != nil {
		defer r.row.prepare(r)()
	}
	r.before = r.runs()
	p, err := r.start(r.row.piped, r.args...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.process = p
	select {
	case <-time.After(r.delay):
	case <-p.ended:
	}
	r.struck = time.Now()
	hit := !p.over() && r.row.strike(r)
	if err := p.wait(limit); err != nil {
		r.fail("%v", err)
	}
	r.run = r.since(r.before) // "" when it had not begun
	if hit {
		r.row.holds(r)
	}
	if len(r.bad) > 0 {
		r.story = r.tell()
	}
	return hit
}

// code is the exit status; -1 of a process that was killed.
func (r *round) code() int { return r.cmd.ProcessState.ExitCode() }

// report is the record of the run, or nil.
func (r *round) report() *report.Report {
	if r.run == "" {
		return nil
	}
	return readReport(filepath.Join(r.run, "run.json"))
}

// tell describes the round when something did not hold.
func (r *round) tell() string {
	events, _ := os.ReadFile(filepath.Join(r.run, "events.jsonl"))
	kept := filepath.Join(os.TempDir(), "faults-failed", filepath.Base(r.home)+"-"+filepath.Base(r.run))
	_ = os.MkdirAll(filepath.Dir(kept), 0o755)
	_ = os.WriteFile(kept+".events.jsonl", events, 0o644)
	bad := r.bad[:min(len(r.bad), 10)]
	return fmt.Sprintf("%s\n%s after %s of %s, exit %d:\n  %s\n%s\nevents: %s.events.jsonl", r.name(), r.did, r.delay.Round(time.Millisecond),
		r.length[fmt.Sprint(r.cov)].Round(time.Millisecond), r.code(), strings.Join(bad, "\n  "), r.text(), kept)
}
