package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// DefaultMute is how long an agent lives without hearing from its coordinator.
const DefaultMute = 30 * time.Second

// pace is the least time between two of an agent's writes. Each one wakes
// every process on the way to the coordinator; a test of a millisecond has
// several events. What waits at a worker is enough for this time.
const pace = 5 * time.Millisecond

// Options are what an agent is built with.
type Options struct {
	Frameworks []Framework
	Logger     hclog.Logger // nil: none. It must not write to the agent's out.
	// Alone is true if this process is nothing but the agent. On Linux it then
	// adopts what its commands leave behind, and ends every descendant that it
	// has before Serve returns.
	Alone bool
}

// Serve is the agent: it answers requests from in with events on out, until it
// is asked to quit, and then returns nil. When in ends before that, or nothing
// comes for Greeting.MuteMS, or ctx ends, it returns an error. In every case
// all commands that it started are gone, with their process groups, when it
// returns.
//
// Serve closes in, if it can, to end a read that is under way.
func Serve(ctx context.Context, in io.Reader, out io.Writer, opts Options) error {
	if opts.Logger == nil {
		opts.Logger = hclog.NewNullLogger()
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &agent{
		conn:       NewConn[Request, Event](in, out),
		log:        opts.Logger,
		frameworks: map[string]Framework{},
		mute:       DefaultMute,
		execs:      map[int64]context.CancelFunc{},
		files:      map[int64]*incoming{},
	}
	a.conn.pace = pace
	for _, f := range opts.Frameworks {
		a.frameworks[f.Name()] = f
	}
	if opts.Alone {
		// An agent mostly hands on what comes: on one processor that wakes no
		// thread, which costs more than all else that it does for a test.
		runtime.GOMAXPROCS(1)
		debug.SetGCPercent(400) // of the little that it holds
		conceal(opts.Logger)
		adopt(opts.Logger)
		a.wg.Go(func() { collect(ctx) })
	}
	a.send(a.greeting())

	requests, failed := a.receive(ctx)
	err := a.serve(ctx, requests, failed)
	cancel()
	a.stop()
	if opts.Alone {
		reap(opts.Logger)
	}
	if c, ok := in.(io.Closer); ok {
		err = errors.Join(err, ignoreClosed(c.Close()))
	}
	if err != nil {
		a.conn.abort() // nobody reads any more
		return err
	}
	return a.end()
}

// An agent is one call of Serve. All its fields but conn and wg belong to the
// goroutine that serves requests, unless they say otherwise.
type agent struct {
	conn       *Conn[Request, Event]
	log        hclog.Logger
	frameworks map[string]Framework
	mute       time.Duration
	greeted    bool
	files      map[int64]*incoming
	opened     time.Time      // when the session's tests, or before there is one commands, began to write
	lookout    *time.Ticker   // while it waits for another coordinator; else nil
	before     End            // what coordinators before this one have sent, and got
	wg         sync.WaitGroup // of commands, transfers, the session, a conclusion, and what gets ready
	pieces     sync.Mutex     // held while those of one report are sent

	mu         sync.Mutex
	execs      map[int64]context.CancelFunc
	session    *queue
	ready      *kindled // for the next session; nil for nothing
	concluding bool
}

// receive reads requests until the stream ends. Its goroutine outlives Serve
// only while a read cannot be ended.
func (a *agent) receive(ctx context.Context) (<-chan Request, <-chan error) {
	requests, failed := make(chan Request), make(chan error, 1)
	go func() {
		for {
			req, err := a.conn.Receive()
			if err != nil {
				failed <- err
				return
			}
			select {
			case requests <- req:
			case <-ctx.Done():
				return
			}
		}
	}()
	return requests, failed
}

// serve handles requests in their order until there is a reason to end.
func (a *agent) serve(ctx context.Context, requests <-chan Request, failed <-chan error) error {
	deadman := time.NewTimer(a.mute)
	defer deadman.Stop()
	for {
		select {
		case req := <-requests:
			if req.Quit != nil {
				return nil
			}
			if err := a.handle(ctx, req); err != nil {
				return err
			}
			deadman.Reset(a.mute)
		case err := <-failed:
			if errors.Is(err, io.EOF) {
				return errors.New("serve: the coordinator closed the stream")
			}
			return fmt.Errorf("serve: %w", err)
		case <-deadman.C:
			return fmt.Errorf("serve: nothing heard from the coordinator for %s", a.mute)
		case <-a.shortage():
			if short() {
				return errShort
			}
		case <-ctx.Done():
			return fmt.Errorf("serve: %w", ctx.Err())
		}
	}
}

// handle starts what a request asks for. It does not block on the connection.
func (a *agent) handle(ctx context.Context, req Request) error {
	if !a.greeted && req.Hello == nil && req.Ping == nil {
		return errors.New("serve: the coordinator did not greet first")
	}
	switch {
	case req.Hello != nil:
		return a.hello(*req.Hello)
	case req.Ping != nil:
		a.send(Event{Pong: &Ping{Seq: req.Ping.Seq, AtMS: clockMS(time.Now())}})
	case req.Exec != nil:
		a.exec(ctx, *req.Exec)
	case req.Kill != nil:
		a.kill(req.Kill.ID)
	case req.Put != nil:
		a.put(*req.Put)
	case req.Get != nil:
		a.get(ctx, *req.Get)
	case req.Changes != nil:
		a.changes(ctx, *req.Changes)
	case req.Warm != nil:
		a.warm(ctx, *req.Warm)
	case req.Amend != nil:
		a.amend(ctx, *req.Amend)
	case req.Open != nil:
		a.open(ctx, *req.Open)
	case req.Lease != nil:
		a.lease(*req.Lease)
	case req.Revoke != nil:
		a.revoke(*req.Revoke)
	case req.Drain != nil:
		a.drain()
	case req.Conclude != nil:
		a.conclude(ctx, *req.Conclude)
	}
	return nil
}

func (a *agent) greeting() Event {
	return Event{Hello: &Greeting{Version: Version, PID: os.Getpid(), CPUs: runtime.NumCPU()}}
}

func (a *agent) hello(g Greeting) error {
	if g.Version != Version {
		return fmt.Errorf("serve: the coordinator speaks version %d of the contract, this agent %d", g.Version, Version)
	}
	if a.lookout != nil {
		a.lookout.Stop()
		a.lookout = nil
	}
	if a.greeted {
		received, sent := a.conn.counts()
		a.before = End{Requests: received - 1, Events: sent}
		a.send(a.greeting())
	}
	a.greeted = true
	a.log = a.log.With("worker", g.Worker)
	a.mute = DefaultMute
	if g.MuteMS > 0 {
		a.mute = time.Duration(g.MuteMS) * time.Millisecond
	}
	return nil
}

func (a *agent) conclude(ctx context.Context, req Conclude) {
	framework, ok := a.frameworks[req.Framework]
	a.mu.Lock()
	busy := a.concluding
	a.concluding = a.concluding || ok
	a.mu.Unlock()
	switch {
	case !ok:
		a.fail("conclude", fmt.Errorf("this agent knows no framework %q", req.Framework))
		return
	case busy:
		a.fail("conclude", errors.New("a conclusion is under way"))
		return
	}
	a.wg.Go(func() {
		done, err := req.Desk.conclude(ctx, framework, req, a.emit)
		a.mu.Lock()
		a.concluding = false
		a.mu.Unlock()
		if err != nil {
			a.emit(Event{Failed: failure("conclude", err)})
			return
		}
		a.emit(Event{Concluded: &done})
	})
}

// stop waits for everything that the agent started, whose context has ended.
// It lets those go who wait for room on a stream that nobody may be reading.
func (a *agent) stop() {
	a.conn.unbound()
	a.wg.Wait()
	if err := a.cool(); err != nil {
		a.log.Warn("what was ready did not end in order", "error", err)
	}
	for _, f := range a.files {
		f.discard()
	}
}

// end says goodbye.
func (a *agent) end() error {
	received, sent := a.conn.counts()
	a.send(Event{End: &End{Requests: received - a.before.Requests, Events: sent - a.before.Events}})
	if err := a.conn.Close(); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// send answers from the goroutine that serves requests, which must not block:
// the coordinator may be waiting for it to read.
func (a *agent) send(e Event) { a.note(e, a.conn.Reply(e)) }

// emit sends from any other goroutine, and waits while too much is queued.
// A report and output that are longer than a frame are sent in pieces.
func (a *agent) emit(e Event) {
	if e.Reported == nil && (e.Output == nil || len(e.Output.Data) <= MaxFrame) {
		a.note(e, a.conn.Send(e))
		return
	}
	a.pieces.Lock()
	defer a.pieces.Unlock()
	for piece := range e.pieces() {
		a.note(piece, a.conn.Send(piece))
	}
}

// note handles an event that could not be sent. When the stream is broken that
// is the end of the agent, which its reader will see; else it is said.
func (a *agent) note(e Event, err error) {
	if err == nil {
		return
	}
	a.log.Warn("event not sent", "error", err)
	if e.Failed == nil {
		a.send(Event{Failed: failure("event", err)})
	}
}

func (a *agent) fail(what string, err error) { a.send(Event{Failed: failure(what, err)}) }

func failure(what string, err error) *Failed {
	f := &Failed{What: what, Error: err.Error(), Usage: errors.Is(err, ErrUsage)}
	if lacking := (*LackError)(nil); errors.As(err, &lacking) {
		f.Lack = &lacking.Lack
	}
	return f
}

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
