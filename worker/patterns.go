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

// Match reports whether a path below the directory, with slashes, is chosen.
func (p Patterns) Match(name string) bool {
	if p.matcher == nil {
		return false
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
