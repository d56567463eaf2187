package framework

import (
	"slices"
	"strconv"
	"strings"
)

// Versions are the versions of a program that will do: those within all bounds of
// one of the alternatives. Nil stands for any version.
type Versions [][]Bound

// A Bound compares versions number by number.
type Bound struct {
	Op      string `json:"op"` // one of < <= > >= == !=
	Version []int  `json:"version"`
	// Series leaves out the numbers behind those of Version: "==3.11.*".
	Series bool `json:"series,omitempty"`
}

// Allow reports whether a version like "3.11.7" will do.
func (v Versions) Allow(version string) bool {
	have := numbers(version)
	return v == nil || slices.ContainsFunc(v, func(all []Bound) bool {
		return !slices.ContainsFunc(all, func(b Bound) bool { return !b.allows(have) })
	})
}

func (b Bound) allows(have []int) bool {
	if b.Series && len(have) > len(b.Version) {
		have = have[:len(b.Version)]
	}
	c := slices.Compare(padded(have), padded(b.Version))
	switch b.Op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	case "!=":
		return c != 0
	}
	return c == 0
}

// padded returns three numbers or more: 3.11 is 3.11.0.
func padded(version []int) []int {
	for version = slices.Clone(version); len(version) < 3; {
		version = append(version, 0)
	}
	return version
}

// numbers returns the leading numbers of a version: those of "3.14.0rc1" are 3, 14
// and 0.
func numbers(version string) (all []int) {
	for _, part := range strings.Split(version, ".") {
		digits := part[:len(part)-len(strings.TrimLeft(part, "0123456789"))]
		n, err := strconv.Atoi(digits)
		if err != nil {
			break
		}
		if all = append(all, n); len(digits) < len(part) {
			break
		}
	}
	return all
}
