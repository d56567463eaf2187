package report

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker"
)

// TestEveryBodyHasADecoder fills every body that the log can hold, and reads
// it back.
func TestEveryBodyHasADecoder(t *testing.T) {
	seen := map[Type]bool{}
	for _, s := range []*script{failing(), green(), interrupted(), predicted(), measured(), rerun()} {
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
	write := func() {
		if err := w.Write(Event{Seq: 1, Body: Note{Text: "x"}}); err != nil {
			t.Fatal(err)
		}
	}
	write()
	write()
	if size() != 0 {
		t.Error("every event is a write")
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); bytes.Count(b, []byte("\n")) != 2 || b[len(b)-1] != '\n' {
		t.Errorf("after a flush there is %q", b)
	}
	write()
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

// A disk is a file on a disk that gets full after so many bytes.
type disk struct {
	bytes.Buffer
	room int
}

func (d *disk) Write(p []byte) (int, error) {
	n := min(len(p), d.room-d.Len())
	d.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

func (d *disk) Truncate(n int64) error { d.Buffer.Truncate(int(n)); return nil }
func (d *disk) Close() error           { return nil }

func TestALogOnAFullDiskEndsWithAWholeLine(t *testing.T) {
	for room := range 400 {
		d := &disk{room: room}
		w := NewWriter(d)
		var failed error
		for i := range 6 {
			var body Body = Note{Text: "some text"}
			if i%2 == 1 {
				body = Judged{Test: "a", Verdict: Pass}
			}
			if err := w.Write(Event{Seq: int64(i + 1), Body: body}); failed == nil {
				failed = err
			}
		}
		if failed == nil {
			failed = w.Flush()
		}
		n := 0
		cut, err := ReadLog(bytes.NewReader(d.Bytes()), func(Event) error { n++; return nil })
		if cut || err != nil || d.Len() > 0 && !bytes.HasSuffix(d.Bytes(), []byte("}\n")) {
			t.Fatalf("room for %d: cut %t, %v\n%s", room, cut, err, d.Bytes())
		}
		if whole := n == 6; whole != (failed == nil) || whole != (w.Close() == nil) {
			t.Errorf("room for %d: %d events, %v", room, n, failed)
		}
	}
}

// A verdict is on the disk when it is written; what is not lost with it may wait.
func TestAVerdictIsNotBuffered(t *testing.T) {
	d := &disk{room: 1 << 20}
	w := NewWriter(d)
	for i, body := range []Body{Note{Text: "x"}, Judged{Test: "a", Verdict: Pass}, Note{Text: "y"}} {
		if err := w.Write(Event{Seq: int64(i + 1), Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Count(d.String(), "\n"); got != 2 {
		t.Errorf("%d lines are out", got)
	}
}

// A verdict that is taken over counts as one, and its attempts do not: they took
// this run no time.
func TestAVerdictIsTakenOver(t *testing.T) {
	var state State
	for _, e := range rerun().events {
		state.Apply(e)
	}
	rep := state.Report()
	if rep.Totals.Passed != 2 || rep.Exit != ExitGreen || rep.Totals.Outcomes[worker.Passed] != 2 {
		t.Errorf("%+v, exit %d %v", rep.Totals, rep.Exit, rep.Reasons)
	}
	if rep.Times.Total != 100e6 || rep.Times.Longest != 100e6 {
		t.Errorf("%+v", rep.Times)
	}
	one, two := rep.Tests[0], rep.Tests[1]
	if one.Attempts[0].Run != "20260228T120000-1111" || one.Line != 3 || len(two.Reports) != 2 || two.Reports[1] != (Extent{20, 5}) {
		t.Errorf("%+v %+v", one, two)
	}
}
