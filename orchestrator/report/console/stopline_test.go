package console

import (
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

func TestStopLine(t *testing.T) {
	grace := report.Duration(3 * time.Second)
	for want, s := range map[string]report.Stopped{
		"stopping: running tests get 3 s; Ctrl-C again ends at once":                   {Reason: "interrupted", Signal: "interrupt", Grace: grace},
		"stopping: running tests get 3 s":                                              {Reason: "interrupted", Signal: "terminated", Grace: grace},
		"stopping: interrupted":                                                        {Reason: "interrupted", Signal: "interrupt"}, // twice
		"stopping: after 2 failures":                                                   {Reason: "after 2 failures"},
		"stopping: the run took longer than --run-timeout 1m0s; running tests get 3 s": {Reason: "the run took longer than --run-timeout 1m0s", Grace: grace},
	} {
		if got := stopLine(s); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
