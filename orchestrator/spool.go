package orchestrator

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// reportsFile has the framework's reports in a run's directory, a record a line. No
// program reads it after the run: it is evidence for people.
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
	head map[string]head      // by worker: of its last report
	open map[string][]extent  // by worker: what there is of a report whose next piece is still to come

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

// An extent is a stretch of the file. The extents of an attempt are whole
// records once they are put together.
type extent struct {
	offset int64
	length int64
}

func (e extent) end() int64 { return e.offset + e.length }

// MarshalJSON implements json.Marshaler: [offset, length] in bytes.
func (e extent) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "[%d,%d]", e.offset, e.length), nil
}

// A record is one line of the conclusion's reports.jsonl, without its data.
type record struct {
	Worker string        `json:"worker"`
	Test   worker.TestID `json:"test"`
	Kind   string        `json:"kind"`
}

func newSpool(path string) (*spool, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("keep reports: %w", err)
	}
	s := &spool{file: f, w: bufio.NewWriterSize(f, 256<<10), of: map[attempt][]extent{}, head: map[string]head{}, open: map[string][]extent{}}
	s.changed.L = &s.mu
	return s, nil
}

// add keeps a report of a worker, or a piece of one: the client has held it
// against the piece before. The zero token is of the session.
func (s *spool) add(from string, token worker.Token, rep worker.Reported) error {
	at, open := s.open[from]
	delete(s.open, from)
	switch {
	case rep.Offset == 0:
		at = nil // one that was never finished is given up
	case !open:
		return nil
	}
	at, err := s.append(at, from, rep)
	switch {
	case err != nil:
		return fmt.Errorf("keep report of %s: %w", cmp.Or(string(rep.Test), from), err)
	case rep.More:
		s.open[from] = at
	case token == 0:
		s.rest = join(s.rest, at...)
	default:
		key := attempt{rep.Test, token}
		s.of[key] = join(s.of[key], at...)
	}
	return nil
}

// append writes a report, or a piece of one, behind all others, and adds where
// it is to a list. The data is copied as it is: a record is a line of JSON if
// the data is JSON, and a line if not.
func (s *spool) append(to []extent, from string, rep worker.Reported) ([]extent, error) {
	at, data := s.size, rep.Data
	if bytes.IndexByte(data, '\n') >= 0 {
		data = bytes.ReplaceAll(data, []byte{'\n'}, []byte{' '})
	}
	if rep.Offset == 0 {
		if err := s.begin(from, rep); err != nil {
			return to, err
		}
	}
	if err := s.write(data); err != nil {
		return to, err
	}
	if !rep.More {
		if err := s.write([]byte("}\n")); err != nil {
			return to, err
		}
	}
	return join(to, extent{at, s.size - at}), nil
}

// A head is what the records of one test and worker have in common: the line up
// to the kind.
type head struct {
	test worker.TestID
	line []byte
}

// begin writes a record up to its data.
func (s *spool) begin(from string, rep worker.Reported) error {
	h, ok := s.head[from]
	if !ok || h.test != rep.Test {
		line, err := json.Marshal(record{Worker: from, Test: rep.Test})
		if err != nil {
			return err
		}
		h = head{rep.Test, bytes.TrimSuffix(line, []byte(`""}`))}
		s.head[from] = h
	}
	kind, err := json.Marshal(rep.Kind)
	if err != nil {
		return err
	}
	if err := s.write(h.line); err != nil {
		return err
	}
	return s.write(append(kind, `,"data":`...))
}

// copy writes whole records of another spool behind all others.
func (s *spool) copy(records []byte) (extent, error) {
	at := s.size
	err := s.write(records)
	return extent{at, s.size - at}, err
}

// extents is where reports are, for the log.
func extents(at []extent) []report.Extent {
	out := make([]report.Extent, len(at))
	for i, e := range at {
		out[i] = report.Extent{e.offset, e.length}
	}
	return out
}

func (s *spool) write(p []byte) error {
	n, err := s.w.Write(p)
	s.size += int64(n)
	return err
}

// join adds extents to a list. Two that touch are one.
func join(to []extent, more ...extent) []extent {
	for _, e := range more {
		if last := len(to) - 1; last >= 0 && to[last].end() == e.offset {
			to[last].length += e.length
		} else {
			to = append(to, e)
		}
	}
	return to
}

// flush lets followers read the reports so far.
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
