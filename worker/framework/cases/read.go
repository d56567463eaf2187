package cases

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/shardyard/shardyard/worker"
)

// Bounds on a JUnit file: what wrote it is not known.
const (
	MaxFile  = 256 << 20 // bytes
	maxDepth = 64
)

// Read reads a JUnit file and calls yield with each of its cases, in order. It
// reads what ctest, GoogleTest, Surefire, gotestsum, RSpec and pytest write,
// and others that nest testsuites. A file that is larger than MaxFile, nested
// deeply or not well-formed is an error, which may come after some cases.
func Read(r io.Reader, yield func(Case) error) error {
	return read(r, MaxFile, yield)
}

func read(r io.Reader, limit int64, yield func(Case) error) error {
	limited := &io.LimitedReader{R: r, N: limit + 1}
	dec := xml.NewDecoder(limited)
	dec.CharsetReader = charset
	s := reader{yield: yield}
	for {
		tok, err := dec.RawToken()
		switch {
		case limited.N <= 0:
			return fmt.Errorf("it is larger than %d MiB", limit>>20)
		case errors.Is(err, io.EOF) && s.root && len(s.stack) == 0:
			return nil
		case errors.Is(err, io.EOF):
			err = io.ErrUnexpectedEOF
		case err == nil:
			err = s.token(tok)
		}
		if err != nil {
			line, _ := dec.InputPos()
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// A reader follows the elements of one file.
type reader struct {
	yield func(Case) error
	stack []string
	root  bool     // seen
	open  *element // the testcase, and
	depth int      // how deep it lies
}

// An element is a testcase that has not ended.
type element struct {
	Case
	status                    string
	failed, errors, skipped   bool
	detail, reason, out, errs Clipped
}

func (s *reader) token(tok xml.Token) error {
	switch t := tok.(type) {
	case xml.StartElement:
		return s.begin(t)
	case xml.EndElement:
		return s.end(t)
	case xml.CharData:
		s.text(t)
	case xml.Directive:
		return errors.New("a document type is not taken")
	}
	return nil
}

func (s *reader) begin(t xml.StartElement) error {
	name := t.Name.Local
	switch {
	case len(s.stack) == 0 && (s.root || name != "testsuites" && name != "testsuite"):
		return fmt.Errorf("<%s> where <testsuites> or <testsuite> was expected: it is no JUnit file", name)
	case len(s.stack) >= maxDepth:
		return fmt.Errorf("elements are nested more than %d deep", maxDepth)
	}
	s.root = true
	s.stack = append(s.stack, name)
	if s.open == nil && name == "testcase" {
		s.open, s.depth = newElement(t), len(s.stack)
	} else if s.open != nil && len(s.stack) == s.depth+1 {
		s.open.child(name, t)
	}
	return nil
}

func (s *reader) end(t xml.EndElement) error {
	last := len(s.stack) - 1
	if last < 0 || s.stack[last] != t.Name.Local {
		return fmt.Errorf("</%s> ends nothing", t.Name.Local)
	}
	s.stack = s.stack[:last]
	if s.open == nil || last >= s.depth {
		return nil
	}
	done := s.open.settle()
	s.open = nil
	return s.yield(done)
}

// text adds to what the open case's child element holds.
func (s *reader) text(p []byte) {
	if s.open == nil || len(s.stack) <= s.depth {
		return
	}
	switch s.stack[s.depth] {
	case "failure", "error":
		s.open.detail.Add(p)
	case "skipped":
		s.open.reason.Add(p)
	case "system-out":
		s.open.out.Add(p)
	case "system-err":
		s.open.errs.Add(p)
	}
}

func newElement(t xml.StartElement) *element {
	return &element{
		Case:   Case{Name: attr(t, "name"), Class: attr(t, "classname"), File: attr(t, "file"), Millis: millis(attr(t, "time"))},
		status: attr(t, "status"),
	}
}

func (e *element) child(name string, t xml.StartElement) {
	switch name {
	case "failure":
		e.failed = true
	case "error":
		e.errors = true
	case "skipped":
		e.skipped = true
	default:
		return // also rerunFailure and flakyFailure, of attempts that do not count
	}
	if e.Message == "" || name != "skipped" {
		e.Message = Line(attr(t, "message"))
	}
	if name != "skipped" && e.detail.size > 0 {
		e.detail.Add([]byte("\n"))
	}
}

// settle returns a case that ended its outcome.
func (e *element) settle() Case {
	c := e.Case
	c.Detail, c.Output = e.detail.String(), e.out.String()
	if errs := e.errs.String(); errs != "" {
		c.Output = joinLines(c.Output, errs)
	}
	switch {
	case e.errors:
		c.Outcome = worker.Errored
	case e.failed:
		c.Outcome = worker.Failing
	case e.notRun():
		c.Outcome = worker.Errored
	case e.skipped, e.status == "notrun", e.status == "disabled":
		c.Outcome = worker.Skipped
	default:
		c.Outcome = worker.Passed
	}
	if c.Message == "" && c.Outcome != worker.Passed {
		c.Message = Line(c.Detail + e.reason.String())
	}
	return c
}

// notRun tells what ctest counts among its failures, and yet writes like a
// skip: a test whose program is missing, or whose fixture failed.
func (e *element) notRun() bool {
	return e.skipped && e.status == "notrun" && e.Class == e.Name && !strings.HasPrefix(e.Message, "SKIP_")
}

func joinLines(a, b string) string {
	if a != "" && !strings.HasSuffix(a, "\n") {
		a += "\n"
	}
	return a + b
}

// millis reads a time in seconds; what is no sensible time is 0. Surefire puts
// commas between thousands.
func millis(s string) float64 {
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, ",", ""), 64)
	if err != nil || !(f >= 0) || f > 1e9 {
		return 0
	}
	return math.Round(f*1e6) / 1e3
}

func attr(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Space == "" && a.Name.Local == name {
			return Clip([]byte(a.Value))
		}
	}
	return ""
}

// charset reads the encodings besides UTF-8 in which such files are found.
func charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "us-ascii", "ascii", "utf8":
		return in, nil
	case "iso-8859-1", "latin1":
		return &latin1{in: in}, nil
	}
	return nil, fmt.Errorf("the encoding %q is not read: UTF-8 is", label)
}

// latin1 turns ISO 8859-1 into UTF-8.
type latin1 struct {
	in   io.Reader
	rest bytes.Buffer
}

// Read implements io.Reader.
func (l *latin1) Read(p []byte) (int, error) {
	if l.rest.Len() == 0 {
		raw := make([]byte, 4096)
		n, err := l.in.Read(raw)
		for _, b := range raw[:n] {
			l.rest.WriteRune(rune(b))
		}
		if n == 0 {
			return 0, err
		}
	}
	return l.rest.Read(p)
}
