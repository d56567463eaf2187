package pytest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework/output"
)

// linger is how long what a process wrote is still read after it has ended.
const linger = 2 * time.Second

// A process is one pytest process, with its socket and its output.
type process struct {
	cmd    *exec.Cmd
	socket socket
	pipes  [2]*os.File
	output *output.Output
	copies sync.WaitGroup
	ended  chan struct{} // closed when it has ended
	code   int           // valid then: exit status, or 128 + signal
	signal string
}

// start starts the interpreter on the plugin. The caller waits for ended, and
// calls close.
func start(ctx context.Context, open worker.Open, options Options, py string, emit func(worker.Event)) (_ *process, err error) {
	env := environ(open.Env, options)
	interpreter, err := lookPath(options.Python, open.Dir, env)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, interpreter, filepath.Join(py, entry))
	cmd.Dir, cmd.Env = open.Dir, env
	worker.Group(cmd)
	p := &process{cmd: cmd, output: output.New(open.OutputLimit, emit), ended: make(chan struct{})}

	var theirs []*os.File
	defer func() {
		for _, f := range theirs {
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			err = errors.Join(err, p.closeFiles())
		}
	}()
	ours, child, err := socketpair()
	if err != nil {
		return nil, err
	}
	theirs = append(theirs, child)
	if p.socket, err = newSocket(ours); err != nil {
		return nil, errors.Join(fmt.Errorf("make a socket for pytest: %w", err), ours.Close())
	}
	cmd.ExtraFiles = []*os.File{child}
	var ends [2]*os.File
	for i := range ends {
		if p.pipes[i], ends[i], err = os.Pipe(); err != nil {
			return nil, fmt.Errorf("make a pipe for pytest: %w", err)
		}
		theirs = append(theirs, ends[i])
	}
	cmd.Stdout, cmd.Stderr = ends[0], ends[1]
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", interpreter, err)
	}
	for i, stream := range [2]string{"stdout", "stderr"} {
		p.copies.Go(func() { p.output.Copy(stream, p.pipes[i]) })
	}
	go p.wait()
	return p, nil
}

// wait waits for the process, ends what it left in its group, and gives
// readers of its socket and output a last moment.
func (p *process) wait() {
	defer close(p.ended)
	// The error only repeats the state of the process.
	_ = p.cmd.Wait()
	p.code, p.signal = worker.ExitStatus(p.cmd.ProcessState)
	p.kill()
	last := time.Now().Add(linger)
	for _, f := range []*os.File{p.socket.File, p.pipes[0], p.pipes[1]} {
		// It fails on a file that is closed already, and then nobody reads.
		_ = f.SetDeadline(last)
	}
}

// kill ends the process with its group. It may have ended already.
func (p *process) kill() { _ = worker.KillGroup(p.cmd) }

// close ends the process, waits for it and for its output, and frees everything.
func (p *process) close() error {
	p.kill()
	<-p.ended
	p.copies.Wait()
	p.output.Close()
	return p.closeFiles()
}

func (p *process) closeFiles() (err error) {
	for _, f := range []*os.File{p.socket.File, p.pipes[0], p.pipes[1]} {
		if f != nil {
			err = errors.Join(err, f.Close())
		}
	}
	return err
}

// environ returns the process's environment: the agent's, and the session's.
func environ(session map[string]string, options Options) []string {
	env := os.Environ()
	if _, ok := session["PYTHONHASHSEED"]; !ok {
		env = append(env, "PYTHONHASHSEED="+options.HashSeed)
	}
	for name, value := range session {
		env = append(env, name+"="+value)
	}
	return env
}

// lookPath finds the interpreter on the PATH that it will have itself.
func lookPath(python, dir string, env []string) (string, error) {
	if filepath.IsAbs(python) {
		return python, nil
	}
	if strings.ContainsRune(python, filepath.Separator) {
		return filepath.Join(dir, python), nil
	}
	var path string
	for _, entry := range env {
		if value, ok := strings.CutPrefix(entry, "PATH="); ok {
			path = value
		}
	}
	for _, folder := range filepath.SplitList(path) {
		file := filepath.Join(folder, python)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("start %s: %w on the PATH of the session (%s)", python, fs.ErrNotExist, path)
}
