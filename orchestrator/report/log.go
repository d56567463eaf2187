package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// MaxLine bounds one event in a log, in bytes.
const MaxLine = 16 << 20

// Log writes events.jsonl. Lines reach the file whole and in order: a crash
// loses at most the last second, and cuts at most the last line. It must not
// be used concurrently.
type Log struct {
	file    *os.File
	buf     bytes.Buffer
	flushed time.Duration
}

// CreateLog makes a new log; the file must not exist.
func CreateLog(path string) (*Log, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, fmt.Errorf("create the run's record: %w", err)
	}
	return &Log{file: f}, nil
}

// Event appends one event.
func (l *Log) Event(e Event) error {
	b, err := encode(e)
	if err != nil {
		return err
	}
	l.buf.Write(b)
	l.buf.WriteByte('\n')
	if l.buf.Len() >= 64<<10 || e.At-l.flushed >= time.Second {
		l.flushed = e.At
		return l.flush()
	}
	return nil
}

func (l *Log) flush() error {
	_, err := l.file.Write(l.buf.Bytes())
	l.buf.Reset()
	if err != nil {
		return fmt.Errorf("write the run's record %s: %w", l.file.Name(), err)
	}
	return nil
}

// Close writes what is buffered, to the disk itself.
func (l *Log) Close() error {
	return errors.Join(l.flush(), l.file.Sync(), l.file.Close())
}

// ReadLog calls yield with every event of a log, in order. A last line that
// was cut is left out; cut says so. A line in the middle that is no event is
// an error with its line number, as is an error of yield.
func ReadLog(r io.Reader, yield func(Event) error) (cut bool, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(make([]byte, 64<<10), MaxLine)
	var bad error
	for line := 1; in.Scan(); line++ {
		if bad != nil {
			return false, bad
		}
		if len(bytes.TrimSpace(in.Bytes())) == 0 {
			continue
		}
		var e Event
		if err := json.Unmarshal(in.Bytes(), &e); err != nil {
			bad = fmt.Errorf("read events, line %d: %w", line, err)
			continue // forgiven when it is the last
		}
		if err := yield(e); err != nil {
			return false, err
		}
	}
	if err := in.Err(); err != nil {
		return false, fmt.Errorf("read events: %w", err)
	}
	return bad != nil, nil
}

// ReadState folds the log at path.
func ReadState(path string) (s *State, cut bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, fmt.Errorf("open the run's record: %w", err)
	}
	s = new(State)
	cut, err = ReadLog(f, func(e Event) error {
		s.Apply(e)
		return nil
	})
	return s, cut, errors.Join(err, f.Close())
}
