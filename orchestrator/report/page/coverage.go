package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A coverRow is a measured file.
type coverRow struct {
	Path           string
	Lines, Missing int
	Percent        float64
	Share          string
	Ranges         string // the missing lines
	Source         int    // its number among the sources of the payload; -1 for none
}

// coverage shows what was measured; kept are its files whose text the page has.
func (v *view) coverage(d Data, kept []File) {
	if len(d.Coverage) == 0 {
		return
	}
	lines, missing, whole := 0, 0, 0
	files := d.lacking()
	for _, f := range files {
		lines, missing = lines+f.Lines, missing+len(f.Missing)
		if len(f.Missing) == 0 {
			whole++
		}
	}
	v.Covered = fmt.Sprintf("%s of %s did not run, in %s; %s covered in full.", report.Number(missing), report.Count(lines, "line", "lines"),
		report.Count(len(files)-whole, "file", "files"), report.Count(whole, "file is", "files are"))
	for i, f := range files {
		if i == maxFiles {
			v.MoreRows = len(files) - maxFiles
			break
		}
		row := coverRow{Path: f.Path, Lines: f.Lines, Missing: len(f.Missing), Percent: 100, Ranges: ranges(f.Missing), Source: -1}
		if f.Lines > 0 {
			row.Percent = 100 * float64(f.Lines-len(f.Missing)) / float64(f.Lines)
		}
		row.Share = fmt.Sprintf("%.1f %%", row.Percent)
		row.Source = slices.IndexFunc(kept, func(k File) bool { return k.Path == f.Path })
		v.Coverage = append(v.Coverage, row)
	}
}

// lacking are the measured files, those that lack the most first.
func (d Data) lacking() []File {
	files := slices.Clone(d.Coverage)
	slices.SortFunc(files, func(a, b File) int { return cmp.Or(len(b.Missing)-len(a.Missing), cmp.Compare(a.Path, b.Path)) })
	return files
}

// sources are the files whose text the page has: those that lack the most, as far as
// there is room.
func sources(d Data, lean lean) (kept []File) {
	if lean.sources {
		return nil
	}
	files := d.lacking()
	room := maxSources
	for _, f := range files[:min(len(files), maxFiles)] {
		if room -= len(f.Source); room < 0 {
			break
		}
		if f.Source != "" && len(f.Missing) > 0 {
			kept = append(kept, f)
		}
	}
	return kept
}

// ranges returns lines in words: "3–7, 12".
func ranges(lines []int) string {
	var parts []string
	for i := 0; i < len(lines); {
		k := i
		for k+1 < len(lines) && lines[k+1] == lines[k]+1 {
			k++
		}
		if k > i {
			parts = append(parts, fmt.Sprintf("%d–%d", lines[i], lines[k]))
		} else {
			parts = append(parts, fmt.Sprint(lines[i]))
		}
		i = k + 1
	}
	if n := len(parts) - 60; n > 0 {
		parts = append(parts[:60], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(parts, ", ")
}
