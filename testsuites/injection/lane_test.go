package injection

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A lane is a checkout of the project, with a state and a cache of its own, in
// which one round follows the other.
type lane struct {
	bin    string
	engine string
	home   string
	dir    string                   // the project
	length map[string]time.Duration // of a run without a fault, by what it does
	apart  bool                     // home is a filesystem of its own
	own    *dockerd                 // the engine that nobody else uses; nil where others do
}

// newLane makes a lane; the test's end removes it.
func newLane(t *testing.T, bin, engine string) *lane {
	t.Helper()
	home, err := os.MkdirTemp("", "faults-")
	if err != nil {
		t.Fatal(err)
	}
	// The engine names what it makes by the project's directory.
	l := &lane{bin: bin, engine: engine, home: home, dir: filepath.Join(home, filepath.Base(home)), length: map[string]time.Duration{}}
	if engine == own {
		l.engine, l.own = "docker", newDockerd(t)
	}
	l.apart = syscall.Mount("tmpfs", home, "tmpfs", 0, "size="+homeSize) == nil // root may
	writeProject(t, l.dir)
	write(t, filepath.Join(home, "tmp", "here"), "")
	t.Cleanup(func() {
		if code, text := l.command(context.Background(), "cache", "clear", "--all", "--engine", l.engine); code != 0 {
			t.Errorf("cache clear ended with %d:\n%s", code, text)
		}
		if t.Failed() {
			t.Logf("what the runs left is in %s", home)
			return
		}
		if l.apart {
			if err := syscall.Unmount(home, syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		}
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	return l
}

// environ is the environment of the lane's shardyard.
func (l *lane) environ() []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "SHARDYARD_") || strings.HasPrefix(kv, "CI=") })
	if l.own != nil {
		env = append(env, "DOCKER_HOST="+l.own.host())
	}
	return append(env, "XDG_STATE_HOME="+filepath.Join(l.home, "state"), "XDG_CACHE_HOME="+filepath.Join(l.home, "cache"), "TMPDIR="+filepath.Join(l.home, "tmp"))
}

// docker is a command of the lane's engine.
func (l *lane) docker(args ...string) *exec.Cmd {
	cmd := exec.Command("docker", args...) //nolint:noctx // ends at once
	cmd.Env = l.environ()
	return cmd
}

// limit is how long a run may take: none hangs.
const limit = 4 * time.Minute

// command runs shardyard to its end; -1 is the status of one that was killed.
func (l *lane) command(ctx context.Context, args ...string) (code int, text string) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, l.bin, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = l.dir, l.environ(), &out, &out
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return -1, err.Error()
	}
	return cmd.ProcessState.ExitCode(), out.String()
}

// runs are the directories of all runs.
func (l *lane) runs() []string {
	found, _ := filepath.Glob(filepath.Join(l.dir, ".shardyard", "runs", "2*"))
	return found
}

// since is the directory of the run that there was not before; "" when there is
// none.
func (l *lane) since(before []string) string {
	for _, dir := range l.runs() {
		if !slices.Contains(before, dir) {
			return dir
		}
	}
	return ""
}

// log is what the log of the run in dir says; nil when it cannot be read.
func (l *lane) log(dir string) *report.State {
	state, _, err := report.ReadState(filepath.Join(dir, "events.jsonl"))
	if err != nil {
		return nil
	}
	return state
}

// A process is a shardyard that runs.
type process struct {
	cmd    *exec.Cmd
	out    string // the file with what it prints
	output *os.File
	pipe   *os.File // of a run whose stdout is a pipe: the reading end
	began  time.Time
	ended  chan struct{}
	at     time.Time // of the end
}

// start starts shardyard. Piped, its stdout is a pipe, and not a file.
func (l *lane) start(piped bool, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(l.bin, args...), out: filepath.Join(l.home, "out"), ended: make(chan struct{}), began: time.Now()} //nolint:noctx // the round ends it
	p.cmd.Dir, p.cmd.Env = l.dir, l.environ()
	var err error
	if p.output, err = os.Create(p.out); err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	if piped {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		p.pipe, p.cmd.Stdout = r, w
		go drain(r, p.output)
		defer w.Close()
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // ProcessState has how it ended
		p.at = time.Now()
		close(p.ended)
	}()
	return p, nil
}

// drain copies what a pipe brings until it is closed.
func drain(from, to *os.File) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		_, _ = to.Write(buf[:n])
		if err != nil {
			return
		}
	}
}

// over reports whether the process has ended.
func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

var errHangs = errors.New("the run does not end")

// wait waits for the end.
func (p *process) wait(most time.Duration) error {
	defer p.output.Close()
	select {
	case <-p.ended:
		return nil
	case <-time.After(most):
		_ = p.cmd.Process.Kill()
		<-p.ended
		return errHangs
	}
}

// text is what the process has printed.
func (p *process) text() string {
	text, _ := os.ReadFile(p.out)
	return string(text)
}
