package injection

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// diskSize is what the results of a run do not fill.
const diskSize = "8m"

// smallDisk gives the results a small filesystem of their own. What is there
// comes back at the end.
func smallDisk(r *round) (restore func()) {
	dir := filepath.Join(r.dir, ".shardyard")
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+diskSize); err != nil {
		r.t.Fatalf("a small filesystem, which only root can mount: %v", err)
	}
	return func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			r.t.Errorf("unmount %s: %v", dir, err)
		}
	}
}

func ballast(r *round) string { return filepath.Join(r.dir, ".shardyard", "ballast") }

// fillDisk fills it.
func fillDisk(r *round) bool {
	f, err := os.Create(ballast(r))
	if err != nil {
		return false
	}
	defer f.Close()
	r.did = "disk filled"
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	return true
}

// saysDiskFull holds a run that could not write its results: it ends, not green
// unless it had written them all, says why, and leaves a log of whole lines.
func saysDiskFull(r *round) {
	rep := r.report()
	switch text := r.text(); {
	case r.code() == 0 && (rep == nil || !rep.Finished):
		r.fail("green without a record")
	case rep != nil && rep.Finished && len(rep.Faults) == 0 && rep.Exit == r.code() && (r.code() == 0 || r.code() == 1):
		r.ledger(rep, nil, false) // all was written before
	case r.code() != 1 && r.code() != 3:
		r.fail("exit %d", r.code())
	case !strings.Contains(text, "no space left on device"):
		r.fail("does not say why")
	}
	if text := r.text(); !strings.Contains(text, "next ") && r.run != "" {
		r.fail("the closing lines are missing")
	}
	r.wholeLines()
	r.nothingRuns()
	if err := os.Remove(ballast(r)); err != nil {
		r.fail("%v", err)
	}
	isFinished(r)
}

// wholeLines holds that the log has whole lines only.
func (r *round) wholeLines() {
	f, err := os.Open(filepath.Join(r.run, "events.jsonl"))
	if err != nil {
		return // the run had not come so far
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if !json.Valid(lines.Bytes()) {
			r.fail("a line of the log is cut: %.80q", lines.Bytes())
		}
	}
}
