package plan_test

import (
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/worker"
)

const ms = time.Millisecond

func TestEstimate(t *testing.T) {
	past := plan.Past{
		Samples: func(id worker.TestID) []plan.Sample {
			return map[worker.TestID][]plan.Sample{
				"once":   {{Setup: 10 * ms, Call: 80 * ms, Teardown: 10 * ms}},
				"thrice": {{Call: 100 * ms}, {Call: 200 * ms}, {Call: 400 * ms}},
				"first":  {{Setup: 900 * ms, Call: 100 * ms, First: true}},
				"lucky":  {{Setup: 100 * ms, Call: 50 * ms, First: true}},
			}[id]
		},
		Fixtures: map[string]time.Duration{"f": 800 * ms},
		PerTest:  5 * ms,
	}
	for _, c := range []struct {
		id, file  string
		want, key time.Duration
		known     bool
		why       string
	}{
		{"once", "a", 105 * ms, 105 * ms, true, "one sample is taken as it is: setup, call and teardown; and what every test takes besides"},
		{"thrice", "a", 280 * ms, 280 * ms, true, "each run weighs half of all before it: ((100+200)/2+400)/2"},
		{"first", "f", 205 * ms, 205 * ms, true, "the file's fixtures are left out"},
		{"lucky", "f", 55 * ms, 55 * ms, true, "less than the fixtures is no setup at all"},
		{"new", "f", 130 * ms, 280 * ms, false, "the mean of its file; queued among the longest"},
		{"alien", "z", 161250 * time.Microsecond, 280 * ms, false, "the mean of the suite"},
	} {
		all := []plan.Test{{ID: "once", File: "a"}, {ID: "thrice", File: "a"}, {ID: "first", File: "f"}, {ID: "lucky", File: "f"}, {ID: "new", File: "f"}, {ID: "alien", File: "z"}}
		for _, got := range plan.Estimate(all, past) {
			if string(got.ID) == c.id && (got.Estimate != c.want || got.Known != c.known || got.Key != c.key) {
				t.Errorf("%s: estimate %s, key %s, known %v; want %s, %s, %v: %s", c.id, got.Estimate, got.Key, got.Known, c.want, c.key, c.known, c.why)
			}
		}
	}
}

func TestWithoutHistoryEveryTestIsTakenToBeTheSame(t *testing.T) {
	for _, got := range plan.Estimate([]plan.Test{{ID: "a"}, {ID: "b"}}, plan.Past{PerTest: ms}) {
		if got.Estimate != plan.DefaultEstimate || got.Known {
			t.Errorf("%s: estimate %s, known %v", got.ID, got.Estimate, got.Known)
		}
	}
}
