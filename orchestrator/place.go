package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// A place is one started agent that has been greeted. The caller of begin ends it.
type place struct {
	name   string
	inst   engine.Instance
	client *worker.Client
	layout engine.Layout
	budget *budget // of what its agent sends
	// asked is when the engine was asked for it, created when it had made it, and
	// greeted when its agent had greeted.
	asked, created, greeted time.Time
}

// begin starts a place and greets its agent, which may send so many bytes of
// output, or the default for 0. When it fails, nothing is left behind.
func begin(ctx context.Context, starter engine.Starter, spec engine.Spec, output int64) (*place, error) {
	asked := time.Now()
	inst, err := starter.Start(ctx, spec)
	if err != nil {
		return nil, err // an engine says what it could not start
	}
	p := newPlace(spec.Name, inst, asked, output)
	if err := p.greet(ctx); err != nil {
		failed := &greetError{p.name, p.autopsy(ctx, err)}
		if err := p.end(ctx); err != nil {
			failed.cause += fmt.Sprintf("; and it could not be removed: %v", err)
		}
		return nil, failed
	}
	return p, nil
}

// newPlace returns the place of an instance that the engine was asked for, and has now.
func newPlace(name string, inst engine.Instance, asked time.Time, output int64) *place {
	sent := newBudget(output)
	return &place{
		asked: asked, created: time.Now(), name: name, inst: inst, client: worker.NewClient(inst.Stream(), worker.ClientOptions{Charge: sent.charge}), layout: inst.Layout(), budget: sent,
	}
}

// greet greets the agent.
func (p *place) greet(ctx context.Context) error {
	_, err := p.client.Hello(ctx, worker.Greeting{Version: worker.Version, Worker: p.name})
	p.greeted = time.Now()
	return err
}

// A greetError reports how a place ended whose agent gave no greeting.
type greetError struct {
	name string
	ending
}

func (e *greetError) Error() string { return fmt.Sprintf("start %s: %s", e.name, e.cause) }

// An ending is how a place ended before its time.
type ending struct {
	exit  engine.Exit
	cause string // for a person; "" for an ending in order
}

// autopsy finds out why an agent's stream broke with err. It asks the engine before
// anything is removed.
func (p *place) autopsy(ctx context.Context, err error) ending {
	if ctx.Err() != nil {
		return ending{cause: "the run was stopped"}
	}
	if over := (*BudgetError)(nil); errors.As(err, &over) {
		return ending{cause: over.Error()}
	}
	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	exit, waitErr := p.inst.Wait(wait)
	e := ending{exit: exit}
	switch {
	case waitErr != nil:
		e.cause = fmt.Sprintf("its stream broke: %v%s", err, quoted(p.inst.Stderr()))
	case exit.OOMKilled:
		e.cause = "it ran out of memory: raise limits.memory"
	case exit.Code > 128:
		e.cause = fmt.Sprintf("it was killed from outside (exit status %d)", exit.Code)
	default:
		e.cause = fmt.Sprintf("its agent ended with exit status %d: %v%s", exit.Code, err, quoted(p.inst.Stderr()))
	}
	return e
}

// notStarted returns how a place ended that could not be started.
func notStarted(err error) ending {
	e := ending{cause: err.Error()}
	if mute := (*greetError)(nil); errors.As(err, &mute) {
		e = mute.ending
	}
	e.cause = "it could not be started: " + e.cause
	return e
}

func quoted(stderr string) string {
	if stderr == "" {
		return ""
	}
	return "; it said: " + stderr
}

// put copies the files of a directory of this machine into a place.
func (p *place) put(ctx context.Context, local, remote string) error {
	return filepath.WalkDir(local, func(name string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(local, name)
		if err != nil {
			return err
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		err = p.client.PutFile(ctx, path.Join(remote, filepath.ToSlash(rel)), 0o644, f)
		return errors.Join(err, f.Close())
	})
}

// fetch copies a file of a place, of at most so many bytes, to this machine. It
// leaves nothing of one that did not come whole.
func (p *place) fetch(ctx context.Context, remote, local string, most int64) (err error) {
	if err := os.MkdirAll(filepath.Dir(local), 0o755); err != nil {
		return err
	}
	f, err := os.Create(local)
	if err != nil {
		return err
	}
	err = errors.Join(p.client.GetFile(ctx, remote, &bounded{f, most, most}), f.Close())
	if err != nil {
		err = errors.Join(err, os.Remove(local))
	}
	return err
}

// An allowance is what files of one origin may take on this machine.
type allowance struct {
	files int
	bytes int64
}

// fetch copies a file of a place to this machine, as far as the allowance goes.
func (a *allowance) fetch(ctx context.Context, p *place, remote, local string) error {
	if a.files--; a.files < 0 {
		return errors.New("there are more files than any run needs")
	}
	if err := p.fetch(ctx, remote, local, a.bytes); err != nil {
		return err
	}
	info, err := os.Stat(local)
	if err == nil {
		a.bytes -= info.Size()
	}
	return err
}

// bounded is a writer that takes so many bytes.
type bounded struct {
	io.Writer
	left, most int64
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, fmt.Errorf("it is longer than the %s that are left for such files", report.Bytes(b.most))
	}
	return b.Writer.Write(p)
}

// end closes the agent's stream and removes everything that was made for it,
// also when ctx has ended.
func (p *place) end(ctx context.Context) error {
	p.client.Close()
	return p.inst.Remove(context.WithoutCancel(ctx))
}
