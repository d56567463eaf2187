package orchestrator

import (
	"cmp"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
)

// A missing is the reason why files of a worker (coverage data) are missing.
type missing struct {
	worker dispatch.WorkerID
	why    string
}

// inWords returns the reasons as sentences for people, each once with its workers:
// "worker-1, worker-2: x".
func inWords(all []missing) []string {
	all = slices.SortedFunc(slices.Values(all), func(a, b missing) int { return cmp.Compare(a.worker, b.worker) })
	var reasons []string
	names := map[string][]string{}
	for _, m := range all {
		if names[m.why] == nil {
			reasons = append(reasons, m.why)
		}
		names[m.why] = append(names[m.why], report.WorkerName(int(m.worker)))
	}
	for i, why := range reasons {
		reasons[i] = strings.Join(names[why], ", ") + ": " + why
	}
	return reasons
}
