package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// drainTime is how long output is read after a command has ended, when
// processes that it left behind hold its pipes open.
const drainTime = 2 * time.Second

// exec starts a command in a process group of its own.
func (a *agent) exec(ctx context.Context, e Exec) {
	if a.opened.IsZero() {
		a.opened = Moment()
	}
	agent := ctx
	ctx, cancel := context.WithCancel(ctx)
	a.mu.Lock()
	_, twice := a.execs[e.ID]
	if !twice {
		a.execs[e.ID] = cancel
	}
	a.mu.Unlock()
	if twice {
		cancel()
		a.fail("exec", fmt.Errorf("a command with id %d runs", e.ID))
		return
	}
	a.wg.Go(func() {
		exited := a.run(ctx, e, func(o Output) {
			if agent.Err() == nil { // else nobody may be reading
				a.emit(Event{Output: &o})
			}
		})
		cancel()
		a.mu.Lock()
		delete(a.execs, e.ID)
		a.mu.Unlock()
		a.emit(Event{Exited: &exited})
	})
}

// kill ends a command early.
func (a *agent) kill(id int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if cancel, ok := a.execs[id]; ok {
		cancel()
	}
}

func (a *agent) run(ctx context.Context, e Exec, emit func(Output)) Exited {
	cmd, err := command(ctx, e)
	if err != nil {
		return Exited{ID: e.ID, Code: 127, Error: err.Error()}
	}
	cmd.Stdout = &outlet{id: e.ID, stream: "stdout", emit: emit}
	cmd.Stderr = &outlet{id: e.ID, stream: "stderr", emit: emit}
	if err := cmd.Start(); err != nil {
		return Exited{ID: e.ID, Code: 126, Error: fmt.Sprintf("start %s: %v", cmd.Path, err)}
	}
	a.log.Debug("command started", "id", e.ID, "path", cmd.Path, "pid", cmd.Process.Pid)
	// Its exit is in ProcessState; what else may be wrong is that a process
	// left behind holds the output open, and that is the command's business.
	_ = cmd.Wait()
	code, signal := ExitStatus(cmd.ProcessState)
	return Exited{ID: e.ID, Code: code, Signal: signal}
}

// command prepares an Exec. Its program is looked up on the PATH that the
// command itself gets.
func command(ctx context.Context, e Exec) (*exec.Cmd, error) {
	if len(e.Argv) == 0 || e.Argv[0] == "" {
		return nil, errors.New("start command: no program is named")
	}
	env := []string{} // nil would mean the agent's own
	if !e.Clean {
		env = os.Environ()
	}
	for k, v := range e.Env {
		env = append(env, k+"="+v)
	}
	if e.Dir != "" {
		if info, err := os.Stat(e.Dir); err != nil {
			return nil, fmt.Errorf("start command: working directory: %w", err)
		} else if !info.IsDir() {
			return nil, fmt.Errorf("start command: working directory %s is not a directory", e.Dir)
		}
	}
	path, err := lookPath(e.Argv[0], e.Dir, pathOf(env))
	if err != nil {
		return nil, fmt.Errorf("start command: %w", err)
	}
	cmd := exec.CommandContext(ctx, path, e.Argv[1:]...)
	cmd.Args[0] = e.Argv[0]
	cmd.Dir, cmd.Env = e.Dir, env
	cmd.WaitDelay = drainTime
	Group(cmd)
	if err := become(cmd, e.UID, e.GID); err != nil {
		return nil, fmt.Errorf("start command: %w", err)
	}
	return cmd, nil
}

// pathOf returns the PATH of an environment, in which the last value counts.
func pathOf(env []string) (path string) {
	for _, kv := range env {
		if k, v, _ := strings.Cut(kv, "="); k == "PATH" {
			path = v
		}
	}
	return path
}

// lookPath finds a program as a shell with this PATH, in this directory, would.
func lookPath(name, dir, path string) (string, error) {
	if strings.ContainsRune(name, '/') || filepath.IsAbs(name) {
		return name, nil // relative to cmd.Dir, as the kernel sees it
	}
	for _, entry := range filepath.SplitList(path) {
		if !filepath.IsAbs(entry) {
			entry = filepath.Join(dir, entry)
		}
		if found, err := exec.LookPath(filepath.Join(entry, name)); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%w: %s is not on PATH (%s)", exec.ErrNotFound, name, path)
}

// An outlet is a writer that emits Output events.
type outlet struct {
	id     int64
	stream string
	emit   func(Output)
}

func (o *outlet) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), MaxFrame)
		o.emit(Output{ID: o.id, Stream: o.stream, Data: rest[:n]})
		rest = rest[n:]
	}
	return len(p), nil
}
