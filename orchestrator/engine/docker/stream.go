package docker

import (
	"io"
	"sync"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/pkg/stdcopy"
)

// stderrKept is how much of the agent's stderr is kept.
const stderrKept = 8 << 10

// A stream is the agent's stdin and stdout, taken out of the connection that
// carries both of its outputs.
type stream struct {
	conn   types.HijackedResponse
	out    *io.PipeReader
	stderr tail
	ended  chan struct{} // the connection gave all that it had
	close  sync.Once
}

func newStream(conn types.HijackedResponse) *stream {
	r, w := io.Pipe()
	s := &stream{conn: conn, out: r, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		_, err := stdcopy.StdCopy(w, &s.stderr, conn.Reader)
		_ = w.CloseWithError(err) // nil, always; a nil err is EOF
	}()
	return s
}

func (s *stream) Read(p []byte) (int, error)  { return s.out.Read(p) }
func (s *stream) Write(p []byte) (int, error) { return s.conn.Conn.Write(p) }

// Close ends the connection, and with it the agent's stdin. It waits for the
// goroutine that reads the connection. It may be called more than once.
func (s *stream) Close() error {
	s.close.Do(func() {
		s.conn.Close()
		_ = s.out.CloseWithError(io.ErrClosedPipe) // nil, always
	})
	<-s.ended
	return nil
}

// tail keeps the last bytes that were written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - stderrKept; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.buf)
}
