package orchestrator

import (
	"context"
	"fmt"
	"io"
	"path"
	"sync"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker"
)

// A finisher is the place where the run's reports are made. It is started, and
// gets ready, while the tests run, so that nobody waits for it at the end.
type finisher struct {
	once   sync.Once
	ready  chan struct{} // closed when client and dir, or err, are set
	inst   engine.Instance
	client *worker.Client
	dir    string // of the conclusion, inside
	err    error

	fed   chan struct{} // closed when it has all reports, or unfed is set
	unfed error
	ended chan struct{} // closed when done or failed is set
	text  gate
	done  worker.Concluded
	// failed: the conclusion could not be made.
	failed error
}

func newFinisher() *finisher {
	return &finisher{ready: make(chan struct{}), fed: make(chan struct{}), ended: make(chan struct{})}
}

// complete is the file that tells the finisher that its input is there.
const complete = "complete"

func (f *finisher) start(ctx context.Context, r *run) {
	f.once.Do(func() {
		go func() {
			defer close(f.ended)
			f.err = f.open(ctx, r)
			close(f.ready)
			if f.err != nil {
				close(f.fed)
				return
			}
			go f.feed(ctx, r.spool)
			l := f.inst.Layout()
			f.done, f.failed = f.client.Conclude(ctx, worker.Conclude{
				Framework: r.req.Framework, Source: path.Join(l.Source, r.src.Sub), Dir: f.dir, Await: path.Join(f.dir, complete),
				Args: r.req.Args, Env: r.testEnv(l), Options: r.req.Options(r.interpreter(l)),
			}, func(o worker.Output) { f.text.write(o.Data) })
		}()
	})
}

func (f *finisher) open(ctx context.Context, r *run) (err error) {
	if f.inst, err = r.Engine.Start(ctx, r.spec(engine.Finisher, "finisher")); err != nil {
		return fmt.Errorf("start the finisher: %w", err)
	}
	if f.client, err = dial(ctx, f.inst, "finisher"); err != nil {
		_, cause := r.autopsy(ctx, f.inst, err)
		return fmt.Errorf("start the finisher: %s", cause)
	}
	f.dir = path.Join(f.inst.Layout().Temp, "conclusion")
	return nil
}

// feed brings it the reports as they come, so that little is left to be
// brought when the tests end.
func (f *finisher) feed(ctx context.Context, s *spool) {
	defer close(f.fed)
	f.unfed = f.client.PutFile(ctx, path.Join(f.dir, "reports.jsonl"), 0o644, s.follow())
}

// remove ends it, started or not. The spool, if any, is finished.
func (f *finisher) remove(ctx context.Context) error {
	f.once.Do(func() { close(f.ready); close(f.fed); close(f.ended) })
	<-f.ready
	if f.client != nil {
		f.client.Close()
	}
	<-f.fed
	<-f.ended
	if f.inst == nil {
		return nil
	}
	return f.inst.Remove(ctx)
}

// A gate keeps text until it may be shown.
type gate struct {
	mu   sync.Mutex
	to   io.Writer
	kept []byte
}

func (g *gate) write(p []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.to == nil {
		g.kept = append(g.kept, p...)
		return
	}
	_, _ = g.to.Write(p) // a terminal that is gone must not stop the conclusion
}

// open shows what was kept, and from then on all that comes.
func (g *gate) open(to io.Writer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, _ = to.Write(g.kept)
	g.to, g.kept = to, nil
}
