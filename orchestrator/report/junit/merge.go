package junit

import (
	"bufio"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// A Source is a JUnit file to merge. It is opened twice: once to count, once
// to copy, so that no file is held in memory.
type Source struct {
	Name string // for messages: its path
	Open func() (io.ReadCloser, error)
}

// Merged is the sum of several JUnit files.
type Merged struct {
	// Cases has each test once, in the order of the sources. Count is how
	// many testcases of the chosen source have its key.
	Cases []MergedCase
	// Totals as pytest counts them: a test that passed and then failed in
	// teardown is two.
	Tests, Failures, Errors, Skipped int
	Time                             time.Duration
	// Duplicates are tests that more than one source has. Those whose
	// outcomes differ are Conflicts as well; the worst outcome is kept.
	Duplicates []Duplicate
	Conflicts  []Duplicate
}

// MergedCase is a test with the place that it came from.
type MergedCase struct {
	Case
	Source int // index
	Count  int
}

// Duplicate is a test that several sources have.
type Duplicate struct {
	Key
	Sources []string // names
	Kept    string
}

// Merge writes one JUnit file in pytest's dialect: one testsuite with the
// testcases of all sources, as they were, and new totals. A test that several
// sources have is taken from the one with the worst outcome, the first of
// those. An error names the source.
func Merge(w io.Writer, sources ...Source) (*Merged, error) {
	m := merger{seen: map[Key]*merging{}, names: sources}
	for i, src := range sources {
		if err := m.read(i, src); err != nil {
			return nil, fmt.Errorf("read JUnit file %s: %w", src.Name, err)
		}
	}
	merged := m.merged()
	out := bufio.NewWriter(w)
	m.head(out, merged)
	for i, src := range sources {
		if err := m.copy(out, i, src); err != nil {
			return nil, fmt.Errorf("merge JUnit file %s: %w", src.Name, err)
		}
	}
	_, _ = out.WriteString("</testsuite></testsuites>\n") // Flush has the error
	if err := out.Flush(); err != nil {
		return nil, fmt.Errorf("write merged JUnit file: %w", err)
	}
	return merged, nil
}

// merging is one key while sources are read.
type merging struct {
	by     []bySource // the sources that have it, in order
	chosen int        // index into by
}

type bySource struct {
	source   int
	outcome  worker.Outcome
	first    Case
	elements int // testcase elements
	tests    int // of them, those that are not the second half of one test
	sum      counts
}

type counts struct {
	tests, failures, errors, skipped int
	time                             time.Duration
}

type merger struct {
	names     []Source
	seen      map[Key]*merging
	order     []Key
	timestamp string
	host      string
}

func (m *merger) read(i int, src Source) (err error) {
	f, err := src.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var before *Case
	return scan(f, MaxBytes, func(x *element) error {
		if x.suite != nil {
			m.suite(*x.suite)
			return nil
		}
		m.add(i, *x.testcase, before)
		before = x.testcase
		return nil
	}, nil)
}

// suite keeps the earliest timestamp and the first host.
func (m *merger) suite(t xml.StartElement) {
	if at := attr(t, "timestamp"); at != "" && (m.timestamp == "" || at < m.timestamp) {
		m.timestamp = at
	}
	m.host = cmp.Or(m.host, attr(t, "hostname"))
}

func (m *merger) add(i int, c Case, before *Case) {
	k := m.seen[c.Key]
	if k == nil {
		k = new(merging)
		m.seen[c.Key] = k
		m.order = append(m.order, c.Key)
	}
	if len(k.by) == 0 || k.by[len(k.by)-1].source != i {
		k.by = append(k.by, bySource{source: i, first: c, outcome: c.Outcome})
	}
	b := &k.by[len(k.by)-1]
	b.elements++
	if worse(c.Outcome, b.outcome) {
		b.outcome = c.Outcome
		b.first.Message = c.Message
	}
	// pytest writes a test that failed and then failed again in teardown as
	// two testcases.
	second := c.teardown && before != nil && before.Key == c.Key && before.failures > 0
	if !second {
		b.tests++
	}
	b.sum.count(c, second)
}

// count adds a testcase as pytest's own totals would.
func (n *counts) count(c Case, second bool) {
	n.failures += c.failures
	n.errors += c.errors
	n.skipped += c.skips
	n.time += c.Time
	n.tests += c.failures + c.errors + c.skips
	switch {
	case second:
		n.tests--
	case c.failures+c.errors+c.skips == 0, c.teardown:
		n.tests++ // it passed
	}
}

// severity orders outcomes, the worst last.
var severity = []worker.Outcome{worker.Skipped, worker.Passed, worker.Failing, worker.Errored}

func worse(a, b worker.Outcome) bool { return slices.Index(severity, a) > slices.Index(severity, b) }

func (m *merger) merged() *Merged {
	r := new(Merged)
	for _, key := range m.order {
		k := m.seen[key]
		for i, b := range k.by {
			if worse(b.outcome, k.by[k.chosen].outcome) {
				k.chosen = i
			}
		}
		b := k.by[k.chosen]
		c := MergedCase{Case: b.first, Source: b.source, Count: b.tests}
		c.Outcome = b.outcome
		r.Cases = append(r.Cases, c)
		r.Tests += b.sum.tests
		r.Failures += b.sum.failures
		r.Errors += b.sum.errors
		r.Skipped += b.sum.skipped
		r.Time += b.sum.time
		if len(k.by) > 1 {
			m.duplicate(r, key, k)
		}
	}
	return r
}

func (m *merger) duplicate(r *Merged, key Key, k *merging) {
	d := Duplicate{Key: key, Kept: m.names[k.by[k.chosen].source].Name}
	conflict := false
	for _, b := range k.by {
		d.Sources = append(d.Sources, m.names[b.source].Name)
		conflict = conflict || b.outcome != k.by[0].outcome
	}
	r.Duplicates = append(r.Duplicates, d)
	if conflict {
		r.Conflicts = append(r.Conflicts, d)
	}
}

// head writes what stands before the testcases. Errors stay in out.
func (m *merger) head(out *bufio.Writer, r *Merged) {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest"`)
	fmt.Fprintf(&b, ` errors="%d" failures="%d" skipped="%d" tests="%d" time="%.3f"`, r.Errors, r.Failures, r.Skipped, r.Tests, r.Time.Seconds())
	for _, a := range [][2]string{{"timestamp", m.timestamp}, {"hostname", m.host}} {
		if a[1] != "" {
			b.WriteString(" " + a[0] + `="`)
			xmlText(&b, a[1], true)
			b.WriteByte('"')
		}
	}
	b.WriteString(">")
	_, _ = out.WriteString(b.String())
}

// copy writes the testcases that were chosen from a source.
func (m *merger) copy(out *bufio.Writer, i int, src Source) (err error) {
	f, err := src.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var x xmlWriter
	return scan(f, MaxBytes, func(*element) error { return nil }, func(tok xml.Token, c *Case) error {
		k := m.seen[c.Key]
		if k == nil {
			return errors.New("the file changed while it was read")
		}
		if k.by[k.chosen].source != i {
			return nil
		}
		_, err := out.WriteString(x.text(tok))
		return err
	})
}

// xmlWriter turns tokens into text, as pytest writes it: an element without
// content is closed at once. Comments and instructions are dropped.
type xmlWriter struct{ open bool } // a start tag waits for its end

func (x *xmlWriter) text(tok xml.Token) string {
	var b strings.Builder
	switch t := tok.(type) {
	case xml.EndElement:
		if x.open {
			x.open = false
			return " />"
		}
		return "</" + rawName(t.Name) + ">"
	case xml.CharData:
		xmlText(&b, string(t), false)
	case xml.StartElement:
		b.WriteString("<" + rawName(t.Name))
		for _, a := range t.Attr {
			b.WriteString(" " + rawName(a.Name) + `="`)
			xmlText(&b, a.Value, true)
			b.WriteByte('"')
		}
	}
	if b.Len() == 0 {
		return ""
	}
	before := ""
	if x.open {
		before = ">"
	}
	_, x.open = tok.(xml.StartElement)
	return before + b.String()
}
