package orchestrator

import (
	"context"
	"fmt"
	"io"
	"path"
	"sync"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// A finisher is the place where the run's reports are made. It is started, and
// gets ready, while the tests run, so that nobody waits for it at the end.
type finisher struct {
	site  *site
	name  string // of its place
	once  sync.Once
	ready chan struct{} // closed when place and dir, or err, are set
	place *place
	dir   string // of the conclusion, inside
	err   error

	fed   chan struct{} // closed when it has all reports, or unfed is set
	unfed error
	ended chan struct{} // closed when done or failed is set
	text  gate
	done  worker.Concluded
	// cancel gives it up. It is set when ready is closed, unless it never started.
	cancel context.CancelFunc
	// failed is the reason why the conclusion could not be made; nil if it was.
	failed error
}

func newFinisher(at *site, name string) *finisher {
	return &finisher{site: at, name: name, ready: make(chan struct{}), fed: make(chan struct{}), ended: make(chan struct{})}
}

// complete is the file that tells the finisher that its input is there.
const complete = "complete"

// start starts the finisher, once. It takes the reports from the spool as they come. It
// goes on when ctx ends, unless the run is to end at once.
func (f *finisher) start(ctx context.Context, s *spool) {
	f.once.Do(func() {
		ctx, f.cancel = outliving(ctx)
		go func() {
			defer close(f.ended)
			f.err = f.open(ctx)
			close(f.ready)
			if f.err != nil {
				close(f.fed)
				return
			}
			defer context.AfterFunc(ctx, f.place.client.Close)()
			go f.feed(ctx, s)
			at, l := f.site, f.place.layout
			f.done, f.failed = f.place.client.Conclude(ctx, worker.Conclude{
				Framework: at.req.Session.Framework, Source: at.dir(l), Dir: f.dir, Await: path.Join(f.dir, complete), Project: at.req.Project,
				Args: at.req.Session.Args, Env: at.testEnv(l), Options: at.req.Session.Options, Program: at.program(l), Desk: at.desk(l),
			}, func(o worker.Output) { f.text.write(o.Data) })
		}()
	})
}

func (f *finisher) open(ctx context.Context) (err error) {
	if f.place, err = f.site.begin(ctx, f.site.engine, engine.Finisher, f.name, false); err != nil {
		return err
	}
	f.dir = path.Join(f.place.layout.Temp, "conclusion")
	return nil
}

// feed copies the reports to the finisher as they come, so that few are left to copy
// when the tests end.
func (f *finisher) feed(ctx context.Context, s *spool) {
	defer close(f.fed)
	f.unfed = f.place.client.PutFile(ctx, path.Join(f.dir, "reports.jsonl"), 0o644, s.follow())
}

// remove ends the finisher, started or not. The spool, if any, is finished.
func (f *finisher) remove(ctx context.Context) error {
	f.once.Do(func() { f.cancel = func() {}; close(f.ready); close(f.fed); close(f.ended) })
	f.cancel()
	<-f.ready
	if f.place == nil {
		return nil
	}
	f.place.client.Close()
	<-f.fed
	<-f.ended
	return f.place.end(ctx)
}

// A gate keeps text until it may be shown.
type gate struct {
	mu   sync.Mutex
	to   io.Writer
	kept []byte
	all  int64  // bytes that came
	stir func() // is told of everything that comes, once it is open
}

func (g *gate) write(p []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all += int64(len(p)); g.all > maxText {
		if before := g.all - int64(len(p)); before > maxText {
			return // and who prints without end gives no sign of life
		}
		p = fmt.Appendf(nil, "\n[... shardyard leaves out what follows: it is more than %s ...]\n", report.Bytes(maxText))
	}
	if g.to == nil {
		g.kept = append(g.kept, p...)
		return
	}
	g.stir()
	_, _ = g.to.Write(p) // a terminal that is gone must not stop the conclusion
}

// open shows what was kept, and from then on all that comes, and calls stir.
func (g *gate) open(to io.Writer, stir func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, _ = to.Write(g.kept)
	g.to, g.kept, g.stir = to, nil, stir
}
