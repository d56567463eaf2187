package plan

import (
	"cmp"
	"slices"
)

// Strands returns the first file of each file's strand. A strand is files whose
// tests interleave in the suite's order, as where a fixture of wider scope has
// parameters: the smallest stretch of the suite that cuts no file. Most files are
// their own.
func Strands(tests []Test) map[string]string {
	type span struct {
		file     string
		from, to int
	}
	var spans []*span
	of := map[string]*span{}
	for i := range tests {
		t := &tests[i]
		if t.File == "" {
			continue
		}
		s := of[t.File]
		if s == nil {
			s = &span{t.File, t.Index, t.Index}
			of[t.File] = s
			spans = append(spans, s)
		}
		s.from, s.to = min(s.from, t.Index), max(s.to, t.Index)
	}
	slices.SortFunc(spans, func(a, b *span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.file, b.file)) })
	strands := make(map[string]string, len(spans))
	var strand span
	for i, s := range spans {
		if i == 0 || s.from > strand.to {
			strand = *s
		}
		strand.to = max(strand.to, s.to)
		strands[s.file] = strand.file
	}
	return strands
}
