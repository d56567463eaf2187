package command

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework/cases"
)

// Bounds on what `list` prints.
const (
	maxList = 64 << 20 // bytes
	maxUnit = 8 << 10
)

// A listing holds the output of `list`.
type listing struct {
	units []worker.TestID // those that are asked for
	all   []worker.TestID // every one, in order
	twice []worker.TestID // printed more than once
}

// list runs the command `list`. What cannot be right is the user's to mend.
func (s *session) list(ctx context.Context) (l listing, err error) {
	var stdout bytes.Buffer
	var stderr []byte
	ended, err := s.shell.run(ctx, s.options.List, nil, s.limit, func(stream string, p []byte) {
		if stream == "stderr" {
			stderr = append(stderr, p[:min(len(p), maxUnit-len(stderr))]...)
			s.output.Pass(stream, p)
		} else {
			stdout.Write(p[:min(len(p), maxList+1-stdout.Len())])
		}
	})
	if err != nil {
		return l, fmt.Errorf("list the units: %w", err)
	}
	said := colon(cases.Line(string(stderr)))
	switch {
	case ended.late:
		return l, usageError(fmt.Sprintf("list took longer than %s, the time limit of a test%s", s.limit, said))
	case ended.code != 0:
		return l, usageError(fmt.Sprintf("list ended %s%s", ended, said))
	case stdout.Len() > maxList:
		return l, usageError(fmt.Sprintf("list printed more than %d MiB", maxList>>20))
	}
	if l.all, l.twice, err = units(stdout.String()); err != nil {
		return l, err
	}
	l.units, err = chosen(l.all, s.args)
	return l, err
}

// units returns the lines of a text that are not empty, each once.
func units(text string) (list, twice []worker.TestID, err error) {
	seen := map[string]int{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		switch {
		case strings.TrimSpace(line) == "":
			continue
		case !utf8.ValidString(line), strings.ContainsRune(line, 0):
			return nil, nil, usageError(fmt.Sprintf("list printed a line that is no text in UTF-8, line %d: %q", n, line))
		case len(line) > maxUnit:
			return nil, nil, usageError(fmt.Sprintf("list printed a line of %d bytes, line %d: a unit has at most %d", len(line), n, maxUnit))
		}
		if seen[line]++; seen[line] == 2 {
			twice = append(twice, worker.TestID(line))
		}
		if seen[line] == 1 {
			list = append(list, worker.TestID(line))
		}
	}
	return list, twice, nil
}

// chosen returns the units that were asked for by name, in the order of the list;
// all, when none was.
func chosen(all []worker.TestID, names []string) ([]worker.TestID, error) {
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		if !slices.Contains(all, worker.TestID(name)) {
			return nil, usageError(fmt.Sprintf("list does not print the unit %q that is asked for", name))
		}
	}
	var some []worker.TestID
	for _, u := range all {
		if slices.Contains(names, string(u)) {
			some = append(some, u)
		}
	}
	return some, nil
}

// usageError is a mistake of the user.
type usageError string

func (e usageError) Error() string { return string(e) }

// Is makes it a [worker.ErrUsage].
func (usageError) Is(target error) bool { return target == worker.ErrUsage }

// notes are for the user.
func (l listing) notes() []string {
	const shown = 3
	if len(l.twice) == 0 {
		return nil
	}
	var names []string
	for _, u := range l.twice[:min(len(l.twice), shown)] {
		names = append(names, fmt.Sprintf("%q", u))
	}
	more := ""
	if n := len(l.twice) - shown; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return []string{fmt.Sprintf("list prints %s%s more than once: each is one unit", strings.Join(names, ", "), more)}
}
