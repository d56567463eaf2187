package orchestrator

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/worker"
)

// TestBudget sends each kind of message until it is too much.
func TestBudget(t *testing.T) {
	data := make([]byte, worker.MaxFrame)
	started := &worker.Started{Test: "a"}
	for _, c := range []struct {
		name  string
		event worker.Event
		line  int
		often int // before it is too much
		want  string
	}{
		{"tests", worker.Event{Discovered: &worker.Discovered{Items: make([]worker.Item, 1000)}}, 1000, maxTests / 1000, "500 000 tests"},
		{"long ids", worker.Event{Discovered: &worker.Discovered{Items: make([]worker.Item, 1)}}, 1 << 20, maxListed >> 20, "lists of tests longer than"},
		{"errors of the collection", worker.Event{Collected: &worker.Collected{}}, 16 << 20, maxListed >> 24, "lists of tests longer than"},
		{"reports", worker.Event{Reported: &worker.Reported{Data: data}}, 0, maxReports / len(data), "reports of more than"},
		{"empty reports", worker.Event{Reported: &worker.Reported{}}, 1 << 10, maxSaid>>10 + (maxSaidOfTest+8)>>10, "of messages for the"},
		{"results of nothing", worker.Event{Started: started}, 1 << 10, maxSaid>>10 + (maxSaidOfTest+8)>>10, "of messages for the"},
		{"long reasons", worker.Event{Opened: &worker.Opened{}}, 16 << 20, maxSaid >> 24, "of messages for the"},
		{"output", worker.Event{Output: &worker.Output{Data: data}}, 100, 1_000_000, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBudget(0)
			b.handed([]worker.Ref{{ID: "a"}})
			for i := range c.often {
				e := c.event
				if e.Output != nil {
					e.Output = &worker.Output{Data: data}
				}
				if err := b.charge(&e, c.line); err != nil {
					t.Fatalf("at number %d of %d: %v", i, c.often, err)
				}
			}
			if c.want == "" {
				return
			}
			err := b.charge(&c.event, c.line)
			if over := (*BudgetError)(nil); !errors.As(err, &over) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, not %q", err, c.want)
			}
		})
	}
}

// TestOrdinaryWorkersAreWithinTheBudget: a worker that runs all of a large suite, of
// which every test fails at length.
func TestOrdinaryWorkersAreWithinTheBudget(t *testing.T) {
	b := newBudget(0)
	id := worker.TestID("tests/unit/test_module.py::TestClass::test_something[" + strings.Repeat("x", 150) + "]")
	for range 200_000 {
		b.handed([]worker.Ref{{ID: id}})
		for _, e := range []worker.Event{
			{Discovered: &worker.Discovered{Items: make([]worker.Item, 1)}}, {Started: &worker.Started{Test: id}}, {Reported: &worker.Reported{Test: id, Data: make([]byte, 8000)}},
			{Finished: &worker.Finished{Test: id, Message: strings.Repeat("m", 500)}}, {Finished: &worker.Finished{Test: id, Message: strings.Repeat("m", 500)}},
		} {
			if err := b.charge(&e, 1000); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestOutputIsCut keeps count of what is left out.
func TestOutputIsCut(t *testing.T) {
	b := newBudget(2 << 20)
	kept := int64(0)
	for range 1000 {
		e := worker.Event{Output: &worker.Output{Data: make([]byte, worker.MaxFrame)}}
		if err := b.charge(&e, 50); err != nil {
			t.Fatal(err)
		}
		kept += int64(len(e.Output.Data))
	}
	if kept != 32<<20 || b.cut() != 1000*worker.MaxFrame-32<<20 {
		t.Errorf("kept %d and left out %d", kept, b.cut())
	}
}

func TestMessagesAreCut(t *testing.T) {
	e := worker.Event{Finished: &worker.Finished{Message: strings.Repeat("é", 10_000)}}
	if err := newBudget(0).charge(&e, 20_000); err != nil {
		t.Fatal(err)
	}
	if m := e.Finished.Message; len(m) > maxMessage+3 || !strings.HasSuffix(m, "é...") {
		t.Errorf("%d bytes that end in %q", len(m), m[len(m)-8:])
	}
}

// TestFloods has an agent send without end, as fast as it can, what nobody has asked
// for. The coordinator's memory stays small, and the worker is lost for that reason.
func TestFloods(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"starts", `{"started":{"test":"tests/test_a.py::test_a","token":7}}` + "\n", "of messages for the"},
		{"ids", `{"discovered":{"file":"f","items":[` + strings.Repeat(`{"id":"a"},`, 999) + `{"id":"a"}],"more":true}}` + "\n", "500 000 tests"},
		{"lists of nothing", longLine(`{"discovered":{"items":[` + strings.Repeat(`{},`, 5_000_000) + `{}]}}`), "values, more than"},
		{"output", `{"output":{"stream":"stdout"},"size":1000}` + "\n" + strings.Repeat("x", 1000) + "\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			b := newBudget(0)
			client := worker.NewClient(ours, worker.ClientOptions{Charge: b.charge})
			done := make(chan struct{})
			go func() {
				defer close(done)
				w := bufio.NewWriterSize(theirs, 1<<20)
				for i := 0; c.want != "" || i < 100_000; i++ { // until nobody reads
					if _, err := w.WriteString(c.line); err != nil {
						return
					}
				}
				_ = errors.Join(w.Flush(), theirs.Close()) // who reads counts
			}()
			var before, now runtime.MemStats
			runtime.ReadMemStats(&before)
			kept, peak := 0, uint64(0)
			for events := range client.Events() {
				for _, e := range events {
					if e.Output != nil {
						kept += len(e.Output.Data)
					}
				}
				if peak++; peak%1000 == 0 {
					runtime.ReadMemStats(&now)
					if now.HeapInuse > before.HeapInuse+64<<20 {
						t.Fatalf("%d MB of memory", now.HeapInuse>>20)
					}
				}
			}
			client.Close()
			<-done
			if err := client.Err(); c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, not %q", err, c.want)
			}
			if c.want == "" && (kept != outputTimes<<20 || b.cut() != 100_000_000-outputTimes<<20) {
				t.Errorf("kept %d bytes and left out %d", kept, b.cut())
			}
		})
	}
}

// longLine is a message as it travels when it is longer than a frame.
func longLine(line string) string {
	var b strings.Builder
	for line += "\n"; len(line) > worker.MaxFrame; line = line[worker.MaxFrame:] {
		fmt.Fprintf(&b, "{\"part\":{},\"size\":%d}\n%s\n", worker.MaxFrame, line[:worker.MaxFrame])
	}
	fmt.Fprintf(&b, "{\"part\":{\"last\":true},\"size\":%d}\n%s\n", len(line), line)
	return b.String()
}

// TestGateShutsOnAFlood: the closing text is shown as far as it can be read.
func TestGateShutsOnAFlood(t *testing.T) {
	var g gate
	stirred, out := 0, &counted{}
	g.open(out, func() { stirred++ })
	piece := make([]byte, 1<<20)
	for range 2 * maxText >> 20 {
		g.write(piece)
	}
	if out.n < maxText || out.n > maxText+1000 || stirred != maxText>>20+1 || !strings.Contains(out.last, "leaves out") {
		t.Errorf("%d bytes, %d signs of life, at last %q", out.n, stirred, out.last)
	}
}

type counted struct {
	n    int
	last string
}

var _ io.Writer = (*counted)(nil)

// Write implements io.Writer.
func (c *counted) Write(p []byte) (int, error) {
	if c.n += len(p); len(p) > 0 && len(p) < 1000 {
		c.last = string(p)
	}
	return len(p), nil
}

// TestTailOfAFlood: a command that prints without a line end takes no memory.
func TestTailOfAFlood(t *testing.T) {
	said := 0
	to := tail{say: func(s string) { said += len(s) }}
	for range 100_000 {
		to.take(worker.Output{Data: []byte(strings.Repeat("x", 1000))})
	}
	if len(to.part) > 2*tailLine || said > tailSaid || said < tailSaid-tailLine || len(to.String()) > 2*tailLines*tailLine {
		t.Errorf("%d bytes wait, %d were shown, %d are in the error", len(to.part), said, len(to.String()))
	}
}
