// Package output passes on what a framework's processes print, up to a limit.
package output

import (
	"bytes"
	"io"
	"sync"

	"github.com/shardyard/shardyard/worker"
)

const (
	defaultLimit = 1 << 20
	tailSize     = 8 << 10
)

// An Output makes events of what processes print. Its methods may be called
// concurrently.
type Output struct {
	emit func(worker.Event)

	mu      sync.Mutex
	left    int64
	dropped map[string]int64
	tail    []byte // the end of stderr, for messages
}

// New makes one that passes limit bytes, by default 1 MiB.
func New(limit int64, emit func(worker.Event)) *Output {
	if limit <= 0 {
		limit = defaultLimit
	}
	return &Output{emit: emit, left: limit, dropped: map[string]int64{}}
}

// Copy passes on what r gives, until its end or its deadline. The stream is
// "stdout" or "stderr".
func (o *Output) Copy(stream string, r io.Reader) {
	buf := make([]byte, 16<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			o.Pass(stream, buf[:n])
		}
		if err != nil {
			return
		}
	}
}

// Pass passes on data, of which it keeps nothing.
func (o *Output) Pass(stream string, data []byte) {
	o.mu.Lock()
	keep := int(min(int64(len(data)), o.left))
	o.left -= int64(keep)
	o.dropped[stream] += int64(len(data) - keep)
	if stream == "stderr" {
		o.tail = append(o.tail, data...)
		o.tail = o.tail[max(0, len(o.tail)-tailSize):]
	}
	o.mu.Unlock()
	if keep > 0 {
		o.emit(worker.Event{Output: &worker.Output{Stream: stream, Data: bytes.Clone(data[:keep])}})
	}
}

// Allow raises the limit, for what a process was asked to print.
func (o *Output) Allow(n int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.left += n
}

// Close emits how many bytes were left out. From then on nothing is passed on.
func (o *Output) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for stream, n := range o.dropped {
		if n > 0 {
			o.emit(worker.Event{Output: &worker.Output{Stream: stream, Dropped: n}})
		}
	}
}

// Stderr returns the end of what was printed there.
func (o *Output) Stderr() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.tail)
}
