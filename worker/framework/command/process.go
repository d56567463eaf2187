package command

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// linger is how long what a command wrote is still read after it has ended.
const linger = 2 * time.Second

// A shell runs commands in one place.
type shell struct {
	dir string
	env map[string]string // besides the agent's own
}

// An ending is how a command ended.
type ending struct {
	code   int // exit status, or 128 + signal
	signal string
	late   bool // it was ended because it took too long
	took   time.Duration
}

// crashed reports whether the command did not end by itself. A shell whose
// child was killed by a signal has 128 and its number for its own status.
func (e ending) crashed() bool {
	const lastSignal = 64
	return e.late || e.signal != "" || e.code > 128 && e.code <= 128+lastSignal
}

// String is "with status 3", or "with status 139 (segmentation fault)".
func (e ending) String() string {
	if e.code > 128 && e.crashed() {
		return fmt.Sprintf("with status %d (%s)", e.code, syscall.Signal(e.code-128))
	}
	return fmt.Sprintf("with status %d", e.code)
}

// run runs a command. What it prints goes to say, by stream, one call at a
// time; say keeps nothing of it. A limit of 0 is none. An error means that it could not be run, or that ctx has ended.
func (s shell) run(ctx context.Context, command string, env map[string]string, limit time.Duration, say func(stream string, p []byte)) (e ending, err error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir, cmd.Env = s.dir, os.Environ()
	for _, vars := range []map[string]string{s.env, env} {
		for k, v := range vars {
			cmd.Env = append(cmd.Env, k+"="+v)
		}
	}
	cmd.WaitDelay = linger
	worker.Group(cmd)
	var both sync.Mutex
	cmd.Stdout, cmd.Stderr = &printer{&both, "stdout", say}, &printer{&both, "stderr", say}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
			err = fmt.Errorf("%w: commands of a suite need sh in %s", err, s.dir)
		}
		return e, fmt.Errorf("start the command: %w", err)
	}
	e.late = s.wait(cmd, limit)
	e.took = time.Since(began)
	e.code, e.signal = worker.ExitStatus(cmd.ProcessState)
	return e, ctx.Err()
}

// wait waits for a command, ends it when its time is over, and what it left in
// its group in any case. It reports whether the time was over.
func (s shell) wait(cmd *exec.Cmd, limit time.Duration) (late bool) {
	var mu sync.Mutex
	if limit > 0 {
		timer := time.AfterFunc(limit, func() {
			mu.Lock()
			defer mu.Unlock()
			late = true
			_ = worker.KillGroup(cmd) // it may have ended just now
		})
		defer timer.Stop()
	}
	// How it ended is in its state; that something holds its output open is no
	// matter.
	_ = cmd.Wait()
	mu.Lock()
	defer mu.Unlock()
	_ = worker.KillGroup(cmd) // mostly there is nothing left
	return late
}

// A printer hands on what a command prints to one stream, with a lock that both
// of its streams share.
type printer struct {
	both   *sync.Mutex
	stream string
	say    func(stream string, p []byte)
}

// Write implements io.Writer.
func (p *printer) Write(data []byte) (int, error) {
	p.both.Lock()
	defer p.both.Unlock()
	p.say(p.stream, data)
	return len(data), nil
}
