package pytest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/shardyard/shardyard/worker"
)

const (
	// maxBatch bounds the messages, and the bytes of their data, that are
	// handled at once.
	maxBatch, maxBatchData = 64, 256 << 10
)

// A message comes from the plugin: a line, and of a report its data behind
// it, as on the agent's own wire. One field is set, besides those of a report.
type message struct {
	Hello      *hello  `json:"hello"`
	Warmed     bool    `json:"warmed"`     // answers a kindling
	Next       *next   `json:"next"`       // answered by an answer
	Collecting *string `json:"collecting"` // a collector's node id
	Opening    *answer `json:"opening"`    // the file of a test that was handed out is collected
	Restart    *string `json:"restart"`    // why the suite must be collected in full, by a new process
	Finishing  bool    `json:"finishing"`  // no test runs any more
	Ending     *ending `json:"ending"`     // the last one

	Opened     *worker.Opened     `json:"opened"`
	Discovered *worker.Discovered `json:"discovered"`
	Collected  *worker.Collected  `json:"collected"`
	Started    *worker.Started    `json:"started"`
	Reported   *worker.Reported   `json:"reported"`
	Finished   *worker.Finished   `json:"finished"`
	Returned   *worker.Returned   `json:"returned"`
	Failed     *worker.Failed     `json:"failed"`

	Size   int64 `json:"size"`   // of Reported's data, behind the line
	Called bool  `json:"called"` // Reported is of the call itself, not of its setup or teardown
}

type hello struct {
	Dump int `json:"dump"` // the signal that has the stacks printed
}

type next struct {
	Wait bool `json:"wait"`
}

// An answer to next: "ready" with a test, "empty" or "ended".
type answer struct {
	State string        `json:"state"`
	Test  worker.TestID `json:"test,omitempty"`
	File  string        `json:"file,omitempty"`
	Token worker.Token  `json:"token,omitempty"`
}

// ending is the plugin's message after pytest has returned. Only with it has a
// session ended as it should: an exit status says nothing.
type ending struct {
	Code     int      `json:"code"`
	Stop     string   `json:"stop"`
	Started  int      `json:"started"`
	Finished int      `json:"finished"` // messages: an amended test counts twice
	Files    []string `json:"files"`
	Missing  *string  `json:"missing"`
	// Unexplained, Closing and Notes are as in [worker.Exit].
	Unexplained bool     `json:"unexplained"`
	Closing     string   `json:"closing"`
	Notes       []string `json:"notes"`
	Suspects    []string `json:"suspects"` // as in [worker.Exit]
	Sources     []string `json:"sources"`  // that were imported, when they were asked for
	// Lack is what kept pytest from starting.
	Lack *worker.Lack `json:"lack"`
}

// order is the first line that the plugin gets.
type order struct {
	py      string // where the plugin is
	options Options
	Args    []string        `json:"args"`
	Mode    worker.Mode     `json:"mode"`
	Options json.RawMessage `json:"options"`
	Results string          `json:"results"`
	Scratch string          `json:"scratch"` // private to this process
	Sources bool            `json:"sources"` // asks for ending.Sources
	Foresee bool            `json:"foresee"` // asks for ending.Suspects
	Reason  string          `json:"reason"`  // why Mode is not Lazy, when that was asked for
	// Env are variables that an interpreter which was started before was not given.
	Env  map[string]string `json:"env,omitempty"`
	Desk worker.Desk       `json:"desk"`
}

// newOrder makes the order for a session, but for where the plugin is.
func newOrder(open worker.Open, options Options) order {
	return order{
		options: options,
		Args:    append([]string{}, open.Args...), Mode: open.Mode, Options: worker.Raw(options), Results: open.Results, Sources: open.Compile, Foresee: open.Foresee, Desk: open.Desk,
	}
}

// event returns the message as the agent's event, or nil.
func (m *message) event() *worker.Event {
	e := worker.Event{
		Opened: m.Opened, Discovered: m.Discovered, Collected: m.Collected, Started: m.Started,
		Reported: m.Reported, Finished: m.Finished, Returned: m.Returned,
	}
	if e == (worker.Event{}) {
		return nil
	}
	return &e
}

// listen sends the plugin's messages to out until the socket ends, and closes
// out. What comes together is sent together; a batch is valid until the next one
// is received. Bytes that are no message end it
// too, with an error.
func listen(socket io.Reader, out chan<- []message, stop <-chan struct{}) error {
	defer close(out)
	l := listener{r: bufio.NewReaderSize(socket, 64<<10), out: out, stop: stop}
	err := l.run()
	if stopped := l.flush(); stopped != nil {
		return nil //nolint:nilerr // nobody receives messages any more
	}
	// A process that ended may have been about to say more.
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, os.ErrClosed) || errors.Is(err, errStopped) {
		return nil
	}
	return fmt.Errorf("read from pytest: %w", err)
}

// errStopped means that nobody receives messages any more.
var errStopped = errors.New("stopped")

// A listener reads the plugin's socket.
type listener struct {
	r     *bufio.Reader
	quick worker.Quick
	out   chan<- []message
	stop  <-chan struct{}
	batch []message
	spare []message // the batch before, which is done with once this one is taken
	bytes int       // of data in the batch
}

func (l *listener) run() error {
	for {
		line, err := readLine(l.r)
		if err != nil {
			return err
		}
		m, err := l.decode(line)
		if err != nil {
			return err
		}
		if m.Reported != nil {
			err = l.report(m)
		} else {
			err = l.add(m)
		}
		if err != nil {
			return err
		}
	}
}

// decode reads a line.
func (l *listener) decode(line []byte) (m message, err error) {
	if string(line) == `{"next":{"wait":false}}`+"\n" {
		return message{Next: &next{}}, nil
	}
	if e, tail, ok := l.quick.Event(line); ok && (tail.Also == "" || tail.Also == called) {
		return message{Started: e.Started, Reported: e.Reported, Finished: e.Finished, Size: tail.Size, Called: tail.Also == called}, nil
	}
	var slow message // on the heap, for encoding/json
	err = json.Unmarshal(line, &slow)
	return slow, err
}

// called is the field Called of a message.
const called = "called"

// report reads the data of a report, in pieces that fit into frames.
func (l *listener) report(m message) error {
	if m.Size < 0 || m.Size > worker.MaxReport {
		return fmt.Errorf("a report of %d bytes", m.Size)
	}
	for at := int64(0); ; {
		piece := *m.Reported
		piece.Offset, piece.Data = at, make([]byte, min(m.Size-at, worker.MaxFrame))
		if _, err := io.ReadFull(l.r, piece.Data); err != nil {
			return err
		}
		at += int64(len(piece.Data))
		piece.More = at < m.Size
		if !piece.More && m.Size > 0 {
			if _, err := l.r.Discard(1); err != nil { // the line end
				return err
			}
		}
		l.bytes += len(piece.Data)
		if err := l.add(message{Reported: &piece, Called: m.Called && !piece.More}); err != nil || !piece.More {
			return err
		}
	}
}

// add sends a message, once nothing more has come that could go with it.
func (l *listener) add(m message) error {
	l.batch = append(l.batch, m)
	if l.r.Buffered() > 0 && len(l.batch) < maxBatch && l.bytes < maxBatchData {
		return nil
	}
	return l.flush()
}

func (l *listener) flush() error {
	if len(l.batch) == 0 {
		return nil
	}
	select {
	case l.out <- l.batch:
		l.batch, l.spare, l.bytes = l.spare[:0], l.batch, 0
		return nil
	case <-l.stop:
		return errStopped
	}
}

func readLine(r *bufio.Reader) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	if err == nil || !errors.Is(err, bufio.ErrBufferFull) {
		return line, err
	}
	long := bytes.Clone(line)
	for len(long) <= worker.MaxMessage {
		line, err := r.ReadSlice('\n')
		if long = append(long, line...); !errors.Is(err, bufio.ErrBufferFull) {
			return long, err
		}
	}
	return nil, fmt.Errorf("a message is longer than %d bytes", worker.MaxMessage)
}

// say sends one line to the plugin.
func say(socket io.Writer, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write to pytest: %w", err)
	}
	if _, err := socket.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write to pytest: %w", err)
	}
	return nil
}
