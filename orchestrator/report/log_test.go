package report

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestEveryBodyHasADecoder fills every body that the log can hold, and reads
// it back.
func TestEveryBodyHasADecoder(t *testing.T) {
	seen := map[Type]bool{}
	for _, s := range []*script{failing(), green(), interrupted(), predicted()} {
		for _, e := range s.events {
			seen[e.Body.Type()] = true
			b, err := encode(e)
			if err != nil {
				t.Fatal(err)
			}
			var back Event
			if err := back.UnmarshalJSON(b); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(e, back); diff != "" {
				t.Errorf("%s: %s", b, diff)
			}
		}
	}
	for name, dec := range bodies {
		body, err := dec([]byte("{}"))
		if err != nil || body.Type() != name {
			t.Errorf("the decoder of %q makes %q, %v", name, body.Type(), err)
		}
		if back, _ := dec([]byte(`{"unknown":1}`)); reflect.TypeOf(back) != reflect.TypeOf(body) {
			t.Errorf("%q: a later version's field is refused", name)
		}
		if !seen[name] {
			t.Errorf("no recorded run has %q", name)
		}
	}
}

func TestCutLogIsRead(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join("testdata", "failing.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for keep := range len(whole) {
		if keep%37 != 0 { // every place would take long
			continue
		}
		n, full := 0, 0
		cut, err := ReadLog(bytes.NewReader(whole[:keep]), func(Event) error { n++; return nil })
		if err != nil {
			t.Fatalf("cut at %d: %v", keep, err)
		}
		for size := 0; full < len(lines) && size+len(lines[full])-1 <= keep; full++ {
			size += len(lines[full])
		}
		if n != full && n != full-1 || !cut && n < full-1 {
			t.Errorf("cut at %d: %d events of %d, cut %v", keep, n, full, cut)
		}
	}
	bad := append(append(bytes.Clone(lines[0]), "{\"seq\n"...), lines[1]...)
	if _, err := ReadLog(bytes.NewReader(bad), func(Event) error { return nil }); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a bad line in the middle: %v", err)
	}
	stop := errors.New("stop")
	if _, err := ReadLog(bytes.NewReader(whole), func(Event) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v", err)
	}
}

func TestWriterFlushesWholeLinesInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := NewWriter(f)
	size := func() int64 {
		st, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return st.Size()
	}
	write := func(at time.Duration) {
		if err := w.Write(Event{Seq: 1, At: at, Body: Note{Text: "x"}}); err != nil {
			t.Fatal(err)
		}
	}
	write(0)
	if size() != 0 {
		t.Error("every event is a write")
	}
	write(2 * time.Second)
	if b, _ := os.ReadFile(path); bytes.Count(b, []byte("\n")) != 2 || b[len(b)-1] != '\n' {
		t.Errorf("after two seconds there is %q", b)
	}
	write(2 * time.Second)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s, cut, err := ReadState(path)
	if err != nil || cut || len(s.notes) != 3 {
		t.Errorf("%v, %v, %v", s, cut, err)
	}
}

// FuzzReadLog: what can be read can be folded, reported and written.
func FuzzReadLog(f *testing.F) {
	for _, run := range runs {
		b, err := os.ReadFile(filepath.Join("testdata", run+".jsonl"))
		if err != nil {
			f.Fatal(err)
		}
		for _, l := range bytes.SplitAfter(b, []byte("\n")) {
			f.Add(l)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := NewState()
		var out bytes.Buffer
		_, err := ReadLog(bytes.NewReader(text), func(e Event) error {
			s.Apply(e)
			_, err := encode(e)
			return err
		})
		r := s.Report()
		if e := r.WriteJSON(&out); err == nil && e != nil {
			t.Error(e)
		}
	})
}
