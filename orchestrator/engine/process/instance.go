package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker"
)

const (
	// quitTime is how long an agent may take to end its commands once its
	// stream is closed, before it is killed.
	quitTime = 5 * time.Second
	// meetTime is how long an agent may take to dial.
	meetTime = 30 * time.Second
	// maxStderr is what is kept of an agent's stderr.
	maxStderr = 16 << 10
	// markVariable is in the environment of a worker's processes, and says
	// which worker's they are.
	markVariable = "SHARDYARD_PLACE"
)

// passed are the variables of this process that workers get, and all that
// begin with LC_. Others are the configuration's to name.
var passed = []string{"PATH", "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "SHELL", "PYENV_ROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"}

// An instance is a running agent.
type instance struct {
	engine *Engine
	spec   engine.Spec
	run    *run
	dir    string // its own: home
	temp   string // for temporary files
	place  *place
	cmd    *exec.Cmd
	stream io.ReadWriteCloser
	stderr tail

	ended chan struct{}
	exit  engine.Exit // once ended is closed

	mu      sync.Mutex
	left    bool // the place
	removed bool
}

// Start implements engine.Starter.
func (e *Engine) Start(ctx context.Context, spec engine.Spec) (engine.Instance, error) {
	i, err := e.start(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	return i, nil
}

func (e *Engine) start(ctx context.Context, spec engine.Spec) (_ *instance, err error) {
	for what, name := range map[string]string{"run": spec.Run, "name": spec.Name, "tree name": spec.TreeName} {
		if name == "" && what == "tree name" {
			continue
		}
		if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") && what != "tree name" || name == "." || name == ".." {
			return nil, fmt.Errorf("%s %q is not a name for a directory", what, name)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	i := &instance{engine: e, spec: spec, ended: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, i.clean())
		}
	}()
	if i.run, err = e.join(spec.Run); err != nil {
		return nil, err
	}
	dir := filepath.Join(i.run.dir, spec.Name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make its directory: %w", err)
	}
	i.dir = dir
	if err := os.Mkdir(filepath.Join(dir, "home"), 0o700); err != nil {
		return nil, err
	}
	if i.temp, err = makeTemp(dir); err != nil {
		return nil, err
	}
	if i.place, err = e.occupy(ctx, spec); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return i, i.launch(context.WithoutCancel(ctx)) // it lives until its stream ends, or Remove
}

// launch starts the agent.
func (i *instance) launch(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, i.engine.executable, "agent")
	cmd.Args[0] = filepath.Join(i.dir, "shardyard") // whose it is; its environment cannot be read
	worker.Separate(cmd)
	cmd.Dir = i.place.source()
	cmd.Env = i.environ()
	cmd.Stderr = &i.stderr
	cmd.WaitDelay = time.Second // for a process that holds its stderr
	i.cmd = cmd
	if i.engine.meeting != nil {
		return i.meet(ctx)
	}
	return i.attach()
}

// attach starts the agent with pipes as its stdin and stdout.
func (i *instance) attach() error {
	fromHere, toAgent, err := os.Pipe()
	if err != nil {
		return err
	}
	fromAgent, toHere, err := os.Pipe()
	if err != nil {
		return errors.Join(err, fromHere.Close(), toAgent.Close())
	}
	i.cmd.Stdin, i.cmd.Stdout = fromHere, toHere
	err = i.cmd.Start()
	// The agent has its own ends now, or does not exist.
	closed := errors.Join(fromHere.Close(), toHere.Close())
	if err != nil {
		return errors.Join(err, closed, fromAgent.Close(), toAgent.Close())
	}
	i.stream = &pipes{Reader: fromAgent, Writer: toAgent, in: fromAgent, out: toAgent}
	go i.wait()
	return closed
}

// meet starts the agent, and waits until it has dialled.
func (i *instance) meet(ctx context.Context) (err error) {
	invitation := i.engine.meeting.Invite()
	i.cmd.Args = append(i.cmd.Args, "--dial", i.engine.meeting.Address())
	i.cmd.Env = append(i.cmd.Env, worker.TokenVariable+"="+invitation.Token)
	ctx, cancel := context.WithTimeout(ctx, meetTime)
	defer cancel()
	if err := i.cmd.Start(); err != nil {
		return errors.Join(err, invitation.Withdraw())
	}
	go i.wait()
	go func() {
		select {
		case <-i.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	if i.stream, err = invitation.Accept(ctx); err == nil {
		return nil
	}
	select {
	case <-i.ended:
		return fmt.Errorf("its agent ended with status %d before it dialled: %s", i.exit.Code, i.stderr.String())
	default:
		killed := worker.KillGroup(i.cmd)
		<-i.ended
		return errors.Join(err, killed)
	}
}

func (i *instance) wait() {
	// How it ended is in ProcessState; a pipe held open is no matter.
	_ = i.cmd.Wait()
	i.exit.At = time.Now()
	var signal string
	i.exit.Code, signal = worker.ExitStatus(i.cmd.ProcessState)
	if signal != "" {
		i.exit.Error = "the agent was ended by a signal: " + signal
	}
	close(i.ended)
}

// environ returns the agent's environment.
func (i *instance) environ() []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if slices.Contains(passed, name) || strings.HasPrefix(name, "LC_") {
			env = append(env, kv)
		}
	}
	for name, value := range i.spec.Env {
		env = append(env, name+"="+value)
	}
	layout := i.Layout()
	return append(env,
		"HOME="+layout.Home,
		"TMPDIR="+layout.Temp,
		markVariable+"="+i.dir,
	)
}

// Stream implements engine.Instance.
func (i *instance) Stream() io.ReadWriteCloser { return i.stream }

// Host implements engine.Instance.
func (i *instance) Host() string { return i.engine.host }

// Layout implements engine.Instance.
func (i *instance) Layout() engine.Layout {
	var packages string
	if i.spec.Role == engine.Builder || i.spec.Role == engine.Preparer {
		packages = i.engine.packages
	}
	return engine.Layout{
		Source: i.place.source(),
		Env:    i.place.env(),
		Cache:  packages,
		Home:   filepath.Join(i.dir, "home"),
		Temp:   i.temp,
		Path:   filepath.Join(i.place.env(), "bin") + string(os.PathListSeparator) + os.Getenv("PATH"),
		Here:   true,
		UID:    -1,
		GID:    -1,
	}
}

// Wait implements engine.Instance.
func (i *instance) Wait(ctx context.Context) (engine.Exit, error) {
	select {
	case <-i.ended:
		return i.exit, nil
	case <-ctx.Done():
		return engine.Exit{}, fmt.Errorf("wait for %s: %w", i.spec.Name, ctx.Err())
	}
}

// Stderr implements engine.Instance.
func (i *instance) Stderr() string { return i.stderr.String() }

// Seal implements engine.Instance. The place is free afterwards, and as it is
// what the layer holds: workers that start next find it ready.
func (i *instance) Seal(ctx context.Context, key string, about cache.About) (engine.Layer, error) {
	if err := i.seal(ctx, key, about); err != nil {
		return "", fmt.Errorf("seal %s as %s: %w", i.spec.Name, key, err)
	}
	return engine.Layer(key), nil
}

func (i *instance) seal(ctx context.Context, key string, about cache.About) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.spec.Role != engine.Builder && i.spec.Role != engine.Preparer:
		return fmt.Errorf("a %s cannot be sealed", i.spec.Role)
	case i.left:
		return errors.New("it was sealed or removed before")
	}
	exit, err := i.Wait(ctx)
	if err != nil {
		return err
	}
	if exit.Code != 0 {
		return fmt.Errorf("its agent did not end in order: status %d %s", exit.Code, exit.Error)
	}
	// What a command left running would go on writing.
	if err := killMarked(ctx, i.dir); err != nil {
		return err
	}
	prepared := i.spec.Role == engine.Preparer && i.spec.Tree != ""
	if err := i.engine.seal(ctx, i.place, key, about, prepared); err != nil {
		return err
	}
	holds := content{Layer: engine.Layer(key), TreeName: i.place.key.treeName}
	if prepared {
		holds.Tree = i.spec.Tree
		if err := i.place.setContent(&holds); err != nil {
			return err
		}
	}
	i.left = true
	return i.engine.leave(i.place)
}

// Remove implements engine.Instance.
func (i *instance) Remove(ctx context.Context) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.removed {
		return nil
	}
	if err := i.end(ctx); err != nil {
		return fmt.Errorf("remove %s: %w", i.spec.Name, err)
	}
	if err := i.clean(); err != nil {
		return fmt.Errorf("remove %s: %w", i.spec.Name, err)
	}
	i.removed = true
	return nil
}

// end has no process of the instance live: the agent ends by itself when its
// stream is closed, or is killed; then what it may have left.
func (i *instance) end(ctx context.Context) error {
	closed := i.stream.Close()
	timer := time.NewTimer(quitTime)
	defer timer.Stop()
	select {
	case <-i.ended:
	case <-timer.C:
		if err := worker.KillGroup(i.cmd); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return errors.Join(closed, err)
		}
		<-i.ended
	case <-ctx.Done():
		return errors.Join(closed, ctx.Err(), worker.KillGroup(i.cmd))
	}
	return errors.Join(closed, killMarked(ctx, i.dir))
}

// clean gives back what start took, in reverse. No process is live.
func (i *instance) clean() error {
	var errs []error
	if i.place != nil && !i.left {
		errs = append(errs, i.engine.leave(i.place))
		i.left = true
	}
	if i.dir != "" {
		errs = append(errs, removeTemp(i.dir), removeAll(i.dir))
	}
	if i.run != nil {
		errs = append(errs, i.engine.quit(i.run))
		i.run = nil
	}
	return errors.Join(errs...)
}

// pipes are the agent's stdin and stdout.
type pipes struct {
	io.Reader
	io.Writer
	in, out io.Closer
	once    sync.Once
	err     error
}

func (s *pipes) Close() error {
	s.once.Do(func() { s.err = errors.Join(s.out.Close(), s.in.Close()) })
	return s.err
}

// A tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	data []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if over := len(t.data) - maxStderr; over > 0 {
		t.data = append(t.data[:0], t.data[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data)
}
