package main

import "strings"

// hasPaths says that pytest's arguments name what to test: then a suite's own
// paths are not added.
func hasPaths(args []string) bool {
	for i, a := range args {
		if strings.HasPrefix(a, "-") {
			continue
		}
		if i > 0 && takesValue(args[i-1]) {
			continue
		}
		return true
	}
	return false
}

// takesValue says that an option's value is the next argument. Only those that
// people give in this form are known; a value that is taken for a path makes
// pytest say so.
func takesValue(option string) bool {
	switch option {
	case "-m", "-k", "-p", "-c", "-o", "-n", "-W", "-r", "--tb", "--maxfail", "--ignore", "--deselect", "--junitxml",
		"--rootdir", "--confcutdir", "--durations", "--cov-config", "--cov-report", "--cov-fail-under", "--timeout",
		"--reruns", "--dist", "--import-mode", "--ignore-glob", "--color", "--log-level", "--log-cli-level":
		return true
	}
	return false
}

// asksForCoverage says that pytest-cov is asked for.
func asksForCoverage(args []string) bool {
	for _, a := range args {
		if a == "--cov" || strings.HasPrefix(a, "--cov=") {
			return true
		}
	}
	return false
}
