package orchestrator

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/shardyard/shardyard/worker"
)

// reportsFile has the framework's reports in a run's directory, a record a
// line. Nobody reads it behind the run: it is evidence.
const reportsFile = "reports.jsonl"

// A spool keeps the framework's reports on disk until the end, so that a run
// of a million tests needs no memory for them. It is used by one goroutine, but
// for what follows it.
type spool struct {
	file *os.File
	w    *bufio.Writer
	size int64
	of   map[attempt][]extent // reports of an attempt, in the order of arrival
	rest []extent             // reports of sessions

	mu      sync.Mutex
	changed sync.Cond
	written int64 // bytes that followers can read
	whole   bool  // no more will come
}

// An attempt names one execution of a test: tokens are never used twice.
type attempt struct {
	test  worker.TestID
	token worker.Token
}

// An extent is a stretch of whole records.
type extent struct {
	offset int64
	length int
}

func (e extent) end() int64 { return e.offset + int64(e.length) }

// MarshalJSON implements json.Marshaler: [offset, length] in bytes.
func (e extent) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "[%d,%d]", e.offset, e.length), nil
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
	s := &spool{file: f, w: bufio.NewWriterSize(f, 256<<10), of: map[attempt][]extent{}}
	s.changed.L = &s.mu
	return s, nil
}

// add keeps one report. The zero token is of the session.
func (s *spool) add(token worker.Token, rec record) error {
	to, key := &s.rest, attempt{rec.Test, token}
	if token != 0 {
		list := s.of[key]
		to = &list
	}
	var err error
	if *to, err = s.append(*to, rec); err == nil && token != 0 {
		s.of[key] = *to
	}
	return err
}

// append writes a record behind all others, and adds where it is to a list.
func (s *spool) append(to []extent, rec record) ([]extent, error) {
	line, err := encodeLine(rec)
	if err != nil {
		return to, fmt.Errorf("keep report of %s: %w", rec.Test, err)
	}
	at := s.size
	n, err := s.w.Write(line)
	s.size += int64(n)
	if err != nil {
		return to, fmt.Errorf("keep report of %s: %w", rec.Test, err)
	}
	if last := len(to) - 1; last >= 0 && to[last].end() == at {
		to[last].length += len(line)
		return to, nil
	}
	return append(to, extent{at, len(line)}), nil
}

// flush lets followers read what there is.
func (s *spool) flush() error {
	err := s.w.Flush()
	s.publish(err == nil, false)
	return err
}

// finish lets followers end. Nothing can be added after it.
func (s *spool) finish() error {
	err := s.w.Flush()
	s.publish(err == nil, true)
	return err
}

func (s *spool) publish(written, whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if written {
		s.written = s.size
	}
	s.whole = s.whole || whole
	s.changed.Broadcast()
}

// follow reads the spool from its beginning to its end, and waits for both.
func (s *spool) follow() io.Reader { return &follower{spool: s} }

type follower struct {
	spool *spool
	at    int64
}

// Read implements io.Reader.
func (f *follower) Read(p []byte) (int, error) {
	s := f.spool
	s.mu.Lock()
	for f.at == s.written && !s.whole {
		s.changed.Wait()
	}
	left := s.written - f.at
	s.mu.Unlock()
	if left == 0 {
		return 0, io.EOF
	}
	n, err := s.file.ReadAt(p[:min(int64(len(p)), left)], f.at)
	f.at += int64(n)
	return n, err
}

// close ends the spool; its file stays. Followers have ended before.
func (s *spool) close() error {
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("keep reports: %w", err)
	}
	return nil
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
