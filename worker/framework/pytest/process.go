package pytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// linger is how long what a process wrote is still read after it has ended.
const linger = 2 * time.Second

// A process is one pytest process with its socket and its output.
type process struct {
	cmd    *exec.Cmd
	socket *os.File // the agent's end
	output *output
	pipes  []*os.File // the agent's ends of stdout and stderr
	copies sync.WaitGroup
	done   chan struct{} // closed when it has ended
	code   int           // valid after done
	signal string
}

// start starts the interpreter on the plugin. The caller ends it with finish.
func start(ctx context.Context, open worker.Open, options Options, py string, emit func(worker.Event)) (_ *process, err error) {
	env := environ(open.Env, options)
	interpreter, err := lookPath(options.Python, env, open.Dir)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, interpreter, filepath.Join(py, entry))
	cmd.Dir, cmd.Env = open.Dir, env
	worker.Group(cmd)
	p := &process{cmd: cmd, output: newOutput(open.OutputLimit, emit), done: make(chan struct{})}

	var theirs []*os.File
	defer func() {
		for _, f := range theirs {
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	socket, child, err := socketpair()
	if err != nil {
		return nil, err
	}
	p.socket, theirs = socket, append(theirs, child)
	cmd.ExtraFiles = []*os.File{child}
	for _, to := range []**os.File{ref(&cmd.Stdout), ref(&cmd.Stderr)} {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("make a pipe for pytest: %w", err)
		}
		p.pipes, theirs = append(p.pipes, r), append(theirs, w)
		*to = w
	}
	return p, nil
}
