package runs

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report/junit"
)

// A Failure is a test that failed, with the text that its framework gave: where
// that has none, its message and what the test printed.
type Failure struct{ Test, Text string }

// Failures reads the failures in the run's JUnit file. It returns none when the
// run has no such file.
func (r *Run) Failures() (list []Failure, err error) {
	f, err := os.Open(r.Path(JUnit))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the failures: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	dec := xml.NewDecoder(io.LimitReader(f, junit.MaxBytes))
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the failures in %s: %w", r.Path(JUnit), err)
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "testcase" {
			continue
		}
		var c struct {
			Class    string `xml:"classname,attr"`
			Name     string `xml:"name,attr"`
			Failures []told `xml:"failure"`
			Errors   []told `xml:"error"`
			Output   string `xml:"system-out"`
		}
		if err := dec.DecodeElement(&c, &start); err != nil {
			return nil, fmt.Errorf("read the failures in %s: %w", r.Path(JUnit), err)
		}
		if c.Class == c.Name { // a unit that is its own case
			c.Class = ""
		}
		for _, t := range append(c.Failures, c.Errors...) {
			list = append(list, Failure{junit.Key{Class: c.Class, Name: c.Name}.String(), t.or(c.Output)})
		}
	}
}

// told is a failure or an error of a testcase.
type told struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// or returns the text, else the message and the output.
func (t told) or(output string) string {
	if strings.TrimSpace(t.Text) != "" {
		return t.Text
	}
	return strings.TrimSpace(t.Message + "\n" + output)
}
