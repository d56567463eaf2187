package console

import (
	"bytes"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// TestWhatAnExcusedSessionSaidIsNotShown: hooks that saw a share of the tests only
// complain, and the conclusion, which saw all, does not.
func TestWhatAnExcusedSessionSaidIsNotShown(t *testing.T) {
	for name, c := range map[string]struct {
		concluded report.Concluded
		want      int
	}{
		"excused":              {report.Concluded{Excused: []string{"worker-1", "worker-2"}}, 0},
		"the first is":         {report.Concluded{Excused: []string{"worker-1"}}, 1},
		"not excused":          {report.Concluded{}, 1},
		"pytest is not either": {report.Concluded{Code: 1, Excused: []string{"worker-1", "worker-2"}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			view, err := New(Plain, Screen{Out: &out})
			if err != nil {
				t.Fatal(err)
			}
			for i, b := range []report.Body{
				report.WorkerClosed{Worker: 1, Code: 1, Unexplained: true, Closing: "3 snapshots unused"},
				report.WorkerClosed{Worker: 2, Code: 1, Unexplained: true, Closing: "3 snapshots unused"},
				c.concluded, report.RunFinished{},
			} {
				view.Handle(report.Event{Seq: int64(i + 1), Body: b})
			}
			if n := strings.Count(out.String(), "3 snapshots unused"); n != c.want {
				t.Errorf("shown %d times, want %d, in\n%s", n, c.want, out.String())
			}
		})
	}
}
