package orchestrator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// Where a worker is far away, more tests wait there, so that it need not wait
// for the next ones.
func TestAFarWorkerIsHandedMore(t *testing.T) {
	const tests, took, lag = 60, 100 * time.Millisecond, 400 * time.Millisecond
	h := &fakeHistory{samples: history.Samples{Tests: map[worker.TestID][]history.Sample{}}}
	var names []string
	for i := range tests {
		name := fmt.Sprintf("t%02d", i)
		names = append(names, name)
		h.samples.Tests[worker.TestID(name)] = []history.Sample{{Outcome: worker.Passed, Call: took}}
	}
	s := suiteOf("a.py " + strings.Join(names, " "))
	for _, name := range names {
		s.on(worker.TestID(name), fate{took: took})
	}
	x := try(t, s, func(x *trial) { x.req.Workers, x.deps.History, x.engine.lag = 1, h, lag })
	x.ends(t, report.ExitGreen, strings.Join(names, " passed, ")+" passed")
	// One test at a time behind the running one would take 19 s; what is left
	// besides the tests is some fourteen messages, most before the first test.
	if bound := tests * took; x.took > bound+15*lag {
		t.Errorf("%s of tests took %s, with messages that take %s", bound, x.took, lag)
	}
}
