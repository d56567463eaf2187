package ci

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/junit"
)

// GitLab's limits, with room below them: 30 MB a JUnit file, 100 MB a job, 250,000
// XML objects; 10 MiB and 100 sources a file of coverage.
const (
	maxCases      = 10_000
	maxJUnit      = 25_000_000
	maxJUnits     = 80_000_000
	maxCobertura  = 9_000_000
	maxSources    = 100
	maxCaseOutput = 1_000_000 // of one test
)

// A splitter writes an XML document as several files: base-1.xml and so on, each with
// the same head and foot.
type splitter struct {
	base, head, foot string
	limit            int
	buf              bytes.Buffer
	items, files     int
	all              int // bytes
}

func (s *splitter) add(item string) error {
	if s.buf.Len() > 0 && s.buf.Len()+len(item)+len(s.head)+len(s.foot) > s.limit {
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.buf.WriteString(item)
	s.items++
	s.all += len(item)
	return nil
}

func (s *splitter) flush() error {
	if s.buf.Len() == 0 {
		return nil
	}
	s.files++
	text := s.head + s.buf.String() + s.foot
	s.buf.Reset()
	s.items = 0
	return os.WriteFile(fmt.Sprintf("%s-%d.xml", s.base, s.files), []byte(text), 0o644)
}

// A testcase is a test in a JUnit file.
type testcase struct {
	Class    string `xml:"classname,attr"`
	Name     string `xml:"name,attr"`
	File     string `xml:"file,attr"`
	Time     string `xml:"time,attr"`
	Inner    string `xml:",innerxml"`
	Failures []told `xml:"failure"`
	Errors   []told `xml:"error"`
	Skipped  []told `xml:"skipped"`
}

type told struct {
	Message string `xml:"message,attr"`
}

// splitJUnit writes the run's JUnit file as GitLab reads it: of two tests with the same
// class and name it would count the first only, so names are unique, and the suite is
// part of the class; a test has its file.
func splitJUnit(from, base string, r *report.Report) (err error) {
	f, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	files := map[junit.Key]string{}
	for _, t := range r.Tests {
		if t.File != "" {
			for _, k := range junit.KeysOf(t.Test) {
				files[k] = path.Join(r.Root, t.File)
			}
		}
	}
	out := &splitter{base: base, head: xml.Header + "<testsuites><testsuite name=\"shardyard\">\n", foot: "</testsuite></testsuites>\n", limit: maxJUnit}
	seen := map[junit.Key]int{}
	err = elements(f, "testcase", func(dec *xml.Decoder, start xml.StartElement) error {
		var c testcase
		if err := dec.DecodeElement(&c, &start); err != nil {
			return err
		}
		if c.File == "" {
			c.File = files[junit.Key{Class: c.Class, Name: c.Name}.Normal()]
		}
		if r.Suite != "" {
			c.Class = r.Suite + "." + c.Class
		}
		key := junit.Key{Class: c.Class, Name: c.Name}
		if seen[key]++; seen[key] > 1 {
			c.Name = fmt.Sprintf("%s (%d)", c.Name, seen[key])
		}
		if len(c.Inner) > maxCaseOutput || out.all > maxJUnits {
			c.Inner = c.short()
		}
		if out.items == maxCases {
			if err := out.flush(); err != nil {
				return err
			}
		}
		return out.add(fmt.Sprintf("<testcase classname=\"%s\" name=\"%s\" file=\"%s\" time=\"%s\">%s</testcase>\n",
			escaped(c.Class), escaped(c.Name), escaped(c.File), escaped(c.Time), c.Inner))
	})
	return errors.Join(err, out.flush())
}

// short returns how the test ended, without what it printed.
func (c *testcase) short() string {
	var b strings.Builder
	for _, x := range []struct {
		name string
		list []told
	}{{"failure", c.Failures}, {"error", c.Errors}, {"skipped", c.Skipped}} {
		for _, t := range x.list {
			fmt.Fprintf(&b, `<%s message="%s"/>`, x.name, escaped(shortened(t.Message)))
		}
	}
	return b.String()
}

// elements calls found for each element of a name.
func elements(r io.Reader, name string, found func(*xml.Decoder, xml.StartElement) error) error {
	dec := xml.NewDecoder(io.LimitReader(r, junit.MaxBytes))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == name {
			if err := found(dec, start); err != nil {
				return err
			}
		}
	}
}

// A cobertura is a file of coverage in Cobertura's format.
type cobertura struct {
	Attrs    []xml.Attr `xml:",any,attr"`
	Sources  []string   `xml:"sources>source"`
	Packages []struct {
		Attrs   []xml.Attr `xml:",any,attr"`
		Classes []struct {
			Attrs []xml.Attr `xml:",any,attr"`
			Inner string     `xml:",innerxml"`
		} `xml:"classes>class"`
	} `xml:"packages>package"`
}

// splitCobertura writes the coverage in files that GitLab reads.
func splitCobertura(from, base string) error {
	text, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var c cobertura
	if err := xml.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("read %s: %w", from, err)
	}
	var head strings.Builder
	head.WriteString(xml.Header + "<coverage" + attributes(c.Attrs) + "><sources>")
	for _, s := range c.Sources[:min(len(c.Sources), maxSources)] {
		head.WriteString("<source>" + escaped(s) + "</source>")
	}
	out := &splitter{base: base, head: head.String() + "</sources><packages>\n", foot: "</packages></coverage>\n", limit: maxCobertura}
	for _, p := range c.Packages {
		for _, class := range p.Classes {
			if err := out.add("<package" + attributes(p.Attrs) + "><classes><class" + attributes(class.Attrs) + ">" + class.Inner + "</class></classes></package>\n"); err != nil {
				return err
			}
		}
	}
	return out.flush()
}

func attributes(list []xml.Attr) string {
	var b strings.Builder
	for _, a := range list {
		fmt.Fprintf(&b, ` %s="%s"`, a.Name.Local, escaped(a.Value))
	}
	return b.String()
}

// escaped is a text as the value of an attribute.
func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder takes everything
	return b.String()
}
