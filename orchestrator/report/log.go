package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// MaxLine bounds one event in a log, in bytes.
const MaxLine = 16 << 20

// Writer writes events.jsonl. Lines go out whole and in order: a crash cuts at
// most the last line, and loses no verdict that was written. Once a write has
// failed, as on a full disk, the log ends with its last whole line. It must not
// be used concurrently.
type Writer struct {
	out  io.WriteCloser
	buf  bytes.Buffer
	size int64 // of the whole lines that are out
	err  error // of the first write that failed
}

// NewWriter makes a Writer; its Close closes out.
func NewWriter(out io.WriteCloser) *Writer { return &Writer{out: out} }

// Write appends one event. What is no verdict may wait for Flush.
func (l *Writer) Write(e Event) error {
	b, err := e.MarshalJSON()
	if err != nil {
		return err
	}
	l.buf.Write(b)
	l.buf.WriteByte('\n')
	if _, verdict := e.Body.(Judged); !verdict && l.buf.Len() < 64<<10 {
		return nil
	}
	return l.Flush()
}

// Flush hands what was written to the operating system. When it cannot, it cuts
// the log back to its last whole line; all further writes fail as this one.
func (l *Writer) Flush() error {
	if l.err != nil || l.buf.Len() == 0 {
		return l.err
	}
	n, err := l.out.Write(l.buf.Bytes())
	l.size += int64(bytes.LastIndexByte(l.buf.Bytes()[:n], '\n') + 1)
	l.buf.Reset()
	if err == nil {
		return nil
	}
	if f, ok := l.out.(interface{ Truncate(int64) error }); ok {
		_ = f.Truncate(l.size) // a reader takes the last line for cut
	}
	l.err = err
	return err
}

// Close writes what is buffered, to the disk itself when out is a file.
func (l *Writer) Close() error {
	errs := []error{l.Flush()}
	if f, ok := l.out.(interface{ Sync() error }); ok {
		errs = append(errs, f.Sync())
	}
	return errors.Join(append(errs, l.out.Close())...)
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
