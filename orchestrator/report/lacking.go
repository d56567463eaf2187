package report

import (
	"cmp"
	"slices"

	"github.com/shardyard/shardyard/worker"
)

// Lacking returns what the failures of the run say is not there, without words:
// what the most failures name first.
func (s *State) Lacking() []Advised {
	var all []Advised
	at := map[worker.Lack]int{}
	of := func(l worker.Lack) *Advised {
		i, ok := at[l]
		if !ok {
			i = len(all)
			at[l] = i
			all = append(all, Advised{Lack: l})
		}
		return &all[i]
	}
	for _, f := range s.faults {
		if f.Lack != nil {
			of(*f.Lack)
		}
	}
	for _, l := range s.discovered.Lacks {
		of(l).Files++
	}
	for _, t := range s.tests {
		if last := t.Last(); t.Verdict == Fail && last != nil && last.Lack != nil {
			of(*last.Lack).Tests++
		}
	}
	slices.SortFunc(all, func(a, b Advised) int {
		return cmp.Or(cmp.Compare(b.Tests+b.Files, a.Tests+a.Files), cmp.Compare(a.Lack.Kind, b.Lack.Kind), cmp.Compare(a.Lack.Name, b.Lack.Name))
	})
	return all
}
