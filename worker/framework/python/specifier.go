package python

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

var clause = regexp.MustCompile(`^(>=|<=|===|==|!=|~=|\^|~|>|<)?\s*v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(\.?\*)?`)

// specifiers reads a version specifier (PEP 440's, or Poetry's ^, ~ and ||). Clauses
// that it does not understand are not its to judge; it returns nil if nothing is
// left.
func specifiers(text string) framework.Versions {
	var all framework.Versions
	for _, alternative := range strings.FieldsFunc(text, func(r rune) bool { return r == '|' }) {
		var bounds []framework.Bound
		for _, c := range splitClauses(alternative) {
			if m := clause.FindStringSubmatch(c); m != nil {
				bounds = append(bounds, clauseBounds(m[1], m[2:5], m[5] != "")...)
			}
		}
		if len(bounds) == 0 {
			return nil
		}
		all = append(all, bounds)
	}
	return all
}

var space = regexp.MustCompile(`\s+([<>=!~^])`)

// splitClauses splits at commas, and at the spaces that Poetry allows in their place.
func splitClauses(text string) (all []string) {
	for _, c := range strings.Split(space.ReplaceAllString(strings.TrimSpace(text), ",$1"), ",") {
		if c = strings.TrimSpace(c); c != "" {
			all = append(all, c)
		}
	}
	return all
}

// clauseBounds returns what a clause bounds. People write "<=3.11" and "==3.11" and
// mean every 3.11.
func clauseBounds(operator string, parts []string, star bool) []framework.Bound {
	var version []int
	for _, s := range parts {
		if n, err := strconv.Atoi(s); err == nil {
			version = append(version, n)
		}
	}
	at := func(op string, v []int) framework.Bound { return framework.Bound{Op: op, Version: v} }
	series := func(op string, v []int) framework.Bound {
		return framework.Bound{Op: op, Version: v, Series: len(v) < 3}
	}
	switch operator {
	case "<=":
		return []framework.Bound{series("<=", version)}
	case "", "==", "===":
		return []framework.Bound{series("==", version)}
	case "!=":
		return []framework.Bound{{Op: "!=", Version: version, Series: star}}
	case "~=":
		return []framework.Bound{at(">=", version), series("==", version[:max(len(version)-1, 1)])}
	case "~":
		return []framework.Bound{at(">=", version), series("==", version[:min(len(version), 2)])}
	case "^":
		return []framework.Bound{at(">=", version), series("==", version[:1])}
	}
	return []framework.Bound{at(operator, version)}
}
