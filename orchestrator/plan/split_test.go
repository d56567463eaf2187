package plan_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

// Tests of no file keep no other company: a split by file does not bind them.
func TestTestsOfNoFile(t *testing.T) {
	for _, split := range []plan.Split{plan.ByTime, plan.ByFile, plan.ByDirectory} {
		var tests []plan.Test
		for i := range 8 {
			tests = append(tests, plan.Test{ID: worker.TestID(fmt.Sprint(i)), Index: i, Estimate: time.Second})
		}
		for i, s := range plan.Balance(tests, plan.Params{Workers: 4, Split: split}).Shards {
			if s.Load != 2*time.Second {
				t.Errorf("split %d: worker %d has %s of 8s", split, i, s.Load)
			}
		}
	}
}
