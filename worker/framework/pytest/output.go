package pytest

import (
	"io"
	"sync"

	"github.com/shardyard/shardyard/worker"
)

const (
	defaultOutputLimit = 1 << 20
	tailSize           = 8 << 10
)

// output passes on what the process printed, up to a limit.
type output struct {
	emit func(worker.Event)

	mu      sync.Mutex
	left    int64
	dropped map[string]int64
	tail    []byte // the end of stderr, for messages
}

func newOutput(limit int64, emit func(worker.Event)) *output {
	if limit <= 0 {
		limit = defaultOutputLimit
	}
	return &output{emit: emit, left: limit, dropped: map[string]int64{}}
}

// copy reads until the end of r, or its deadline.
func (o *output) copy(stream string, r io.Reader) {
	buf := make([]byte, 16<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			o.pass(stream, buf[:n])
		}
		if err != nil {
			return
		}
	}
}

func (o *output) pass(stream string, data []byte) {
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
		kept := append([]byte(nil), data[:keep]...)
		o.emit(worker.Event{Output: &worker.Output{Stream: stream, Data: kept}})
	}
}

// allow raises the limit, for what we asked the process to print.
func (o *output) allow(n int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.left += n
}

// close says what was left out. No copy runs any more.
func (o *output) close() {
	for stream, n := range o.dropped {
		if n > 0 {
			o.emit(worker.Event{Output: &worker.Output{Stream: stream, Dropped: n}})
		}
	}
}

// stderr is the end of what was printed there.
func (o *output) stderr() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.tail)
}
