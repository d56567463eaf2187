// Package junit reads JUnit files and merges those of several shards into one,
// checks them against a plan, and turns them into the events of a run.
package junit

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/shardyard/shardyard/worker"
)

// Bounds on a JUnit file: it comes from elsewhere.
const (
	MaxBytes = 256 << 20
	maxDepth = 64
	maxAttrs = 256
)

// A Case is one testcase element of a JUnit file.
type Case struct {
	Key
	File    string // as the file says, often ""
	Line    int    // from 0, as pytest writes it; -1 when the file does not say
	Time    time.Duration
	Outcome worker.Outcome // passed, failed, error or skipped
	Message string
	At      Place // that the text of its failure names; zero for none

	failures, errors, skips int
	teardown                bool // an error in teardown, and nothing else
}

// A Place is a line of a file, from 1.
type Place struct {
	File string // relative
	Line int
}

// Key is how a JUnit file names a test.
type Key struct {
	Class string // classname
	Name  string
}

// String returns the two as people read them.
func (k Key) String() string {
	if k.Class == "" {
		return k.Name
	}
	return k.Class + "::" + k.Name
}

// Read calls yield with every testcase of a JUnit file, in order. It
// reads pytest's dialect (xunit1 and xunit2), CircleCI's (with file
// attributes) and others that nest testsuites. A file that is larger than
// MaxBytes, deeply nested or not well-formed is an error.
func Read(r io.Reader, yield func(Case) error) error {
	return scan(r, MaxBytes, func(x *element) error {
		if x.testcase == nil {
			return nil
		}
		return yield(*x.testcase)
	}, nil)
}

// element is what scan hands out: a testcase that has ended, or the start
// of a testsuite.
type element struct {
	testcase *Case
	suite    *xml.StartElement
}

// scanner walks one file.
type scanner struct {
	dec      *xml.Decoder
	stack    []string
	testcase *Case
	depth    int // of the open testcase in stack
}

// scan walks a file of at most limit bytes. found is called for each testsuite that begins and
// each testcase that ends; copied, when not nil, is called with each token of a
// testcase, start and end included, and the case that it belongs to.
func scan(r io.Reader, limit int64, found func(*element) error, copied func(xml.Token, *Case) error) error {
	limited := &io.LimitedReader{R: r, N: limit + 1}
	s := scanner{dec: xml.NewDecoder(limited)}
	root := false
	for {
		tok, err := s.dec.RawToken()
		if errors.Is(err, io.EOF) && len(s.stack) == 0 && root {
			return nil
		}
		if limited.N <= 0 {
			return fmt.Errorf("it is larger than %d MiB", limit>>20)
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if err := s.token(tok, found, copied); err != nil {
			line, _ := s.dec.InputPos()
			return fmt.Errorf("line %d: %w", line, err)
		}
		root = root || len(s.stack) > 0
	}
}

func (s *scanner) token(tok xml.Token, found func(*element) error, copied func(xml.Token, *Case) error) error {
	testcase := s.testcase
	switch t := tok.(type) {
	case xml.StartElement:
		if err := s.open(t, found); err != nil {
			return err
		}
		testcase = s.testcase
	case xml.EndElement:
		if err := s.close(t); err != nil {
			return err
		}
	case xml.CharData:
		if testcase == nil && strings.TrimSpace(string(t)) != "" && len(s.stack) == 0 {
			return errors.New("text outside of the root element")
		}
		if testcase != nil && len(s.stack) == s.depth+1 {
			if child := s.stack[s.depth]; child == "failure" || child == "error" {
				testcase.locate(string(t))
			}
		}
	case xml.Directive:
		return errors.New("a document type is not taken")
	}
	if copied != nil && testcase != nil {
		if err := copied(tok, testcase); err != nil {
			return err
		}
	}
	if testcase != nil && s.testcase == nil {
		testcase.settle()
		return found(&element{testcase: testcase})
	}
	return nil
}

func (s *scanner) open(t xml.StartElement, found func(*element) error) error {
	name := rawName(t.Name)
	if len(s.stack) == 0 && name != "testsuites" && name != "testsuite" {
		return fmt.Errorf("it begins with <%s>, not with <testsuites> or <testsuite>: it is no JUnit file", name)
	}
	if len(s.stack) >= maxDepth {
		return fmt.Errorf("elements are nested more than %d deep", maxDepth)
	}
	if len(t.Attr) > maxAttrs {
		return fmt.Errorf("<%s> has more than %d attributes", name, maxAttrs)
	}
	s.stack = append(s.stack, name)
	switch {
	case s.testcase != nil:
		if len(s.stack) == s.depth+1 {
			s.testcase.child(name, t)
		}
	case name == "testcase":
		s.testcase, s.depth = newCase(t), len(s.stack)
	case name == "testsuite":
		return found(&element{suite: &t})
	}
	return nil
}

func (s *scanner) close(t xml.EndElement) error {
	name := rawName(t.Name)
	if len(s.stack) == 0 || s.stack[len(s.stack)-1] != name {
		return fmt.Errorf("</%s> ends nothing", name)
	}
	if s.testcase != nil && len(s.stack) == s.depth {
		s.testcase = nil
	}
	s.stack = s.stack[:len(s.stack)-1]
	return nil
}

func newCase(t xml.StartElement) *Case {
	c := &Case{Line: -1, Key: Key{Class: attr(t, "classname"), Name: attr(t, "name")}, File: attr(t, "file")}
	if n, err := strconv.Atoi(attr(t, "line")); err == nil && n >= 0 {
		c.Line = n
	}
	c.Time = seconds(attr(t, "time"))
	return c
}

func (c *Case) child(name string, t xml.StartElement) {
	message := attr(t, "message")
	switch name {
	case "failure":
		c.failures++
	case "error":
		c.errors++
		c.teardown = strings.HasPrefix(message, "failed on teardown")
	case "skipped":
		c.skips++
	default:
		return
	}
	if c.Message == "" || name != "skipped" {
		c.Message, _, _ = strings.Cut(message, "\n")
	}
}

// located is a line of a failure's text that begins with a place, as compilers
// and most frameworks write one: "tests/test_a.py:12: AssertionError".
var located = regexp.MustCompile(`(?m)^\s*([^\s:]*[A-Za-z][^\s:]*):(\d{1,7}):`)

// locate looks for the place of a failure in its text: the last one in the
// test's own file, or else the last one there is.
func (c *Case) locate(text string) {
	var own, last Place
	for _, m := range located.FindAllStringSubmatch(text, -1) {
		line, err := strconv.Atoi(m[2])
		if err != nil || line == 0 || !filepath.IsLocal(m[1]) {
			continue
		}
		last = Place{path.Clean(m[1]), line}
		if c.in(last.File) {
			own = last
		}
	}
	if own != (Place{}) {
		last = own
	}
	if last != (Place{}) && (c.At == Place{} || !c.in(c.At.File)) {
		c.At = last
	}
}

// in reports whether a file is the one that the case is of.
func (c *Case) in(file string) bool {
	if c.File != "" {
		return file == path.Clean(c.File)
	}
	return strings.HasPrefix(c.Class+".", dotted(file)+".")
}

// settle sets the outcome of a case that ended.
func (c *Case) settle() {
	c.teardown = c.teardown && c.errors == 1 && c.failures == 0 && c.skips == 0
	switch {
	case c.errors > 0:
		c.Outcome = worker.Errored
	case c.failures > 0:
		c.Outcome = worker.Failing
	case c.skips > 0:
		c.Outcome = worker.Skipped
	default:
		c.Outcome = worker.Passed
	}
}

// seconds reads a time, in which some writers put thousands separators. It returns
// 0 for text that is no sensible time.
func seconds(s string) time.Duration {
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, ",", ""), 64)
	if err != nil || !(f >= 0) || f > 1e9 {
		return 0
	}
	return time.Duration(f * float64(time.Second)).Round(time.Microsecond)
}

func attr(t xml.StartElement, name string) string {
	for _, a := range t.Attr {
		if a.Name.Space == "" && a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func rawName(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// xmlText escapes text so that it survives a reader's normalisation, and
// replaces what XML cannot hold.
func xmlText(b *strings.Builder, s string, attribute bool) {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '"' && attribute:
			b.WriteString("&quot;")
		case attribute && (r == '\n' || r == '\t'), r == '\r':
			fmt.Fprintf(b, "&#%d;", r)
		case r == utf8.RuneError && n == 1, !legalXML(r):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
}

func legalXML(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 && r <= 0x10ffff
}
