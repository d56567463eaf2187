package dispatch_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// BenchmarkThousandWorkers runs suites of several sizes to their end: the time
// and the memory of an event must not grow with the suite.
func BenchmarkThousandWorkers(b *testing.B) {
	for _, n := range []int{10_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			tests := make([]plan.Test, n)
			for i := range tests {
				tests[i] = plan.Test{
					ID: worker.TestID(fmt.Sprintf("test_%d", i)), File: fmt.Sprintf("file_%d", i/100), Index: i,
					Known: true, Estimate: time.Duration(1+i*7919%97) * 10 * time.Millisecond,
				}
			}
			b.ResetTimer()
			events := 0
			var took time.Duration
			var before, after runtime.MemStats
			for range b.N {
				runtime.GC()
				runtime.ReadMemStats(&before)
				d := dispatch.New(dispatch.Config{Workers: 1000})
				f := &drill{d: d, tests: tests}
				begin := time.Now()
				events += f.run()
				took += time.Since(begin)
				runtime.GC()
				runtime.ReadMemStats(&after)
				if d.Remaining() != 0 {
					b.Fatalf("%d tests remain", d.Remaining())
				}
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(events), "ns/event")
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "B/test")
		})
	}
}

// drill is a fleet that does what it is told at once, in turns.
type drill struct {
	d      *dispatch.Dispatcher
	tests  []plan.Test
	queues [1001][]leased
	events int
	done   bool
}

func (f *drill) run() int {
	f.send(0, dispatch.TestsAdded{Tests: f.tests})
	f.send(0, dispatch.InventoryComplete{})
	for w := 1; w <= 1000; w++ {
		f.send(0, dispatch.WorkerReady{Worker: dispatch.WorkerID(w), Full: true})
	}
	for now := time.Duration(0); !f.done; now += 100 * time.Millisecond {
		for w := 1; w <= 1000; w++ {
			if len(f.queues[w]) == 0 {
				continue
			}
			l := f.queues[w][0]
			f.queues[w] = f.queues[w][1:]
			id := dispatch.WorkerID(w)
			f.send(now, dispatch.TestStarted{Worker: id, Token: l.token, Test: l.id})
			f.send(now, dispatch.TestFinished{Worker: id, Token: l.token, Test: l.id, Outcome: worker.Passed, Call: 100 * time.Millisecond})
		}
	}
	return f.events
}

func (f *drill) send(now time.Duration, in dispatch.Input) {
	f.events++
	for _, c := range f.d.Handle(now, in).Commands {
		switch c := c.(type) {
		case dispatch.Hand:
			for _, r := range c.Tests {
				f.queues[c.Worker] = append(f.queues[c.Worker], leased{r.ID, c.Token})
			}
		case dispatch.TakeBack:
			var back []worker.TestID
			kept := f.queues[c.Worker][:0]
			for _, l := range f.queues[c.Worker] {
				if contains(c.Tests, l.id) {
					back = append(back, l.id)
				} else {
					kept = append(kept, l)
				}
			}
			f.queues[c.Worker] = kept
			f.send(now, dispatch.TestsReturned{Worker: c.Worker, Tests: back})
		case dispatch.Done:
			f.done = true
		}
	}
}

func contains(ids []worker.TestID, id worker.TestID) bool {
	for _, i := range ids {
		if i == id {
			return true
		}
	}
	return false
}
