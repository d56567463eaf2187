package worker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxQueued = 1 << 20 // bytes that wait to be written, before Send blocks
	maxUrgent = 64      // urgent messages that wait to be written
)

// ErrClosed means that a message was sent on a Conn after Close.
var ErrClosed = errors.New("connection closed")

var errUrgentFull = errors.New("too many urgent messages wait")

// A Conn carries messages over a pair of byte streams: of each a line of JSON,
// and its data behind it. It owns neither stream: closing them is its user's
// business, and is what unblocks a Receive or a write that is stuck.
type Conn[In, Out message] struct {
	r        *bufio.Reader
	partial  []byte // of a line that comes in parts; nil when none does
	length   int    // of the last line received; the reader's own
	received atomic.Int64
	quick    Quick

	w       *bufio.Writer
	mu      sync.Mutex
	room    sync.Cond // for senders: the queue got shorter
	work    sync.Cond // for the writer: there is something to do
	express []frame
	queue   []frame
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
		c.length = len(line)
		if err := dense(line); err != nil {
			return zero, err
		}
		msg, size, err := decode[In](line, &c.quick)
		if err != nil {
			return zero, err
		}
		if size > 0 {
			if *msg.data(), err = readData(c.r, size); err != nil {
				return zero, err
			}
		}
		c.received.Add(1)
		return msg, nil
	}
}

// waits reports whether the next message has come, as far as its line. It is for
// the goroutine that receives.
func (c *Conn[In, Out]) waits() bool {
	come, _ := c.r.Peek(c.r.Buffered()) // which is no more than there is
	return bytes.IndexByte(come, '\n') >= 0
}

// assemble reads a part, and returns the line that it completes, or nil.
func (c *Conn[In, Out]) assemble(head []byte) ([]byte, error) {
	p, err := decodePart(head)
	if err != nil {
		return nil, err
	}
	if len(c.partial)+p.Size > MaxMessage {
		return nil, fmt.Errorf("read message: longer than %d bytes, and begins %s", MaxMessage, begin(c.partial))
	}
	data, err := readData(c.r, p.Size)
	if err != nil {
		return nil, err
	}
	if c.partial == nil {
		c.partial = []byte{}
	}
	c.partial = append(c.partial, data...)
	if !p.Part.Last {
		return nil, nil
	}
	line := c.partial
	c.partial = nil
	return line, nil
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
	f, err := encode(msg)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	urgent := msg.urgent()
	for wait && !urgent && !c.free && c.size > 0 && c.size+len(f.bytes) > maxQueued && c.err == nil && !c.closed {
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
		c.express = append(c.express, f)
	default:
		c.queue = append(c.queue, f)
		c.size += len(f.bytes)
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

// counts returns the messages received and sent so far.
func (c *Conn[In, Out]) counts() (received, sent int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.received.Load(), c.sent
}

// write is the writer's loop: a frame at a time, the urgent ones first, with a
// flush when nothing more waits.
func (c *Conn[In, Out]) write() {
	defer close(c.done)
	var long frame // what is left of a message whose line is cut into parts
	for {
		f, ok := c.next(long.bytes != nil)
		if !ok {
			return
		}
		if f.bytes == nil {
			f, long = long, frame{}
		}
		var err error
		if f.head > MaxFrame || f.cut {
			long, err = f.writePart(c.w)
		} else {
			_, err = c.w.Write(f.bytes)
		}
		if err != nil {
			c.fail(err)
			return
		}
	}
}

// next waits for the next frame to write. It is empty when the part of a long
// message is due.
func (c *Conn[In, Out]) next(long bool) (f frame, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case c.err != nil:
			return frame{}, false
		case len(c.express) > 0:
			f, c.express = c.express[0], c.express[1:]
			return f, true
		case long:
			return frame{}, true
		case len(c.queue) > 0:
			f, c.queue = c.queue[0], c.queue[1:]
			c.size -= len(f.bytes)
			c.room.Broadcast()
			return f, true
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
				return frame{}, false
			}
		case c.closed:
			return frame{}, false
		default:
			c.work.Wait()
		}
	}
}

func (c *Conn[In, Out]) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	c.room.Broadcast()
}
