package cases

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/shardyard/shardyard/worker"
)

// A Unit is a test with what counts of it.
type Unit struct {
	ID    worker.TestID
	Cases []Case // at least one
}

// A log is what the coordinator laid out; see [Conclude].
type log struct {
	reports, order *os.File
}

func openLog(dir string) (_ *log, err error) {
	l := &log{}
	if l.reports, err = os.Open(filepath.Join(dir, "reports.jsonl")); err != nil {
		return nil, err
	}
	if l.order, err = os.Open(filepath.Join(dir, "order.jsonl")); err != nil {
		return nil, errors.Join(err, l.reports.Close())
	}
	return l, nil
}

func (l *log) close() error { return errors.Join(l.reports.Close(), l.order.Close()) }

// each calls yield with every unit, in the suite's order. It can be called
// again.
func (l *log) each(yield func(Unit) error) error {
	if _, err := l.order.Seek(0, io.SeekStart); err != nil {
		return err
	}
	lines := json.NewDecoder(bufio.NewReaderSize(l.order, 64<<10))
	for n := 0; ; n++ {
		var extents [][2]int64
		err := lines.Decode(&extents)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the order of the reports: %w", err)
		}
		if n == 0 {
			continue // what belongs to no test
		}
		u, err := l.unit(extents)
		if err != nil {
			return err
		}
		if err := yield(u); err != nil {
			return err
		}
	}
}

// unit reads the reports of one test.
func (l *log) unit(extents [][2]int64) (u Unit, err error) {
	var parts []io.Reader // a record can be in several
	for _, x := range extents {
		parts = append(parts, io.NewSectionReader(l.reports, x[0], x[1]))
	}
	data, err := io.ReadAll(io.MultiReader(parts...))
	if err != nil {
		return u, fmt.Errorf("read the reports: %w", err)
	}
	for line := range bytes.Lines(data) {
		if err := u.add(line); err != nil {
			return u, fmt.Errorf("read the reports: %w", err)
		}
	}
	if len(u.Cases) == 0 {
		u.Cases = []Case{{Name: string(u.ID), Outcome: worker.Errored, Message: "its results are missing"}}
	}
	return u, nil
}

// add takes one record of the test.
func (u *Unit) add(line []byte) error {
	var rec struct {
		Test worker.TestID   `json:"test"`
		Kind string          `json:"kind"`
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(line, &rec); err != nil {
		return err
	}
	u.ID = rec.Test
	switch rec.Kind {
	case Kind:
		var c Case
		if err := json.Unmarshal(rec.Data, &c); err != nil {
			return err
		}
		u.Cases = append(u.Cases, c)
	case "died":
		var died struct {
			Message string `json:"message"`
		}
		if err := json.Unmarshal(rec.Data, &died); err != nil {
			return err
		}
		u.Cases = append(u.Cases, Case{Name: string(rec.Test), Outcome: worker.Errored, Message: died.Message})
	}
	return nil
}
