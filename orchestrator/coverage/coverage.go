// Package coverage judges the combined coverage of a run: it reads totals that
// a framework's own tool wrote, decides whether they are complete, and holds
// them against a limit.
//
// It is pure: it starts no program and combines nothing. Which lines count is
// the business of the framework's tool, whose words it takes.
package coverage

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Counts are of lines, or of branches.
type Counts struct {
	Covered int `json:"covered"`
	Total   int `json:"total"`
}

// Totals are what a run covered altogether. Branches are zero when they were
// not measured.
type Totals struct {
	Lines    Counts `json:"lines"`
	Branches Counts `json:"branches"`
}

// Percent is the share of lines and branches together, as coverage.py counts
// it: 100 when there are none.
func (t Totals) Percent() float64 {
	total := t.Lines.Total + t.Branches.Total
	if total == 0 {
		return 100
	}
	return 100 * float64(t.Lines.Covered+t.Branches.Covered) / float64(total)
}

// valid reports counts that cannot be.
func (t Totals) valid() error {
	for _, c := range []struct {
		of string
		Counts
	}{{"lines", t.Lines}, {"branches", t.Branches}} {
		if c.Covered < 0 || c.Total < 0 || c.Covered > c.Total {
			return fmt.Errorf("%d of %d %s are covered", c.Covered, c.Total, c.of)
		}
	}
	return nil
}

// A Limit is the least coverage that passes. Percent is from 0 to 100;
// Precision is the decimals to which coverage is rounded before the two are
// compared.
type Limit struct {
	Percent   float64
	Precision int
}

// Passes says whether percent is enough, by the rule of coverage.py: 100 is
// only reached by 100.
func (l Limit) Passes(percent float64) bool {
	if l.Percent == 100 {
		return percent == 100
	}
	return round(percent, l.Precision) >= l.Percent
}

// round rounds half to even, on the decimal digits, as Python does.
func round(x float64, precision int) float64 {
	precision = min(max(precision, 0), 15)
	if precision == 0 {
		return math.RoundToEven(x)
	}
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'f', precision, 64), 64)
	if err != nil {
		return x // infinite or no number
	}
	return y
}

// Format is percent for people. It says 0 or 100 only when that is exact.
func Format(percent float64, precision int) string {
	precision = min(max(precision, 0), 15)
	least := math.Pow(10, -float64(precision))
	switch {
	case percent > 0 && percent < least:
		percent = least
	case percent < 100 && percent > 100-least:
		percent = 100 - least
	}
	return strconv.FormatFloat(percent, 'f', precision, 64)
}

// A Verdict is the last word on a run's coverage.
type Verdict struct {
	Totals
	Limit *Limit // nil: none
	// Complete is false when a worker's part is missing: then the run is not
	// green, whatever the percentage. Reason says why.
	Complete bool
	Reason   string
}

// Judge makes the verdict. missing are the reasons why parts are missing.
func Judge(t Totals, limit *Limit, missing []string) Verdict {
	return Verdict{Totals: t, Limit: limit, Complete: len(missing) == 0, Reason: strings.Join(missing, "; ")}
}

// Passes says whether the limit, if any, is reached. What is not complete
// passes no limit.
func (v Verdict) Passes() bool {
	return v.Limit == nil || v.Complete && v.Limit.Passes(v.Percent())
}

// String is the verdict in a few words: "87.4 %", "INCOMPLETE (worker-2: its
// coverage file is empty)", "81.0 %, less than 85 %".
func (v Verdict) String() string {
	if !v.Complete {
		return "INCOMPLETE (" + v.Reason + ")"
	}
	precision := 1
	if v.Limit != nil {
		precision = max(precision, v.Limit.Precision)
	}
	text := Format(v.Percent(), precision) + " %"
	if !v.Passes() {
		text += fmt.Sprintf(", less than %s %%", strconv.FormatFloat(v.Limit.Percent, 'f', -1, 64))
	}
	return text
}
