package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// ErrLost means that an agent's stream ended, or went silent, before its End.
var ErrLost = errors.New("worker lost")

// ClientOptions are the times of a Client's heartbeat. Zero means the default.
type ClientOptions struct {
	Ping time.Duration // between two pings; 5 s
	Lost time.Duration // of silence, after which the worker is lost; 30 s
	// Charge sees every event of the session before Events hands it over, with
	// the length in bytes of its line, and may shorten it. An error means that
	// the agent has sent more than it may: it is lost, for that reason. It is
	// called by one goroutine. Nil: there is no budget.
	Charge func(e *Event, line int) error
}

// A Client is the coordinator's side of one agent's stream. Its methods may be
// called concurrently. The agent is input, not a friend: whatever it sends, a
// Client neither panics nor grows without bound.
type Client struct {
	conn   *Conn[Event, Request]
	stream io.ReadWriteCloser
	opts   ClientOptions

	events   chan []Event
	greeting chan Greeting
	stop     chan struct{} // closed by Close and when the stream ends
	wg       sync.WaitGroup

	mu       sync.Mutex
	lastID   int64
	calls    map[int64]*call
	conclude *call
	end      *End
	err      error
	stopped  bool
	seq      int64 // of the last ping
	lastSeen time.Time
	busy     bool // the reader waits for its own side to take an event
	pings    map[int64]time.Time
	rtt      time.Duration
	ahead    time.Duration // the agent's clock, before this one
	nearest  time.Duration // round trip of the ping that says so; 0 before the first
}

// A call is a request that waits for its events.
type call struct {
	ch   chan Event
	gone chan struct{} // closed when nobody waits any more
}

// NewClient starts a client on an agent's stream, which it owns from now on:
// Close, or the loss of the agent, closes it. Events must be read until its
// channel closes, else everything on this stream waits.
func NewClient(stream io.ReadWriteCloser, opts ClientOptions) *Client {
	if opts.Ping == 0 {
		opts.Ping = 5 * time.Second
	}
	if opts.Lost == 0 {
		opts.Lost = 30 * time.Second
	}
	c := &Client{
		conn:     NewConn[Event, Request](stream, stream),
		stream:   stream,
		opts:     opts,
		events:   make(chan []Event, 4),
		greeting: make(chan Greeting, 1),
		stop:     make(chan struct{}),
		calls:    map[int64]*call{},
		pings:    map[int64]time.Time{},
		lastSeen: time.Now(),
	}
	c.wg.Add(2)
	go c.read()
	go c.beat()
	return c
}

// Hello exchanges greetings, and checks the version of the contract. It comes
// before everything else.
func (c *Client) Hello(ctx context.Context, g Greeting) (Greeting, error) {
	g.Version = Version
	if err := c.Send(Request{Hello: &g}); err != nil {
		return Greeting{}, fmt.Errorf("greet agent: %w", err)
	}
	select {
	case got := <-c.greeting:
		if got.Version != Version {
			return got, fmt.Errorf("greet agent: it speaks version %d of the contract, this is version %d; use the same shardyard on both sides", got.Version, Version)
		}
		c.ping() // so that the link is soon measured
		return got, nil
	case <-c.stop:
		return Greeting{}, fmt.Errorf("greet agent: %w", c.Err())
	case <-ctx.Done():
		return Greeting{}, fmt.Errorf("greet agent: %w", ctx.Err())
	}
}

// Events returns the session's events: all that answer no other method. What comes
// together is handed over together, in its order. The channel is closed when the
// stream has ended; Err returns why.
func (c *Client) Events() <-chan []Event { return c.events }

// Send sends a request whose answers come on Events: Open, Lease, Revoke,
// Drain. It blocks while the agent does not read.
func (c *Client) Send(r Request) error {
	err := c.conn.Send(r)
	if err != nil {
		if lost := c.Err(); lost != nil {
			return lost
		}
	}
	return err
}

// Err is why the stream ended: nil while it has not, and after an orderly End.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// RTT returns the round trip time of the last ping; zero before the first.
func (c *Client) RTT() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rtt
}

// Here returns a moment of the agent's clock by this side's, as exactly as half of
// the shortest round trip; false before the first ping was answered.
func (c *Client) Here(ms float64) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return ofMS(ms).Add(-c.ahead), c.nearest > 0 && ms > 0
}

// clockMS is a moment in milliseconds since 1970, to the microsecond.
func clockMS(t time.Time) float64 { return float64(t.UnixMicro()) / 1000 }

// ofMS is the moment that clockMS gave, or none that is in range.
func ofMS(ms float64) time.Time {
	const most = 1e15 // some 30,000 years
	return time.UnixMicro(int64(min(max(ms, 0), most) * 1000))
}

// Quit ends the agent in order: it stops what runs, says End, and closes its
// stream. It returns an error when the agent was lost instead, or when messages
// were. It discards events of the session. The client is closed afterwards.
func (c *Client) Quit(ctx context.Context) error {
	err := c.Send(Request{Quit: &Quit{}})
	for events := c.events; err == nil; {
		select {
		case _, open := <-events:
			if !open {
				events = nil
			}
			continue
		case <-c.stop:
			err = c.Err()
		case <-ctx.Done():
			err = ctx.Err()
		}
		break
	}
	c.Close()
	if err != nil {
		return fmt.Errorf("quit agent: %w", err)
	}
	return nil
}

// Close closes the stream, which ends the agent, and waits for the client's
// goroutines. It may be called more than once.
func (c *Client) Close() {
	c.shut(fmt.Errorf("%w: its stream was closed here", ErrLost))
	c.wg.Wait()
}

// shut ends the client once, for a reason. Nobody is waiting on the stream then.
func (c *Client) shut(reason error) {
	c.mu.Lock()
	if c.stopped {
		c.mu.Unlock()
		return
	}
	c.stopped = true
	if c.end == nil {
		c.err = reason
	}
	close(c.stop)
	c.mu.Unlock()
	// An error here would say again that the stream is gone.
	_ = c.stream.Close()
	_ = c.conn.Close()
}

// maxTogether and maxTogetherData bound the events, and the bytes of their data,
// that are handed over together.
const maxTogether, maxTogetherData = 64, MaxFrame

// read is the loop that hands events to the calls that wait for them.
func (c *Client) read() {
	defer c.wg.Done()
	defer close(c.events)
	var pieces joint
	var batch []Event
	bytes := 0 // of data in it
	for {
		event, err := c.conn.Receive()
		if err == nil && event.Reported != nil {
			err = pieces.check(*event.Reported)
		}
		if err == nil && event.ofTest() {
			err = c.charge(&event)
		}
		if err == nil && event.ofTest() {
			batch = append(batch, event)
			if event.Reported != nil {
				bytes += len(event.Reported.Data)
			}
			if c.conn.waits() && len(batch) < maxTogether && bytes < maxTogetherData {
				continue
			}
		}
		c.seen(true)
		if len(batch) > 0 {
			c.handOver(batch)
			batch, bytes = make([]Event, 0, len(batch)), 0
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("its stream ended")
			}
			c.shut(fmt.Errorf("%w: %w", ErrLost, err))
			return
		}
		if !event.ofTest() {
			if err := c.route(event); err != nil {
				c.shut(fmt.Errorf("%w: %w", ErrLost, err))
				return
			}
		}
		c.seen(false)
		if event.End != nil {
			c.shut(nil)
			return
		}
	}
}

// ofTest reports whether an event is of the session's tests, of which each has
// several.
func (e Event) ofTest() bool { return e.Reported != nil || e.Started != nil || e.Finished != nil }

// handOver gives events to who follows the session.
func (c *Client) handOver(events []Event) {
	select {
	case c.events <- events:
	case <-c.stop:
	}
}

func (c *Client) seen(busy bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastSeen, c.busy = time.Now(), busy
}

// charge has the budget see an event.
func (c *Client) charge(e *Event) error {
	if c.opts.Charge == nil {
		return nil
	}
	return c.opts.Charge(e, c.conn.length)
}

func (c *Client) route(e Event) error {
	switch {
	case e.Hello != nil:
		select {
		case c.greeting <- *e.Hello:
		default: // it greeted already
		}
	case e.Pong != nil:
		c.pong(*e.Pong)
	case e.End != nil:
		c.ended(*e.End)
	default:
		return c.deliver(c.callFor(e), e)
	}
	return nil
}

// callFor returns the call that waits for an event; nil for an event of the session.
func (c *Client) callFor(e Event) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	var id int64
	switch {
	case e.Exited != nil:
		id = e.Exited.ID
	case e.File != nil:
		id = e.File.ID
	case e.Changed != nil:
		id = e.Changed.ID
	case e.Done != nil:
		id = e.Done.ID
	case e.Concluded != nil:
		return c.conclude
	case e.Failed != nil && e.Failed.What == "conclude":
		return c.conclude
	case e.Output != nil && e.Output.ID == 0:
		return c.conclude
	case e.Output != nil:
		id = e.Output.ID
	default:
		return nil
	}
	if found := c.calls[id]; found != nil {
		return found
	}
	late := &call{gone: make(chan struct{})} // nobody waits for it any more
	close(late.gone)
	return late
}

func (c *Client) deliver(to *call, e Event) error {
	if to == nil {
		if err := c.charge(&e); err != nil {
			return err
		}
		c.handOver([]Event{e})
		return nil
	}
	select {
	case to.ch <- e:
	case <-to.gone:
	case <-c.stop:
	}
	return nil
}

func (c *Client) ended(end End) {
	received, _ := c.conn.counts()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end = &end
	if end.Events != received-1 {
		c.err = fmt.Errorf("%w: it sent %d messages, and %d arrived", ErrLost, end.Events, received-1)
	}
}

// beat sends pings, and declares the agent lost when it stays silent. The
// time in which this side is too busy to listen does not count.
func (c *Client) beat() {
	defer c.wg.Done()
	tick := time.NewTicker(c.opts.Ping)
	defer tick.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-tick.C:
		}
		c.mu.Lock()
		silent := time.Since(c.lastSeen)
		lost := !c.busy && silent >= c.opts.Lost
		c.mu.Unlock()
		if lost {
			c.shut(fmt.Errorf("%w: no sign of life for %s", ErrLost, silent.Round(time.Second)))
			return
		}
		c.ping()
	}
}

func (c *Client) ping() {
	c.mu.Lock()
	c.seq++
	seq := c.seq
	if len(c.pings) < maxUrgent {
		c.pings[seq] = time.Now()
	}
	c.mu.Unlock()
	// A refused ping is one of many that wait; the silence will tell.
	_ = c.conn.Send(Request{Ping: &Ping{Seq: seq}})
}

func (c *Client) pong(p Ping) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.pings[p.Seq]; ok {
		c.rtt = time.Since(at)
		if p.AtMS > 0 && (c.nearest == 0 || c.rtt < c.nearest) {
			c.nearest = max(c.rtt, 1)
			c.ahead = ofMS(p.AtMS).Sub(at.Add(c.rtt / 2).Round(0)) // by the wall clocks
		}
		clear(c.pings) // older ones are answered too, or never will be
	}
}
