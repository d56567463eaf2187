package pytest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"sync"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// A warmth is an interpreter that has imported pytest, and nothing of the project.
type warmth struct {
	*Framework
	open    worker.Open // that it was started for
	options Options
	scratch string
	py      string
	session *session // nil once it has been given its order
	late    late
	stopped context.CancelFunc
}

// Warm implements [worker.Warmer].
func (f *Framework) Warm(ctx context.Context, open worker.Open, tree string) (_ worker.Warmth, err error) {
	w := &warmth{Framework: f, open: open}
	if w.options, err = parseOptions(open.Options, open.Program); err != nil {
		return nil, err
	}
	if w.scratch, w.py, err = unpacked(); err != nil {
		return nil, err
	}
	ctx, w.stopped = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	p, err := start(ctx, open, w.options, w.py, w.late.emit)
	if err != nil {
		return nil, err
	}
	w.session = newSession(p, nil, 0)
	w.session.listen()
	if err := say(p.socket, kindling{Warm: tree}); err != nil {
		return nil, fmt.Errorf("warm an interpreter: %w", err)
	}
	for {
		select {
		case batch, ok := <-w.session.messages:
			if !ok {
				return nil, fmt.Errorf("warm an interpreter: it ended%s", quoted(p.output.Stderr()))
			}
			for _, m := range batch {
				switch {
				case m.Hello != nil:
					w.session.dump = m.Hello.Dump
				case m.Warmed:
					return w, nil
				}
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("warm an interpreter: %w", ctx.Err())
		}
	}
}

// A kindling is what the plugin gets instead of an order that is not known yet. It
// answers once it has imported pytest, unless something of the tree is loaded by then.
type kindling struct {
	Warm string `json:"warm"` // the directory of the tree
}

// Run implements [worker.Warmth]. Where the interpreter does not fit the session, or
// says nothing when it is given its order, another one is started.
func (w *warmth) Run(ctx context.Context, open worker.Open, s worker.Stream) (worker.Exit, error) {
	order, fits := w.fits(open)
	if !fits {
		return w.anew(ctx, open, s)
	}
	restore(open, order.options, s)
	defer context.AfterFunc(ctx, w.stopped)()
	w.late.open(s.Emit)
	session := w.session
	session.stream, session.watch.limit = s, time.Duration(open.TestTimeoutMS)*time.Millisecond
	w.session = nil // it ends by itself
	exit, restart, err := attend(ctx, open, session, order)
	if !session.heard && ctx.Err() == nil {
		return w.anew(ctx, open, s)
	}
	if restart != "" && err == nil {
		exit, err = again(ctx, open, order, restart, s)
	}
	return exit, errors.Join(err, w.Close())
}

// anew runs the session as if nothing had been ready.
func (w *warmth) anew(ctx context.Context, open worker.Open, s worker.Stream) (worker.Exit, error) {
	if err := w.Close(); err != nil {
		return worker.Exit{}, err
	}
	return w.Framework.Run(ctx, open, s)
}

// fits returns the order for a session, if the interpreter is as one that is started
// now would be.
func (w *warmth) fits(open worker.Open) (o order, fits bool) {
	options, err := parseOptions(open.Options, open.Program)
	if err != nil {
		return o, false // which Run says
	}
	o = newOrder(open, options)
	o.Scratch, o.py, o.Env = w.scratch, w.py, map[string]string{}
	env := maps.Clone(open.Env)
	for name, value := range open.Env {
		if worker.OfRun(name) {
			o.Env[name] = value
			delete(env, name)
		}
	}
	options.Seed = w.options.Seed
	return o, reflect.DeepEqual(options, w.options) && maps.Equal(env, w.open.Env) && open.Dir == w.open.Dir && open.OutputLimit == w.open.OutputLimit
}

// Close implements [worker.Warmth].
func (w *warmth) Close() error {
	w.stopped()
	var err error
	if w.session != nil {
		close(w.session.stop)
		err = w.session.close()
	}
	return errors.Join(err, os.RemoveAll(w.scratch))
}

// A late emitter keeps events until it is known where they go.
type late struct {
	mu   sync.Mutex
	to   func(worker.Event)
	kept []worker.Event
}

func (l *late) emit(e worker.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.to == nil {
		l.kept = append(l.kept, e)
		return
	}
	l.to(e)
}

func (l *late) open(to func(worker.Event)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.kept {
		to(e)
	}
	l.to, l.kept = to, nil
}
