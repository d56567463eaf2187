package orchestrator

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/shardyard/shardyard/worker"
)

// A spool keeps the framework's reports on disk until the end, so that a run
// of a million tests needs no memory for them. It is used by one goroutine.
type spool struct {
	file *os.File
	w    *bufio.Writer
	size int64
	of   map[attempt][]extent // reports of an attempt, in the order of arrival
	rest []extent             // reports of sessions
}

// An attempt names one execution of a test: tokens are never used twice.
type attempt struct {
	test  worker.TestID
	token worker.Token
}

type extent struct {
	offset int64
	length int
}

// A record is one line of the conclusion's reports.jsonl.
type record struct {
	Worker string          `json:"worker"`
	Test   worker.TestID   `json:"test,omitempty"`
	Kind   string          `json:"kind"`
	Data   json.RawMessage `json:"data"`
}

func newSpool(path string) (*spool, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("keep reports: %w", err)
	}
	return &spool{file: f, w: bufio.NewWriterSize(f, 256<<10), of: map[attempt][]extent{}}, nil
}

// add keeps one report. The zero token is of the session.
func (s *spool) add(token worker.Token, rec record) error {
	line, err := encodeLine(rec)
	if err != nil {
		return fmt.Errorf("keep report of %s: %w", rec.Test, err)
	}
	at := extent{s.size, len(line)}
	n, err := s.w.Write(line)
	s.size += int64(n)
	if err != nil {
		return fmt.Errorf("keep report of %s: %w", rec.Test, err)
	}
	if token == 0 {
		s.rest = append(s.rest, at)
		return nil
	}
	key := attempt{rec.Test, token}
	s.of[key] = append(s.of[key], at)
	return nil
}

// copy writes the reports of an attempt to w, and says how many there were.
func (s *spool) copy(w io.Writer, a attempt) (int, error) { return s.write(w, s.of[a]) }

// copySession writes the reports that belong to no test to w.
func (s *spool) copySession(w io.Writer) error {
	_, err := s.write(w, s.rest)
	return err
}

func (s *spool) write(w io.Writer, extents []extent) (int, error) {
	if err := s.w.Flush(); err != nil {
		return 0, err
	}
	for _, e := range extents {
		if _, err := io.Copy(w, io.NewSectionReader(s.file, e.offset, int64(e.length))); err != nil {
			return 0, err
		}
	}
	return len(extents), nil
}

// remove ends the spool and its file.
func (s *spool) remove() error {
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}

// encodeLine is one line of JSON. The data of a record is copied untouched.
func encodeLine(rec record) ([]byte, error) {
	worker, err := json.Marshal(rec.Worker)
	if err != nil {
		return nil, err
	}
	test, err := json.Marshal(rec.Test)
	if err != nil {
		return nil, err
	}
	kind, err := json.Marshal(rec.Kind)
	if err != nil {
		return nil, err
	}
	line := make([]byte, 0, len(rec.Data)+len(test)+64)
	line = append(append(line, `{"worker":`...), worker...)
	line = append(append(line, `,"test":`...), test...)
	line = append(append(line, `,"kind":`...), kind...)
	line = append(append(line, `,"data":`...), rec.Data...)
	return append(line, '}', '\n'), nil
}
