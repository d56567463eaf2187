package python

import (
	"regexp"
	"strings"
)

// A call is what a command line tells pytest.
type call struct {
	options []string // that select tests, or change what they are
	paths   []string
}

var (
	posargs     = regexp.MustCompile(`\{posargs:?([^{}]*)\}|\{args:?([^{}]*)\}`)
	environment = regexp.MustCompile(`\{env:[A-Za-z0-9_]+:([^{}]*)\}`)
	assignment  = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*=`)
)

// pytestCall reads a command line of tox or Hatch. It returns false if it does not
// run pytest; a call of which a part cannot be known is empty.
func pytestCall(line string) (call, bool) {
	line = posargs.ReplaceAllString(environment.ReplaceAllString(line, "$1"), "$1$2")
	return pytestWords(shellWords(strings.TrimLeft(line, "-! ")))
}

// pytestWords reads a command that runs pytest, in any of the ways in which people
// do: by name, as a module, or below coverage.
func pytestWords(words []string) (call, bool) {
	for len(words) > 0 && assignment.MatchString(words[0]) {
		words = words[1:]
	}
	for i, w := range words {
		name := w[strings.LastIndexAny(w, "/}")+1:]
		switch {
		case name == "pytest" || name == "py.test":
			if i > 0 && words[i-1] != "-m" && words[i-1] != "run" {
				return call{}, false // an argument of something else
			}
			return selection(words[i+1:]), true
		case strings.ContainsAny(w, ";|&"):
			return call{}, false
		}
	}
	return call{}, false
}

// withValue are options whose value may be the next word.
var withValue = map[string]bool{
	"-m": true, "-k": true, "-p": true, "-c": true, "-o": true, "-W": true, "--ignore": true, "--ignore-glob": true, "--deselect": true,
	"--import-mode": true, "--rootdir": true, "--confcutdir": true, "--ds": true, "--doctest-glob": true, "--timeout": true,
	"-n": true, "--numprocesses": true, "--dist": true, "--tb": true, "-r": true, "--maxfail": true, "--durations": true, "--junitxml": true,
	"--junit-xml": true, "--cov-config": true, "--cov-report": true, "--cov-fail-under": true, "--color": true, "--basetemp": true,
	"--log-level": true, "--reruns": true, "--html": true,
}

// theirs are options about what is shown, how it is spread, and what is measured:
// shardyard has its own.
var theirs = regexp.MustCompile(`^(-[vqslx]+|--verbose|--quiet|--capture.*|--tb.*|-r.*|--color.*|--durations.*|-n.*|--numprocesses.*|--dist.*|--cov.*|--no-cov.*|` +
	`--junit-?xml.*|--html.*|--self-contained-html|--no-header|--no-summary|--show-?locals|--maxfail.*|--exitfirst|--basetemp.*|--lf|--ff|--sw|--benchmark-.*|--reruns.*)$`)

// selection returns what the arguments of pytest select. A word that only its tool
// understands makes it empty; so do --pyargs and --rootdir, which are about another
// place than the source tree.
func selection(words []string) (c call) {
	for i := 0; i < len(words); i++ {
		w := words[i]
		value := withValue[w] && i+1 < len(words)
		switch {
		case strings.ContainsAny(w, "{}$") || w == "--pyargs" || strings.HasPrefix(w, "--rootdir"):
			return call{}
		case w == "&&" || w == ";" || w == "|":
			return c
		case theirs.MatchString(w):
		case value:
			if strings.ContainsAny(words[i+1], "{}$") {
				return call{}
			}
			c.options = append(c.options, w, words[i+1])
		case strings.HasPrefix(w, "-"):
			c.options = append(c.options, w)
		default:
			c.paths = append(c.paths, w)
		}
		if value {
			i++
		}
	}
	return c
}

// shellWords splits a line as a shell does: at spaces, outside of quotes.
func shellWords(line string) (words []string) {
	var word strings.Builder
	quote, inside := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inside = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if inside {
				words = append(words, word.String())
			}
			word.Reset()
			inside = false
		default:
			word.WriteRune(r)
			inside = true
		}
	}
	if inside {
		words = append(words, word.String())
	}
	return words
}
