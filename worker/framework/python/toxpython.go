package python

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// perPython returns an environment, and what its like for other Pythons have in its
// place, as another version of a framework. What only some of them have is for their
// Pythons.
func perPython(name string, names []string, env func(string) toolEnv) toolEnv {
	best := env(name)
	if minorOf(name) == 0 {
		return best
	}
	likes := map[int][]string{}
	for _, n := range names {
		if minor := minorOf(n); minor > 0 && env(n).tests {
			likes[minor] = append(likes[minor], n)
		}
	}
	deps, groups := map[string][]int{}, map[string][]int{} // which Pythons have them
	minors := slices.Sorted(maps.Keys(likes))
	for _, minor := range minors {
		n, _ := bestEnv(likes[minor], func(string) bool { return true })
		like := env(n)
		for _, line := range like.deps {
			if deps[line] = append(deps[line], minor); plainRequirement(line) && !slices.Contains(best.deps, line) {
				best.deps = append(best.deps, line)
			}
		}
		for _, group := range like.groups {
			groups[group] = append(groups[group], minor)
		}
		best.groups = union(best.groups, like.groups)
	}
	best.depMarkers, best.groupMarkers = markers(deps, minors), markers(groups, minors)
	return best
}

// minorOf returns the minor version of Python in an environment's name; 0 for none.
func minorOf(name string) int {
	for _, factor := range strings.Split(name, "-") {
		if m := pyFactor.FindStringSubmatch(factor); m != nil {
			minor, _ := strconv.Atoi(m[1])
			return minor
		}
	}
	return 0
}

// markers returns, for what not all Pythons have, the marker of those that do.
func markers(pythons map[string][]int, all []int) map[string]string {
	some := map[string]string{}
	for name, minors := range pythons {
		if len(minors) < len(all) {
			some[name] = pythonMarker(minors, all)
		}
	}
	return some
}

// pythonMarker returns the marker of some of all minor versions, in order. There are
// more versions than a project names: those between two go with the newer one.
func pythonMarker(minors, all []int) string {
	first, last := slices.Index(all, minors[0]), slices.Index(all, minors[len(minors)-1])
	var bounds []string
	if last-first != len(minors)-1 {
		for _, minor := range minors {
			bounds = append(bounds, fmt.Sprintf("python_version == '3.%d'", minor))
		}
		return strings.Join(bounds, " or ")
	}
	if first > 0 {
		bounds = append(bounds, fmt.Sprintf("python_version > '3.%d'", all[first-1]))
	}
	if last < len(all)-1 {
		bounds = append(bounds, fmt.Sprintf("python_version <= '3.%d'", all[last]))
	}
	return strings.Join(bounds, " and ")
}

// marked returns a requirement that is only for where a marker holds; "" is everywhere.
func marked(requirement, marker string) string {
	name, own, has := strings.Cut(requirement, ";")
	switch {
	case marker == "":
		return requirement
	case has:
		return name + "; (" + strings.TrimSpace(own) + ") and (" + marker + ")"
	}
	return name + "; " + marker
}
