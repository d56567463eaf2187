package orchestrator

import (
	"testing"
)

// A worker's report goes to where an option says, and to no other file that the
// arguments name.
func TestAsked(t *testing.T) {
	for _, c := range []struct {
		report string
		args   []string
		want   string
	}{
		{"out/r.html", []string{"-v", "--html=out/r.html"}, "out/r.html"},
		{"out/r.html", []string{"--html", "./out/r.html", "tests"}, "./out/r.html"},
		{"r.json", []string{"--json-report-file", "/elsewhere/r.json"}, "/elsewhere/r.json"},
		{"r.json", []string{"--json-report-file", "../r.json"}, "../r.json"},
		{"out/r.json", []string{"--json-report-file", "/elsewhere/r.json"}, ""},
		{"r.html", nil, ""},
		{"docs/usage.txt", []string{"-v", "docs/usage.txt"}, ""},
		{"docs/usage.txt", []string{"--html=r.html", "docs/usage.txt"}, ""},
		{"tests/test_a.py", []string{"--deselect", "tests/test_a.py"}, ""},
		{"setup.cfg", []string{"-c=setup.cfg"}, ""},
	} {
		made := &conclusion{req: &Request{Args: c.args}}
		if got := made.asked(c.report); got != c.want {
			t.Errorf("%s of %q: %q, want %q", c.report, c.args, got, c.want)
		}
	}
}
