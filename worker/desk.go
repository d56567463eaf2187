package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A Desk says where the sources of a place lie on the user's own machine. What
// people read, and what they type, has that path.
type Desk struct {
	Here  string `json:"here"`  // the tree's directory in the place, absolute
	There string `json:"there"` // the checkout's
}

// Show returns the text with the checkout's path where the tree's is.
func (d Desk) Show(text string) string { return moved(text, d.Here, d.There) }

// Inside returns the text with the tree's path where the checkout's is.
func (d Desk) Inside(text string) string { return moved(text, d.There, d.Here) }

// choice returns arguments with the tree's path in those that choose tests: ids, and
// paths that are there. Where something is to be written stays as it was typed.
func (d Desk) choice(args []string) []string {
	chosen := slices.Clone(args)
	for i, arg := range args {
		inside := d.Inside(arg)
		if inside == arg || strings.HasPrefix(arg, "-") {
			continue
		}
		if _, err := os.Stat(inside); err == nil || strings.Contains(arg, "::") {
			chosen[i] = inside
		}
	}
	return chosen
}

// isFar reports whether the two paths differ.
func (d Desk) isFar() bool { return d.Here != "" && d.There != "" && d.Here != d.There }

// moved replaces a path by another one, where it is not a part of a longer name.
func moved(text, from, to string) string {
	if from == "" || to == "" || !strings.Contains(text, from) {
		return text
	}
	var b strings.Builder
	done := 0
	for at := 0; ; at += len(from) {
		next := strings.Index(text[at:], from)
		if next < 0 {
			break
		}
		at += next
		if begins(text[:at]) && ends(text[at+len(from):]) {
			b.WriteString(text[done:at])
			b.WriteString(to)
			done = at + len(from)
		}
	}
	b.WriteString(text[done:])
	return b.String()
}

// begins reports whether a path can begin behind the text.
func begins(text string) bool {
	if text == "" || !inName(text[len(text)-1]) && text[len(text)-1] != '.' {
		return true
	}
	escape := strings.LastIndexByte(text, 0x1b) // a terminal's colour is before it
	return escape >= 0 && strings.HasSuffix(text, "m") && strings.Trim(text[escape+1:len(text)-1], "[0123456789;") == ""
}

// ends reports whether a path can end before the text.
func ends(text string) bool {
	text = strings.TrimPrefix(text, ".") // of a sentence
	return text == "" || !inName(text[0])
}

func inName(c byte) bool {
	return c == '_' || c == '-' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// conclude has the framework conclude, and shows what comes of it as people are to
// read it.
func (d Desk) conclude(ctx context.Context, f Framework, req Conclude, emit func(Event)) (Concluded, error) {
	if !d.isFar() {
		return f.Conclude(ctx, req, emit)
	}
	req.Args = d.choice(req.Args)
	t := translation{desk: d, emit: emit, rest: map[string][]byte{}}
	done, err := f.Conclude(ctx, req, t.pass)
	t.flush()
	done.Error = d.Show(done.Error)
	return done, errors.Join(err, d.showFiles(req.Dir, done.Files))
}

// A shown passes a session's events on as people are to read them.
type shown struct {
	Stream
	desk Desk
}

func (s shown) Emit(e Event) {
	if e.Finished != nil {
		e.Finished.Message = s.desk.Show(e.Finished.Message)
	}
	s.Stream.Emit(e)
}

// A translation passes a conclusion's output on, line by line.
type translation struct {
	desk Desk
	emit func(Event)

	mu   sync.Mutex
	rest map[string][]byte // by stream: of a line that has not ended
}

func (t *translation) pass(e Event) {
	if e.Output == nil {
		t.emit(e)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	data := slices.Concat(t.rest[e.Output.Stream], e.Output.Data)
	whole := bytes.LastIndexByte(data, '\n') + 1
	if len(data)-whole > MaxFrame {
		whole = len(data)
	}
	t.rest[e.Output.Stream] = data[whole:]
	t.print(*e.Output, data[:whole])
}

// flush passes on what is left.
func (t *translation) flush() {
	for stream, rest := range t.rest {
		t.print(Output{Stream: stream}, rest)
	}
	clear(t.rest)
}

func (t *translation) print(o Output, text []byte) {
	text = []byte(t.desk.Show(string(text)))
	for len(text) > 0 || o.Dropped > 0 {
		n := min(len(text), MaxFrame)
		o.Data, text = text[:n], text[n:]
		t.emit(Event{Output: &Output{ID: o.ID, Stream: o.Stream, Data: o.Data, Dropped: o.Dropped}})
		o.Dropped = 0
	}
}

// asJSON is a path as a string of JSON has it.
func asJSON(path string) string {
	quoted := Raw(path)
	return string(quoted[1 : len(quoted)-1])
}

// spelled are how files of text spell a path, by extension.
var spelled = map[string]func(string) string{
	".xml": html.EscapeString, ".html": html.EscapeString, ".htm": html.EscapeString, ".json": asJSON, ".jsonl": asJSON,
	".txt": strings.Clone, ".log": strings.Clone, ".md": strings.Clone, ".csv": strings.Clone, ".tap": strings.Clone,
}

// showFiles writes result files anew that have the tree's path in their text.
func (d Desk) showFiles(dir string, files []string) error {
	for _, name := range files {
		spell, ok := spelled[path.Ext(name)]
		if !ok || strings.HasPrefix(name, "out/coverage/") { // which has the checkout's own files
			continue
		}
		file := filepath.Join(dir, filepath.FromSlash(name))
		text, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("show the checkout's paths: %w", err)
		}
		if there := moved(string(text), spell(d.Here), spell(d.There)); there != string(text) {
			if err := os.WriteFile(file, []byte(there), 0o644); err != nil {
				return fmt.Errorf("show the checkout's paths: %w", err)
			}
		}
	}
	return nil
}
