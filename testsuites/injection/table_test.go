package injection

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A row is a kind of fault, and what must hold when it has come.
type row struct {
	name    string
	only    string // the engine that has it; "" is every one
	quick   string // the engines on which it belongs to the small choice
	piped   bool   // stdout is a pipe
	aside   bool   // the history is broken, and set aside
	flags   []string
	prepare func(*round) (restore func())
	strike  strike
	holds   func(*round)
}

// stalled are time limits that neither a test nor the run exceeds by itself.
var stalled = []string{"--test-timeout", "5s", "--run-timeout", "150s"}

// table is every fault.
var table = []row{
	{name: "coordinator killed", quick: "process docker", strike: signals(syscall.SIGKILL), holds: isFinished},
	{name: "killed while it builds", prepare: unbuilt, strike: signals(syscall.SIGKILL), holds: isFinished},
	{name: "agent killed", quick: "process", strike: hit(syscall.SIGKILL, anAgent), holds: isReplaced},
	{name: "tests killed", quick: "process", strike: hit(syscall.SIGKILL, aSession), holds: costsOneTest("signal")},
	{name: "finisher killed", quick: "process", strike: hit(syscall.SIGKILL, aFinisher), holds: (*round).whole},
	{name: "interrupted", quick: "process", strike: signals(syscall.SIGINT), holds: stops(report.ExitInterrupted, 45*time.Second)},
	{name: "interrupted twice", strike: signals(syscall.SIGINT, syscall.SIGINT), holds: stops(report.ExitInterrupted, 4*time.Second)},
	{name: "interrupted three times", strike: signals(syscall.SIGINT, syscall.SIGINT, syscall.SIGINT), holds: leaves(report.ExitInterrupted)},
	{name: "terminated", strike: signals(syscall.SIGTERM), holds: stops(report.ExitTerminated, 45*time.Second)},
	{name: "hung up", strike: signals(syscall.SIGHUP), holds: stops(report.ExitTerminated, 45*time.Second)},
	{name: "stdout closed", piped: true, strike: closeStdout, holds: (*round).whole},
	{name: "disk full", prepare: smallDisk, strike: fillDisk, holds: saysDiskFull},
	{name: "disk full now and then", prepare: smallDisk, strike: fillNowAndThen, holds: saysDiskFull},
	{name: "every disk full", prepare: oneDisk, strike: fillDisk, holds: saysDisksFull},
	{name: "single writes fail", strike: failWrites, holds: saysWritesFail},
	{name: "tests stopped", flags: stalled, strike: hit(syscall.SIGSTOP, aSession), holds: stalls},
	{name: "agent stopped", strike: hit(syscall.SIGSTOP, anAgent), holds: isReplaced},
	{name: "finisher stopped", flags: stalled[:2], strike: hit(syscall.SIGSTOP, aFinisher), holds: (*round).whole},
	{name: "history cut", aside: true, prepare: cutHistory, strike: nothing, holds: (*round).whole},
	{name: "coordinator suspended", strike: suspend, holds: outlives},
	{name: "container killed", only: "docker", quick: "docker", strike: docker("kill"), holds: isReplaced},
	{name: "container removed", only: "docker", strike: docker("rm", "-f"), holds: isReplaced},
	{name: "container paused", only: "docker", strike: docker("pause"), holds: isReplaced},
	{name: "engine restarted", only: own, strike: restart(syscall.SIGTERM), holds: survives},
	{name: "engine killed", only: own, strike: restart(syscall.SIGKILL), holds: survives},
	{name: "engine suspended", only: own, strike: freeze, holds: survives},
}

// isReplaced holds a run that lost a worker, or what only looked like one.
func isReplaced(r *round) { r.goesOn(nil) }

// costsOneTest holds a run of which one process of a session was ended: the test
// that it ran has failed, for that cause, and no other test differs.
func costsOneTest(cause string) func(*round) {
	return func(r *round) {
		cost := 0
		r.goesOn(func(t report.Test) bool {
			last := t.Last()
			if t.Verdict != report.Fail || last == nil || last.Cause != cause {
				return false
			}
			cost++
			return cost == 1
		})
	}
}

// stalls holds a run of which a process of a session was stopped: the test that
// it ran has exceeded its time; where it ran none, the run has.
func stalls(r *round) {
	rep := r.report()
	if rep == nil || rep.Stopped == nil {
		costsOneTest("timeout")(r)
		return
	}
	r.ledger(rep, nil, true)
	if want := r.deserved(rep); r.code() != want || rep.Totals.NotRun == 0 && rep.Totals.Discovered > 0 {
		r.fail("exit %d, want %d", r.code(), want)
	}
	r.causes(rep)
	r.nothingLeft()
	r.historyHolds()
}

// stops holds a run that was asked to end.
func stops(code int, most time.Duration) func(*round) {
	return func(r *round) {
		if took := r.at.Sub(r.struck); took > most {
			r.fail("it took %s to end", took)
		}
		r.stopped(code)
		r.nothingLeft()
		r.historyHolds()
	}
}

// stopped holds the exit status and the record. A run may have come to its end
// before it was asked to.
func (r *round) stopped(code int) {
	rep := r.report()
	switch {
	case r.run == "" && r.code() == code: // nothing had begun
	case rep == nil:
		r.fail("there is no record of the run: exit %d", r.code())
	case rep.Stopped == nil && rep.Finished && rep.Totals.NotRun == 0 && r.code() != code:
		r.whole()
	case r.code() != code || rep.Exit != code:
		r.fail("exit %d, in the record %d, want %d", r.code(), rep.Exit, code)
	default:
		r.ledger(rep, nil, true)
	}
}

// leaves holds a run that left without ado: what it left, the next run removes.
func leaves(code int) func(*round) {
	return func(r *round) {
		if took := r.at.Sub(r.struck); took > 2*time.Second {
			r.fail("it took %s to leave", took)
		}
		if r.code() != code && r.code() != report.ExitFailed && r.code() != report.ExitGreen {
			r.fail("exit %d, want %d", r.code(), code)
		}
		r.nothingRuns()
		isFinished(r)
	}
}

// unbuilt has the run build an environment that there is not yet.
func unbuilt(r *round) (restore func()) {
	path := filepath.Join(r.dir, "requirements.txt")
	before, err := os.ReadFile(path)
	if err != nil {
		r.t.Fatal(err)
	}
	write(r.t, path, fmt.Sprintf("%s# %d\n", before, r.rng.Int64()))
	r.delay *= 3
	return func() { write(r.t, path, string(before)) }
}

// cutHistory cuts the history's file somewhere.
func cutHistory(r *round) (restore func()) {
	path := filepath.Join(r.home, "state", "shardyard", "history.db")
	info, err := os.Stat(path)
	if err == nil {
		err = os.Truncate(path, r.rng.Int64N(info.Size()))
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.did = "history cut"
	return func() {
		for _, aside := range brokenHistories(r.lane) {
			if err := os.Remove(aside); err != nil {
				r.t.Error(err)
			}
		}
	}
}

// nothing is the strike of what is broken before the run begins.
func nothing(*round) bool { return true }

// closeStdout closes the end of the pipe that reads what the run prints.
func closeStdout(r *round) bool {
	r.did = "stdout closed"
	return r.pipe.Close() == nil
}

// suspend stops the coordinator for longer than its agents wait for it.
func suspend(r *round) bool {
	r.did = "coordinator stopped for 35 s"
	if r.cmd.Process.Signal(syscall.SIGSTOP) != nil {
		return false
	}
	time.Sleep(35 * time.Second)
	return r.cmd.Process.Signal(syscall.SIGCONT) == nil
}

// outlives holds a run whose workers ended without it: what was lost is not
// run, and the run not green.
func outlives(r *round) {
	r.nothingLeft()
	rep := r.report()
	if rep == nil {
		r.fail("there is no record of the run: exit %d", r.code())
		return
	}
	r.ledger(rep, nil, true)
	if want := r.deserved(rep); r.code() != want {
		r.fail("exit %d, want %d", r.code(), want)
	}
}
