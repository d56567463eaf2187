package coverage

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestPercent(t *testing.T) {
	for name, tc := range map[string]struct {
		Totals
		want float64
	}{
		"nothing to cover": {Totals{}, 100},
		"lines only":       {Totals{Lines: Counts{3, 4}}, 75},
		"with branches":    {Totals{Lines: Counts{20, 24}, Branches: Counts{10, 12}}, 100 * 30. / 36},
		"none":             {Totals{Lines: Counts{0, 4}}, 0},
	} {
		if got := tc.Percent(); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

// The cases are coverage.py's own rule, asked of coverage.results.should_fail_under.
func TestLimit(t *testing.T) {
	for _, tc := range []struct {
		percent   float64
		limit     float64
		precision int
		passes    bool
	}{
		{50, 50, 0, true},
		{49.5, 50, 0, true}, // half to even: 50
		{50.5, 51, 0, false},
		{49.4, 50, 0, false},
		{49.94, 50, 1, false},
		{49.95, 50, 1, true},
		{49.9, 50, 1, false},
		{99.99, 100, 0, false}, // 100 is only reached by 100
		{100, 100, 0, true},
		{99.8, 99.9, 1, false},
		{99.86, 99.9, 1, true},
		{0, 0, 0, true},
	} {
		if got := (Limit{tc.limit, tc.precision}).Passes(tc.percent); got != tc.passes {
			t.Errorf("%v %% against %v with %d decimals: %v", tc.percent, tc.limit, tc.precision, got)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, tc := range []struct {
		percent   float64
		precision int
		want      string
	}{
		{87.36, 1, "87.4"}, {100, 0, "100"}, {99.99, 0, "99"}, {99.99, 1, "99.9"}, {0.001, 0, "1"}, {0, 2, "0.00"}, {50, -1, "50"},
	} {
		if got := Format(tc.percent, tc.precision); got != tc.want {
			t.Errorf("Format(%v, %d) is %q, want %q", tc.percent, tc.precision, got, tc.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	totals := Totals{Lines: Counts{81, 100}}
	for _, tc := range []struct {
		limit   *Limit
		missing []string
		text    string
		passes  bool
	}{
		{nil, nil, "81.0 %", true},
		{&Limit{Percent: 80}, nil, "81.0 %", true},
		{&Limit{Percent: 85}, nil, "81.0 %, less than 85 %", false},
		{&Limit{Percent: 85.5, Precision: 2}, nil, "81.00 %, less than 85.5 %", false},
		{nil, []string{"a", "b"}, "INCOMPLETE (a; b)", true},
		{&Limit{Percent: 80}, []string{"worker-2: its coverage file is empty"}, "INCOMPLETE (worker-2: its coverage file is empty)", false},
	} {
		v := Judge(totals, tc.limit, tc.missing)
		if v.String() != tc.text || v.Passes() != tc.passes || v.Complete != (tc.missing == nil) {
			t.Errorf("%+v with %v: %q, passes %v", tc.limit, tc.missing, v, v.Passes())
		}
	}
}

func TestLimitProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := Limit{rapid.Float64Range(0, 100).Draw(t, "limit"), rapid.IntRange(-1, 20).Draw(t, "precision")}
		low := rapid.Float64Range(0, 100).Draw(t, "low")
		high := rapid.Float64Range(low, 100).Draw(t, "high")
		if limit.Passes(low) && !limit.Passes(high) {
			t.Fatalf("%v passes and %v does not", low, high)
		}
		if !limit.Passes(100) {
			t.Fatal("100 does not pass")
		}
		if limit.Percent == 100 && limit.Passes(math.Nextafter(100, 0)) {
			t.Fatal("less than 100 passes as 100")
		}
	})
}
