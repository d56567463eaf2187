package worker_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
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

// report is an event with so many bytes of data.
func report(id string, size int) worker.Event {
	return worker.Event{Reported: &worker.Reported{Test: worker.TestID(id), Kind: "report", Data: bytes.Repeat([]byte("x"), size)}}
}

// list is an event whose line has at least so many bytes.
func list(file string, size int) worker.Event {
	return worker.Event{Discovered: &worker.Discovered{File: file, Items: []worker.Item{{ID: worker.TestID(strings.Repeat("x", size))}}}}
}

func TestWireRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sent []worker.Event
		size := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(worker.MaxFrame-200, worker.MaxFrame), rapid.IntRange(0, worker.MaxFrame))
		long := rapid.OneOf(rapid.IntRange(worker.MaxFrame-200, worker.MaxFrame+200), rapid.IntRange(0, 150_000))
		for range rapid.IntRange(0, 6).Draw(t, "events") {
			id := rapid.String().Draw(t, "id")
			if rapid.Bool().Draw(t, "a list") {
				sent = append(sent, list(id, long.Draw(t, "line")))
				continue
			}
			event := report(id, size.Draw(t, "data"))
			if rapid.Bool().Draw(t, "a long id") {
				event.Reported.Test = worker.TestID(strings.Repeat("y", long.Draw(t, "line")))
			}
			sent = append(sent, event)
		}
		wire := written(t, sent...)
		frames(t, wire)
		got, err := receive(bytes.NewReader(wire))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range got {
			if e.Reported != nil && e.Reported.Data == nil {
				e.Reported.Data = []byte{} // as it was sent
			}
		}
		if !reflect.DeepEqual(sent, got) { // quicker than cmp.Diff, which is for people
			t.Errorf("%d events came back as %d others", len(sent), len(got))
		}
	})
}

// frames reads a stream as a person would: lines of JSON that say how much is
// behind them. It returns the lines, without those that parts make.
func frames(t interface{ Fatalf(string, ...any) }, wire []byte) (lines []string) {
	type head struct {
		Part *struct{ Last bool }
		Size int
	}
	read := func(line []byte) (h head) {
		if err := json.Unmarshal(line, &h); err != nil || h.Size > worker.MaxFrame {
			t.Fatalf("a line of %d bytes with %d of data, which begins %.80q: %v", len(line), h.Size, line, err)
		}
		return h
	}
	behind := func(size int) []byte {
		if size == 0 {
			return nil
		}
		data := wire[:size]
		if wire[size] != '\n' {
			t.Fatalf("%d bytes that begin %.80q do not end in a line end", size, data)
		}
		wire = wire[size+1:]
		return data
	}
	var long []byte
	for len(wire) > 0 {
		line, rest, ok := bytes.Cut(wire, []byte("\n"))
		if !ok || len(line) >= worker.MaxFrame {
			t.Fatalf("a line of %d bytes, which begins %.80q", len(line), line)
		}
		wire = rest
		lines = append(lines, string(line))
		h := read(line)
		data := behind(h.Size)
		if h.Part == nil {
			continue
		}
		if long = append(long, data...); h.Part.Last {
			behind(read(long).Size)
			long = nil
		}
	}
	return lines
}

// What a framework reports passes as it is, whatever it is.
func TestWireDataUntouched(t *testing.T) {
	for _, raw := range []string{
		`"\ud800 alone"`, `{"b":1,"a":[1e400,0.10,-0]}`, `"<&> é \u2028 ` + "\u2028" + `"`, `{"a":1,"a":2}`, `not JSON: {`, "\n\n\x00\xff\n",
		strings.Repeat("\n", worker.MaxFrame),
	} {
		got, err := receive(bytes.NewReader(written(t, worker.Event{Reported: &worker.Reported{Data: []byte(raw)}}, report("next", 1))))
		if err != nil {
			t.Fatal(err)
		}
		if string(got[0].Reported.Data) != raw || len(got) != 2 {
			t.Errorf("%.80q became %.80q", raw, got[0].Reported.Data)
		}
	}
}

// A pong that is sent while a long message, or many, are under way overtakes
// them.
func TestWireUrgent(t *testing.T) {
	pieces := make([]worker.Event, 10)
	for i := range pieces {
		pieces[i] = report("long", worker.MaxFrame)
	}
	for name, long := range map[string][]worker.Event{"a long line": {list("long", 10*worker.MaxFrame)}, "long data": pieces} {
		t.Run(name, func(t *testing.T) {
			r, w := io.Pipe()
			c := worker.NewConn[worker.Request, worker.Event](strings.NewReader(""), w)
			for _, e := range append(long, report("after", 1)) {
				if err := c.Send(e); err != nil {
					t.Fatal(err)
				}
			}
			first := make([]byte, 1)
			if _, err := r.Read(first); err != nil { // the first frame is under way
				t.Fatal(err)
			}
			if err := c.Send(worker.Event{Pong: &worker.Ping{Seq: 1}}); err != nil {
				t.Fatal(err)
			}
			rest := make(chan []byte)
			go func() {
				read, _ := io.ReadAll(r)
				rest <- read
			}()
			if err := errors.Join(c.Close(), w.Close()); err != nil {
				t.Error(err)
			}
			lines := frames(t, append(first, <-rest...))
			// One or two frames may have left already.
			at := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "pong") })
			if at < 0 || at > 3 || len(lines) < 10 || !strings.Contains(lines[len(lines)-1], "after") {
				t.Errorf("the pong is frame %d of %.20q", at, lines)
			}
		})
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
	for _, e := range []worker.Event{list("x", worker.MaxMessage), report("x", worker.MaxFrame+1)} {
		if err := c.Send(e); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("got %v", err)
		}
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
	part := fmt.Sprintf(`{"part":{},"size":%d}`+"\n%s\n", worker.MaxFrame, strings.Repeat("x", worker.MaxFrame))
	for name, tc := range map[string]struct{ in, say string }{
		"text":            {"Traceback (most recent call last):\n", `in "Traceback`},
		"empty line":      {"\n", `in "\n"`},
		"no kind":         {"{}\n", "0 known kinds"},
		"unknown kind":    {`{"future":{}}` + "\n", "0 known kinds"},
		"two kinds":       {`{"pong":{},"end":{}}` + "\n", "2 known kinds"},
		"wrong type":      {`{"pong":7}` + "\n", "cannot unmarshal"},
		"truncated":       {`{"pong":{"seq"`, "unexpected EOF"},
		"long line":       {strings.Repeat("x", worker.MaxFrame+1), "a line of more than"},
		"long data":       {`{"reported":{},"size":65537}` + "\n", "65537 bytes of data, more than"},
		"negative data":   {`{"reported":{},"size":-1}` + "\n", "-1 bytes of data"},
		"data of none":    {`{"pong":{},"size":1}` + "\nx\n", "which has none"},
		"data cut":        {`{"reported":{},"size":5}` + "\nabc", "unexpected EOF after 3 of 5"},
		"no data":         {`{"reported":{},"size":5}` + "\n", "unexpected EOF after 0 of 5"},
		"more data":       {`{"reported":{},"size":2}` + "\nabc\n", "more than 2 bytes"},
		"bad part":        {`{"part":{"last":1}}` + "\n", "cannot unmarshal"},
		"long part":       {`{"part":{},"size":65537}` + "\n", "65537 bytes of data, more than"},
		"part cut":        {`{"part":{},"size":7}` + "\nabc", "unexpected EOF after 3 of 7"},
		"garbage in part": {`{"part":{"last":true},"size":3}` + "\nAAA\n", `in "AAA"`},
		"empty message":   {`{"part":{"last":true}}` + "\n\n", "unexpected end of JSON"},
		"endless message": {strings.Repeat(part, 300), "longer than"},
		"unfinished":      {part, "unexpected EOF"},
		"deep":            {`{"discovered":{"reports":` + strings.Repeat("[", 20_000) + "\n", "exceeded max depth"},
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
	f.Add(written(f, report("long", worker.MaxFrame), list("long", 2*worker.MaxFrame)))
	f.Add(written(f, worker.Event{Output: &worker.Output{Stream: "stdout", Data: []byte("{\"pong\":{}}\n")}},
		worker.Event{File: &worker.Chunk{ID: 1, Path: "a", Data: []byte{0, '\n', 0xff}, Last: true}}))
	f.Add([]byte(`{"part":{"last":false},"size":5}` + "\n" + `{"end"` + "\n" + `{"part":{"last":true},"size":5}` + "\n:{}}\n\n"))
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
		first, second := written(t, valid...), written(t, again...)
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
