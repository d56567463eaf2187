package junit

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// KeysOf returns the names that pytest may give a test in a JUnit file, by
// its node id, the likeliest first. From its source (mangle_test_address and
// bin_xml_escape in _pytest/junitxml.py):
//
//	a/b/test_c.py::TestD::test_e[f::g/h]  ->  classname a.b.test_c.TestD, name test_e[f::g/h]
//
// The way back is not unique, since a dot may have been a slash; so planned
// ids are translated and compared, never reported names. Versions differ:
// until 8 the id is cut at its first bracket even when that is in the path;
// from 9 on a bracket that is not closed is. Characters that XML cannot hold
// are written #x1B; until 8 so are all above U+FFFF. CaseKeys are compared in
// that older form, see Normal.
func KeysOf(id string) []Key {
	path, tail, ok := strings.Cut(id, "::")
	names := []string{dotted(path)}
	if ok {
		bare, params, bracket := strings.Cut(tail, "[")
		names = append(names, strings.Split(bare, "::")...)
		if bracket {
			names[len(names)-1] += "[" + strings.TrimSuffix(params, "]") + "]"
		}
	}
	nine := joined(names)

	bare, params, bracket := strings.Cut(id, "[")
	names = strings.Split(bare, "::")
	names[0] = dotted(names[0])
	if bracket {
		names[len(names)-1] += "[" + params
	}
	eight := joined(names)
	if nine == eight {
		return []Key{nine}
	}
	return []Key{nine, eight}
}

func dotted(path string) string { return strings.TrimSuffix(strings.ReplaceAll(path, "/", "."), ".py") }

func joined(names []string) Key {
	last := len(names) - 1
	return Key{Class: strings.Join(names[:last], "."), Name: names[last]}.Normal()
}

// Normal returns the key in the form in which keys of all versions of pytest are
// equal.
func (k Key) Normal() Key {
	return Key{Class: normal(k.Class), Name: normal(k.Name)}
}

func normal(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, "#x%02X", s[i])
		case r == '\r': // some writers normalise it
			b.WriteByte('\n')
		case r > 0xffff, r == 0x7f, !legalXML(r):
			if r <= 0xff {
				fmt.Fprintf(&b, "#x%02X", r)
			} else {
				fmt.Fprintf(&b, "#x%04X", r)
			}
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

// PlanCheck compares the planned tests with the reported ones.
type PlanCheck struct {
	// Missing are planned ids without a testcase, in the plan's order.
	Missing []string
	// Unexpected are testcases that nobody planned.
	Unexpected []Key
	// Found has the testcase of each planned id that has one.
	Found map[string]MergedCase
}

// CheckPlan compares the planned ids with the reported testcases. An id that was
// planned twice must be reported twice.
func CheckPlan(planned []string, m *Merged) PlanCheck {
	reported := make(map[Key]int, len(m.Cases)) // index into m.Cases
	left := make([]int, len(m.Cases))
	for i, c := range m.Cases {
		reported[c.Normal()] = i
		left[i] = c.Count
	}
	check := PlanCheck{Found: make(map[string]MergedCase, len(planned))}
	for _, id := range planned {
		i := slices.IndexFunc(KeysOf(id), func(k Key) bool {
			n, ok := reported[k]
			return ok && left[n] > 0
		})
		if i < 0 {
			check.Missing = append(check.Missing, id)
			continue
		}
		n := reported[KeysOf(id)[i]]
		left[n]--
		check.Found[id] = m.Cases[n]
	}
	for i, c := range m.Cases {
		if left[i] == c.Count {
			check.Unexpected = append(check.Unexpected, c.Key)
		}
	}
	return check
}

// Events emits the merged run as events, so that its verdict, report and exit code
// come from the same fold as those of a run: planned tests in the plan's order, then
// tests that nobody planned. Without a plan every testcase counts as planned.
// A test that was planned and not reported is not run. The worker of a test is
// the number of its source, from 1.
func (m *Merged) Events(planned []string, emit func(report.Body)) {
	if planned == nil {
		emit(report.Discovered{Tests: len(m.Cases)})
		for _, c := range m.Cases {
			c.events(c.String(), emit)
		}
		return
	}
	check := CheckPlan(planned, m)
	emit(report.Discovered{Tests: len(planned)})
	for _, id := range planned {
		if c, ok := check.Found[id]; ok {
			c.events(id, emit)
		} else {
			emit(report.Judged{Test: id, Verdict: report.NotRun, Reason: "planned, and in no shard's report"})
		}
	}
	if n := len(check.Unexpected); n > 0 {
		emit(report.Fault{Kind: report.Infrastructure, Text: fmt.Sprintf(
			"%s reported that nobody planned, for instance %s: do the shards and the plan have the same arguments?",
			report.Count(n, "test was", "tests were"), check.Unexpected[0])})
	}
	if n := len(m.Conflicts); n > 0 {
		emit(report.Note{Level: report.Warning, Text: fmt.Sprintf("%s in several shards with different outcomes, for instance %s: the worst counts",
			report.Count(n, "test is", "tests are"), m.Conflicts[0].Key)})
	}
}

func (c MergedCase) events(id string, emit func(report.Body)) {
	at := c.Source + 1
	emit(report.TestStarted{Worker: at, Test: id, Attempt: 1, File: c.File})
	fin := report.TestFinished{Worker: at, Test: id, Attempt: 1, Outcome: c.Outcome, Call: report.Duration(c.Time), File: c.File, Line: c.Line + 1}
	if report.VerdictOf(c.Outcome) == report.Fail {
		fin.Message = c.Message
		if c.At != (Place{}) {
			fin.File, fin.Line = c.At.File, c.At.Line
		}
	}
	emit(fin)
	emit(report.Judged{Test: id, Verdict: report.VerdictOf(c.Outcome), Attempts: 1})
}
