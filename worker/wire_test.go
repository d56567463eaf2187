package worker_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/shardyard/shardyard/worker"
)

// written is what a connection puts on the wire for these events.
func written(t interface{ Fatal(...any) }, events ...worker.Event) []byte {
	var buf bytes.Buffer
	c := worker.NewConn[worker.Request, worker.Event](strings.NewReader(""), &buf)
	for _, e := range events {
		if err := c.Send(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// receive reads all events of a stream.
func receive(stream io.Reader) (events []worker.Event, err error) {
	c := worker.NewConn[worker.Event, worker.Request](stream, io.Discard)
	defer func() { err = errors.Join(err, c.Close()) }()
	for {
		e, err := c.Receive()
		if errors.Is(err, io.EOF) {
			return events, nil
		}
		if err != nil {
			return events, err
		}
		events = append(events, e)
	}
}

func report(id string, size int) worker.Event {
	return worker.Event{Reported: &worker.Reported{Test: worker.TestID(id), Kind: "report", Data: json.RawMessage(`"` + strings.Repeat("x", size) + `"`)}}
}

func TestWireRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sent []worker.Event
		for range rapid.IntRange(0, 6).Draw(t, "events") {
			size := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(worker.MaxFrame-200, worker.MaxFrame+200), rapid.IntRange(0, 150_000)).Draw(t, "size")
			sent = append(sent, report(rapid.String().Draw(t, "id"), size))
		}
		wire := written(t, sent...)
		for line := range bytes.Lines(wire) {
			if len(line) > worker.MaxFrame || !json.Valid(line) {
				t.Fatalf("a line of %d bytes, which begins %.80q", len(line), line)
			}
		}
		got, err := receive(bytes.NewReader(wire))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(sent, got) { // quicker than cmp.Diff, which is for people
			t.Errorf("%d events came back as %d others", len(sent), len(got))
		}
	})
}

// What a framework reports passes as it is, even where Go's own strings would
// lose something.
func TestWireRawUntouched(t *testing.T) {
	for _, raw := range []string{
		`"\ud800 alone"`, `{"b":1,"a":[1e400,0.10,-0]}`, `"<&> é \u2028 ` + "\u2028" + `"`, `{"a":1,"a":2}`, `12345678901234567890123`,
		`"` + strings.Repeat(`\udfff`, 50_000) + `"`,
	} {
		got, err := receive(bytes.NewReader(written(t, worker.Event{Reported: &worker.Reported{Data: json.RawMessage(raw)}})))
		if err != nil {
			t.Fatal(err)
		}
		if string(got[0].Reported.Data) != raw {
			t.Errorf("%.80s became %.80s", raw, got[0].Reported.Data)
		}
	}
}

// A pong that is sent while a long message is under way overtakes it.
func TestWireUrgent(t *testing.T) {
	r, w := io.Pipe()
	c := worker.NewConn[worker.Request, worker.Event](strings.NewReader(""), w)
	lines := bufio.NewReaderSize(r, worker.MaxFrame)
	if err := c.Send(report("long", 10*worker.MaxFrame)); err != nil {
		t.Fatal(err)
	}
	if err := c.Send(report("after", 1)); err != nil {
		t.Fatal(err)
	}
	first, err := lines.ReadString('\n')
	if err != nil || !strings.HasPrefix(first, `{"part":`) {
		t.Fatalf("got %.80q, %v", first, err)
	}
	if err := c.Send(worker.Event{Pong: &worker.Ping{Seq: 1}}); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for range 30 {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, line[2:6])
		if strings.Contains(line, "after") {
			break
		}
	}
	// One or two frames may have left already.
	at := strings.Index(strings.Join(kinds, " "), "pong") / 5
	if at < 0 || at > 3 || kinds[len(kinds)-1] != "repo" {
		t.Errorf("the pong came %d frames later in %v", at, kinds)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// Send blocks when nobody reads, and is let go by Close.
func TestWireBackpressure(t *testing.T) {
	r, w := io.Pipe()
	c := worker.NewConn[worker.Request, worker.Event](strings.NewReader(""), w)
	enough, taken := make(chan struct{}), make(chan int)
	go func() {
		n := 0
		for n <= 100_000 && c.Send(report("x", 10_000)) == nil {
			if n++; n == 50 {
				close(enough)
			}
		}
		taken <- n
	}()
	// What is queued is bounded; then the peer goes away.
	<-enough
	if err := r.CloseWithError(errors.New("gone")); err != nil {
		t.Fatal(err)
	}
	if n := <-taken; n > 300 {
		t.Errorf("%d messages of 10 kB were taken that nobody read", n)
	}
	if err := c.Close(); err == nil {
		t.Error("the failed write is not reported")
	}
	if err := c.Send(report("x", 1)); err == nil {
		t.Error("a message was taken after the end")
	}
}

func TestWireTooLong(t *testing.T) {
	c := worker.NewConn[worker.Request, worker.Event](strings.NewReader(""), io.Discard)
	if err := c.Send(report("x", worker.MaxMessage)); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %v", err)
	}
	if err := c.Send(report("x", 1)); err != nil {
		t.Errorf("after that, %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Send(report("x", 1)); !errors.Is(err, worker.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestWireGarbage(t *testing.T) {
	part := `{"part":{"data":"` + strings.Repeat("QUFB", 12_000) + "\"}}\n"
	for name, tc := range map[string]struct{ in, say string }{
		"text":            {"Traceback (most recent call last):\n", `in "Traceback`},
		"empty line":      {"\n", `in "\n"`},
		"no kind":         {"{}\n", "0 known kinds"},
		"unknown kind":    {`{"future":{}}` + "\n", "0 known kinds"},
		"two kinds":       {`{"pong":{},"end":{}}` + "\n", "2 known kinds"},
		"wrong type":      {`{"pong":7}` + "\n", "cannot unmarshal"},
		"truncated":       {`{"pong":{"seq"`, "unexpected EOF"},
		"long line":       {strings.Repeat("x", worker.MaxFrame+1), "a line of more than"},
		"bad part":        {`{"part":{"data":"!"}}` + "\n", "illegal base64"},
		"garbage in part": {`{"part":{"data":"QUFB","last":true}}` + "\n", `in "AAA"`},
		"empty message":   {`{"part":{"last":true}}` + "\n", "unexpected end of JSON"},
		"endless message": {strings.Repeat(part, 500), "longer than"},
		"unfinished":      {part, "unexpected EOF"},
		"deep":            {`{"reported":{"data":` + strings.Repeat("[", 20_000) + "\n", "exceeded max depth"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := receive(strings.NewReader(tc.in))
			if err == nil || !strings.Contains(err.Error(), tc.say) || len(err.Error()) > 600 {
				t.Errorf("got %.700v, want %q", err, tc.say)
			}
		})
	}
}

// Any bytes end in events or one error: no panic, and no more memory than
// the bytes account for. What was received is the same when sent on.
func FuzzReceive(f *testing.F) {
	f.Add(written(f, worker.Event{Hello: &worker.Greeting{Version: 1}}, report("a::b", 10), worker.Event{End: &worker.End{}}))
	f.Add(written(f, report("long", 2*worker.MaxFrame)))
	f.Fuzz(func(t *testing.T, in []byte) {
		events, err := receive(bytes.NewReader(in))
		if err != nil && len(err.Error()) > 10_000 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
		var valid []worker.Event
		for _, e := range events {
			if e.Hello == nil && e.Pong == nil { // those overtake
				valid = append(valid, e)
			}
		}
		again, err := receive(bytes.NewReader(written(t, valid...)))
		if err != nil {
			t.Fatal(err)
		}
		first, _ := json.Marshal(valid)
		second, _ := json.Marshal(again)
		if !bytes.Equal(first, second) {
			t.Errorf("%s became %s", first, second)
		}
	})
}

func BenchmarkWire(b *testing.B) {
	r, w := io.Pipe()
	out := worker.NewConn[worker.Request, worker.Event](strings.NewReader(""), w)
	in := worker.NewConn[worker.Event, worker.Request](r, io.Discard)
	event := report("tests/test_some_module.py::TestClass::test_name[param]", 700)
	b.ReportAllocs()
	go func() {
		for range b.N {
			if err := out.Send(event); err != nil {
				panic(err)
			}
		}
	}()
	for range b.N {
		if _, err := in.Receive(); err != nil {
			b.Fatal(err)
		}
	}
	if err := errors.Join(out.Close(), in.Close()); err != nil {
		b.Fatal(err)
	}
}
