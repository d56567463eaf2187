package worker

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"
	"sync/atomic"
	"time"
)

// MaxMessage is the length in bytes of the longest message, put together.
const MaxMessage = 16 << 20

const (
	maxQueued = 1 << 20 // bytes that wait to be written, before Send blocks
	maxUrgent = 64      // urgent messages that wait to be written
	partHead  = `{"part":`
	// partSize is what fits into a part: a base64 line with some room for its frame.
	partSize = (MaxFrame - 64) / 4 * 3
)

// ErrClosed says that a message was sent on a Conn after Close.
var ErrClosed = errors.New("connection closed")

var errUrgentFull = errors.New("too many urgent messages wait")

// message is a Request or an Event.
type message interface {
	Request | Event
	urgent() bool
}

func (r Request) urgent() bool { return r.Ping != nil || r.Hello != nil }
func (e Event) urgent() bool   { return e.Pong != nil || e.Hello != nil }

// A part is a piece of a message longer than MaxFrame. The parts of a message
// follow each other; only urgent messages come between them.
type part struct {
	Data []byte `json:"data"`
	Last bool   `json:"last,omitempty"`
}

// A Conn carries messages over a pair of byte streams, one JSON object a line.
// It owns neither stream: closing them is its user's business, and is what
// unblocks a Receive or a write that is stuck.
type Conn[In, Out message] struct {
	r        *bufio.Reader
	partial  []byte
	received atomic.Int64

	w       *bufio.Writer
	mu      sync.Mutex
	room    sync.Cond // for senders: the queue got shorter
	work    sync.Cond // for the writer: there is something to do
	express [][]byte
	queue   [][]byte
	size    int // bytes in queue
	sent    int64
	closed  bool
	free    bool // senders no longer wait
	err     error
	done    chan struct{}

	// pace is the least time between two flushes: what comes sooner waits, and
	// takes along what comes meanwhile.
	pace    time.Duration
	flushed time.Time // the writer's own
}

// NewConn starts a connection; Close ends it.
func NewConn[In, Out message](r io.Reader, w io.Writer) *Conn[In, Out] {
	c := &Conn[In, Out]{
		r:    bufio.NewReaderSize(r, MaxFrame),
		w:    bufio.NewWriterSize(w, MaxFrame),
		done: make(chan struct{}),
	}
	c.room.L, c.work.L = &c.mu, &c.mu
	go c.write()
	return c
}

// Receive returns the next message. It is for one goroutine. The error is
// io.EOF when the stream ended between two messages; after any error the
// connection is of no more use.
func (c *Conn[In, Out]) Receive() (In, error) {
	var zero In
	for {
		line, err := c.r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return zero, fmt.Errorf("read message: a line of more than %d bytes, which begins %s", MaxFrame, begin(line))
		case errors.Is(err, io.EOF) && (len(line) > 0 || c.partial != nil):
			return zero, fmt.Errorf("read message: %w after %s", io.ErrUnexpectedEOF, begin(line))
		case err != nil:
			return zero, err
		}
		if bytes.HasPrefix(line, []byte(partHead)) {
			if line, err = c.assemble(line); err != nil {
				return zero, err
			}
			if line == nil {
				continue
			}
		}
		msg, err := decode[In](line)
		if err != nil {
			return zero, err
		}
		c.received.Add(1)
		return msg, nil
	}
}

// assemble adds a part, and returns the message when it is whole.
func (c *Conn[In, Out]) assemble(line []byte) ([]byte, error) {
	var frame struct{ Part part }
	if err := json.Unmarshal(line, &frame); err != nil {
		return nil, fmt.Errorf("read message: %w in %s", err, begin(line))
	}
	if len(c.partial)+len(frame.Part.Data) > MaxMessage {
		return nil, fmt.Errorf("read message: longer than %d bytes, and begins %s", MaxMessage, begin(c.partial))
	}
	c.partial = append(c.partial, frame.Part.Data...)
	if !frame.Part.Last {
		if c.partial == nil {
			c.partial = []byte{}
		}
		return nil, nil
	}
	whole := c.partial
	c.partial = nil
	if whole == nil {
		whole = []byte{}
	}
	return whole, nil
}

func decode[T message](line []byte) (T, error) {
	var msg, zero T
	if err := json.Unmarshal(line, &msg); err != nil {
		return zero, fmt.Errorf("read message: %w in %s", err, begin(line))
	}
	if n := fields(msg); n != 1 {
		return zero, fmt.Errorf("read message: %d known kinds instead of one in %s", n, begin(line))
	}
	return msg, nil
}

// fields counts the kinds that are set in a message.
func fields[T message](msg T) int {
	v, n := reflect.ValueOf(msg), 0
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			n++
		}
	}
	return n
}

// begin quotes the first bytes of a line, for an error.
func begin(line []byte) string {
	const most = 80
	if len(line) > most {
		return fmt.Sprintf("%q...", line[:most])
	}
	return fmt.Sprintf("%q", line)
}

// Send queues a message. It blocks while too much waits, unless the message is
// urgent: that one goes ahead of all others, and is refused when too many
// wait. Messages that are not urgent arrive in the order of Send. It may be
// called concurrently.
func (c *Conn[In, Out]) Send(msg Out) error { return c.send(msg, true) }

// Reply is Send without blocking, for who also reads the connection and must
// go on reading: its peer bounds the number of replies by the number of
// requests that it sends.
func (c *Conn[In, Out]) Reply(msg Out) error { return c.send(msg, false) }

func (c *Conn[In, Out]) send(msg Out, wait bool) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // raw reports pass as they are
	if err := enc.Encode(msg); err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	if buf.Len() > MaxMessage {
		return fmt.Errorf("encode message: %d bytes, more than %d, in %s", buf.Len(), MaxMessage, begin(buf.Bytes()))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	urgent := msg.urgent()
	for wait && !urgent && !c.free && c.size > 0 && c.size+buf.Len() > maxQueued && c.err == nil && !c.closed {
		c.room.Wait()
	}
	switch {
	case c.err != nil:
		return fmt.Errorf("send message: %w", c.err)
	case c.closed:
		return ErrClosed
	case urgent && len(c.express) >= maxUrgent:
		return errUrgentFull
	case urgent:
		c.express = append(c.express, buf.Bytes())
	default:
		c.queue = append(c.queue, buf.Bytes())
		c.size += buf.Len()
	}
	c.sent++
	c.work.Signal()
	return nil
}

// Close refuses further messages, writes what waits, and returns the first
// error of writing. It blocks as long as the peer does not read; closing the
// stream beneath ends that.
func (c *Conn[In, Out]) Close() error {
	c.mu.Lock()
	c.closed = true
	c.room.Broadcast()
	c.work.Signal()
	c.mu.Unlock()
	<-c.done
	return c.err
}

// unbound lets senders no longer wait for room: what they have left to say is
// bounded because they are about to end.
func (c *Conn[In, Out]) unbound() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.free = true
	c.room.Broadcast()
}

// abort is Close without writing what waits. It does not block: a write that
// is under way ends when its stream is closed.
func (c *Conn[In, Out]) abort() {
	c.fail(ErrClosed)
	c.work.Signal()
}

// counts are the messages received and sent so far.
func (c *Conn[In, Out]) counts() (received, sent int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.received.Load(), c.sent
}

// write is the writer's loop: a frame at a time, the urgent ones first, with a
// flush when nothing more waits.
func (c *Conn[In, Out]) write() {
	defer close(c.done)
	var long []byte // what is left of a long message
	for {
		line, ok := c.next(long != nil)
		if !ok {
			return
		}
		var err error
		switch {
		case line == nil:
			long, err = c.writePart(long)
		case len(line) > MaxFrame:
			long, err = c.writePart(line)
		default:
			_, err = c.w.Write(line)
		}
		if err == nil {
			continue
		}
		c.fail(err)
		return
	}
}

// next waits for the next line to write. It is nil when the part of a long
// message is due.
func (c *Conn[In, Out]) next(long bool) (line []byte, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.err != nil:
			return nil, false
		case len(c.express) > 0:
			line, c.express = c.express[0], c.express[1:]
			return line, true
		case long:
			return nil, true
		case len(c.queue) > 0:
			line, c.queue = c.queue[0], c.queue[1:]
			c.size -= len(line)
			c.room.Broadcast()
			return line, true
		case c.w.Buffered() > 0:
			wait := c.pace - time.Since(c.flushed)
			if c.closed {
				wait = 0
			}
			c.mu.Unlock()
			var err error
			if wait > 0 {
				time.Sleep(wait)
			} else {
				err = c.w.Flush()
				c.flushed = time.Now()
			}
			c.mu.Lock()
			if err != nil {
				c.err = err
				c.room.Broadcast()
				return nil, false
			}
		case c.closed:
			return nil, false
		default:
			c.work.Wait()
		}
	}
}

func (c *Conn[In, Out]) writePart(long []byte) (rest []byte, err error) {
	n := min(partSize, len(long))
	frame := append(make([]byte, 0, MaxFrame), partHead...)
	frame = append(frame, `{"data":"`...)
	frame = base64.StdEncoding.AppendEncode(frame, long[:n])
	frame = append(frame, '"')
	if rest = long[n:]; len(rest) == 0 {
		rest = nil
		frame = append(frame, `,"last":true`...)
	}
	frame = append(frame, "}}\n"...)
	_, err = c.w.Write(frame)
	return rest, err
}

func (c *Conn[In, Out]) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	c.room.Broadcast()
}
