package injection

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// diskSize is what the results of a run do not fill, and homeSize is what all
// that is in a lane does not.
const diskSize, homeSize = "8m", "512m"

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

// oneDisk wants the lane to be on a filesystem of its own.
func oneDisk(r *round) (restore func()) {
	if !r.apart {
		r.t.Fatal("a small filesystem, which only root can mount")
	}
	return func() {}
}

// ballast fills the filesystem that it is in.
func ballast(r *round) string { return filepath.Join(r.dir, ".shardyard", "ballast") }

// fillDisk fills the disk that the results are on.
func fillDisk(r *round) bool {
	f, err := os.Create(ballast(r))
	if err != nil {
		return false
	}
	defer f.Close()
	r.did = "disk filled"
	fill(f)
	return true
}

// fill writes to a file until nothing more fits.
func fill(f *os.File) {
	var err error
	for _, size := range []int{1 << 20, 4096, 1} {
		for block := make([]byte, size); err == nil; {
			_, err = f.Write(block)
		}
		err = nil
	}
}

// fillNowAndThen fills the disk that the results are on for some moments: of the
// writes that a run makes, some fail.
func fillNowAndThen(r *round) bool {
	f, err := os.Create(ballast(r))
	if err != nil {
		return false
	}
	defer f.Close()
	r.did = "disk filled for moments:"
	for n := 0; n < 8 && !r.over(); n++ {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			r.t.Fatal(err)
		}
		full := time.Duration(r.rng.Int64N(int64(300 * time.Millisecond)))
		fill(f)
		time.Sleep(full)
		if err := f.Truncate(0); err != nil {
			r.t.Fatal(err)
		}
		r.did += " " + full.Round(time.Millisecond).String()
		time.Sleep(time.Duration(r.rng.Int64N(int64(400 * time.Millisecond))))
	}
	return true
}

// saysDisksFull holds a run that could write nowhere, nor could its tests: what it
// said to have proven is proven.
func saysDisksFull(r *round) {
	if rep := r.report(); r.code() == 0 && (rep == nil || !rep.Finished || len(rep.Faults) > 0) {
		r.fail("green without a record")
	}
	if text := r.text(); r.code() != 0 && r.code() != 1 && !strings.Contains(strings.ToLower(text), "no space left on device") && !strings.Contains(text, "disk is full") {
		r.fail("exit %d, and it does not say why", r.code())
	}
	r.wholeLines()
	r.nothingRuns()
	if err := os.Remove(ballast(r)); err != nil {
		r.fail("%v", err)
	}
	isFinished(r)
}

// failWrites has every Nth write fail that the coordinator makes into the
// history and into what the run's directory has by then.
func failWrites(r *round) bool {
	for ; r.since(r.before) == ""; time.Sleep(20 * time.Millisecond) {
		if r.over() {
			return false
		}
	}
	var paths []string
	for _, pattern := range []string{
		filepath.Join(r.since(r.before), "*"), filepath.Join(r.since(r.before), "*", "*"), filepath.Join(r.home, "state", "shardyard", "history.db*"),
	} {
		found, _ := filepath.Glob(pattern)
		paths = append(paths, found...)
	}
	every := 1 + r.rng.IntN(12)
	r.did = fmt.Sprintf("every write no. %d fails", every)
	args := []string{
		"-f", "-b", "execve", "-o", "/dev/null", "-p", strconv.Itoa(r.cmd.Process.Pid),
		"-e", "trace=write,pwrite64", "-e", fmt.Sprintf("inject=write,pwrite64:error=ENOSPC:when=%d+%d", every, every),
	}
	for _, path := range paths {
		args = append(args, "-P", path)
	}
	strace := exec.Command("strace", args...) //nolint:noctx // it ends with the coordinator
	if err := strace.Start(); err != nil {
		r.t.Fatal(err)
	}
	go func() { _ = strace.Wait() }() // its state does not matter
	return !r.over()
}

// saysWritesFail holds a run of which writes failed.
func saysWritesFail(r *round) {
	saysNoSpace(r)
	isFinished(r)
}

// saysDiskFull holds a run whose disk was full.
func saysDiskFull(r *round) {
	saysNoSpace(r)
	r.nothingRuns()
	if err := os.Remove(ballast(r)); err != nil {
		r.fail("%v", err)
	}
	isFinished(r)
}

// saysNoSpace holds a run that could not write its results: it ends, not green
// unless it had written them all, says why, and leaves a log of whole lines.
func saysNoSpace(r *round) {
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
	if r.code() != 0 && r.run != "" && !strings.Contains(r.text(), "next ") {
		r.fail("the closing lines are missing")
	}
	r.wholeLines()
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
