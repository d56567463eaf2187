package worker

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
)

// Patterns choose files by their paths below a directory, as the lines of a
// .gitignore do: a pattern without a slash inside matches at any depth, others
// from the directory on; * stays within one element, ** crosses them; what
// matches a directory matches all that is in it, and with a slash at the end
// only that; ! takes files out again. The zero Patterns match nothing.
type Patterns struct {
	lines   []string
	matcher *patternmatcher.PatternMatcher
	// names are the lines where each is of a name at any depth: they are asked in place
	// of the matcher, whose regular expressions take several times as long.
	names []nameRule
}

// A nameRule is a line that is of the name of a file or directory.
type nameRule struct {
	parts []string // of the name, between the *
	below bool     // what is in such a directory is meant, and not what has the name
	not   bool
}

// NewPatterns reads patterns. None of them may leave the directory.
func NewPatterns(lines []string) (Patterns, error) {
	p := Patterns{lines: lines}
	if len(lines) == 0 {
		return p, nil
	}
	rules := make([]string, len(lines))
	for i, line := range lines {
		rule, err := rule(line)
		if err != nil {
			return Patterns{}, fmt.Errorf("pattern %q: %w", line, err)
		}
		rules[i] = rule
	}
	var err error
	if p.matcher, err = patternmatcher.New(rules); err == nil {
		_, err = p.matcher.MatchesOrParentMatches("x") // a mistake inside a pattern shows when it is used
	}
	if err != nil {
		return Patterns{}, fmt.Errorf("patterns %s: %w", strings.Join(lines, ", "), err)
	}
	p.names = nameRules(lines)
	return p, nil
}

// rule is a line in the matcher's own syntax, where every pattern begins at the
// directory.
func rule(line string) (string, error) {
	pattern, not := strings.CutPrefix(line, "!")
	pattern = strings.TrimPrefix(pattern, "./")
	inner := strings.TrimSuffix(pattern, "/")
	switch {
	case strings.Trim(pattern, "/") == "":
		return "", errors.New("it names no file")
	case slices.Contains(strings.Split(pattern, "/"), ".."):
		return "", errors.New("it must stay below the project's directory")
	case strings.Contains(inner, "/"):
		inner = strings.TrimPrefix(inner, "/")
	default:
		inner = "**/" + inner
	}
	if strings.HasSuffix(pattern, "/") {
		inner += "/**"
	}
	if not {
		inner = "!" + inner
	}
	return inner, nil
}

// nameRules returns lines as rules of names; nil where one of them is more than that.
func nameRules(lines []string) []nameRule {
	rules := make([]nameRule, len(lines))
	for i, line := range lines {
		r := &rules[i]
		line, r.not = strings.CutPrefix(line, "!")
		line, r.below = strings.CutSuffix(strings.TrimPrefix(line, "./"), "/")
		if line == "." || strings.ContainsAny(line, `/?[]\^ `) || strings.Contains(line, "**") {
			return nil
		}
		r.parts = strings.Split(line, "*")
	}
	return rules
}

// match reports whether the rule is of one of the elements of a path.
func (r nameRule) match(name string) bool {
	for more := true; more; {
		var element string
		if element, name, more = strings.Cut(name, "/"); r.below && !more {
			return false
		}
		if r.fits(element) {
			return true
		}
	}
	return false
}

func (r nameRule) fits(element string) bool {
	last := len(r.parts) - 1
	if last == 0 {
		return element == r.parts[0]
	}
	element, ok := strings.CutPrefix(element, r.parts[0])
	for _, part := range r.parts[1:last] {
		if ok {
			_, element, ok = strings.Cut(element, part)
		}
	}
	return ok && strings.HasSuffix(element, r.parts[last])
}

// Match reports whether a path below the directory, with slashes, is chosen.
func (p Patterns) Match(name string) bool {
	if p.matcher == nil {
		return false
	}
	if p.names != nil {
		chosen := false
		for _, r := range p.names {
			if chosen == r.not && r.match(name) {
				chosen = !r.not
			}
		}
		return chosen
	}
	ok, err := p.matcher.MatchesOrParentMatches(name)
	return ok && err == nil
}

// Enter reports whether a pattern names a directory, or begins with it.
func (p Patterns) Enter(dir string) bool {
	return p.Match(dir) || slices.ContainsFunc(p.lines, func(line string) bool {
		return strings.HasPrefix(strings.TrimPrefix(strings.TrimPrefix(line, "."), "/"), dir+"/")
	})
}
