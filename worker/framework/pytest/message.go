package pytest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/shardyard/shardyard/worker"
)

// maxLine bounds one message of the plugin: a report with everything that a
// test printed.
const maxLine = 256 << 20

// A message is one line of the plugin. One field is set.
type message struct {
	Hello      *hello  `json:"hello"`
	Next       *next   `json:"next"`       // answered by an answer
	Collecting *string `json:"collecting"` // a collector's node id
	Opening    *answer `json:"opening"`    // the file of a test that was handed out is collected
	Restart    *string `json:"restart"`    // why the suite must be collected in full, by a new process
	Ending     *ending `json:"ending"`     // the last one

	Opened     *worker.Opened     `json:"opened"`
	Discovered *worker.Discovered `json:"discovered"`
	Collected  *worker.Collected  `json:"collected"`
	Started    *worker.Started    `json:"started"`
	Reported   *worker.Reported   `json:"reported"`
	Finished   *worker.Finished   `json:"finished"`
	Returned   *worker.Returned   `json:"returned"`
	Failed     *worker.Failed     `json:"failed"`
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

// ending is what the plugin says when pytest has returned. Only with it has a
// session ended as it should: an exit status says nothing.
type ending struct {
	Code     int      `json:"code"`
	Stop     string   `json:"stop"`
	Started  int      `json:"started"`
	Finished int      `json:"finished"` // messages: an amended test counts twice
	Files    []string `json:"files"`
	Missing  *string  `json:"missing"`
	Sources  []string `json:"sources"` // that were imported, when they were asked for
}

// order is the first line that the plugin gets.
type order struct {
	py      string          // where the plugin is
	Args    []string        `json:"args"`
	Mode    worker.Mode     `json:"mode"`
	Options json.RawMessage `json:"options"`
	Results string          `json:"results"`
	Scratch string          `json:"scratch"` // private to this process
	Sources bool            `json:"sources"` // asks for ending.Sources
	Reason  string          `json:"reason"`  // why Mode is not Lazy, when that was asked for
}

// event is the message as the agent's event, or nil.
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
// out. A line that is no message ends it too, with an error.
func listen(socket io.Reader, out chan<- message, stop <-chan struct{}) error {
	defer close(out)
	r := bufio.NewReaderSize(socket, 64<<10)
	for {
		line, err := readLine(r)
		if errors.Is(err, io.EOF) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, os.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read from pytest: %w", err)
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			return fmt.Errorf("read from pytest: %w", err)
		}
		select {
		case out <- m:
		case <-stop:
			return nil
		}
	}
}

func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(line) > maxLine:
			return nil, fmt.Errorf("a message is longer than %d bytes", maxLine)
		}
	}
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
