package command

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The words of `run` and `combine`.
const (
	unitsWord = "units"
	junitWord = "junit"
	filesWord = "files"
	outWord   = "out"
)

// A template is a shell command with words in braces to be filled in.
type template []piece

// A piece is literal text, or a word and what stands around it.
type piece struct {
	text string // of a literal
	word string // "" for a literal
	sep  string // what joins the values; "regex" makes an alternative of them
	each bool   // the values are words of their own
	in   quotes
}

// quotes is what a shell takes a place in a command for.
type quotes byte

const (
	bare   quotes = 0
	single quotes = '\''
	double quotes = '"'
)

// regexSep stands where a separator would.
const regexSep = "regex"

var wordPattern = regexp.MustCompile(`\{(` + strings.Join([]string{unitsWord, junitWord, filesWord, outWord}, "|") + `)(:[^}]*)?\}`)

// parse reads a shell command in which these words may stand:
//
//	{units}        the values, each a word of the shell: only outside of quotes
//	{units:SEP}    the values joined with SEP
//	{units:regex}  a regular expression that matches one of them: a|b|c
//	{junit}        a single value
//
// A value is quoted for the place it stands in: outside of quotes, between
// single quotes or between double ones. Quotes inside of $( ) that stands
// between double quotes are not understood.
func parse(command string, allowed ...string) (template, error) {
	var t template
	in, from := bare, 0
	for _, m := range wordPattern.FindAllStringSubmatchIndex(command, -1) {
		p := piece{word: command[m[2]:m[3]], each: m[4] < 0}
		if m[4] >= 0 {
			p.sep = command[m[4]+1 : m[5]]
		}
		if !slices.Contains(allowed, p.word) || command[max(m[0]-1, 0)] == '$' {
			continue // the shell's, or nobody's
		}
		text := command[from:m[0]]
		in = in.after(text)
		p.in = in
		if err := p.check(command[m[0]:m[1]]); err != nil {
			return nil, err
		}
		t = append(t, piece{text: text}, p)
		from = m[1]
	}
	return append(t, piece{text: command[from:]}), nil
}

func (p piece) check(as string) error {
	list := p.word == unitsWord || p.word == filesWord
	switch {
	case list && p.each && p.in != bare:
		return fmt.Errorf("%s stands between quotes, and is several words: take it out of them, or join the words as in {%s:,}", as, p.word)
	case list && !p.each && p.sep == "":
		return fmt.Errorf("%s does not say what joins the words: {%s}, {%s:,} and {%s:regex} are known", as, p.word, p.word, p.word)
	case !list && !p.each:
		return fmt.Errorf("%s: {%s} is one path, and is not joined with anything", as, p.word)
	}
	return nil
}

// after returns what a shell takes the place behind the text for.
func (q quotes) after(text string) quotes {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && q != single:
			i++
		case q == bare && (c == '\'' || c == '"'):
			q = quotes(c)
		case q != bare && c == byte(q):
			q = bare
		}
	}
	return q
}

// quote writes a value for the place.
func (q quotes) quote(value string) string {
	switch q {
	case single:
		return strings.ReplaceAll(value, "'", `'\''`)
	case double:
		return doubled.Replace(value)
	default:
		if value != "" && strings.IndexFunc(value, special) < 0 {
			return value
		}
		return "'" + single.quote(value) + "'"
	}
}

var doubled = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`")

// special reports whether a shell may take a character for something else.
func special(r rune) bool {
	return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+,", r)
}

// fill returns the command with the words' values.
func (t template) fill(values map[string][]string) string {
	var b strings.Builder
	for _, p := range t {
		if p.word == "" {
			b.WriteString(p.text)
			continue
		}
		b.WriteString(p.fill(values[p.word]))
	}
	return b.String()
}

func (p piece) fill(values []string) string {
	out := make([]string, len(values))
	for i, v := range values {
		switch {
		case p.each:
			out[i] = p.in.quote(v)
		case p.sep == regexSep:
			out[i] = regexp.QuoteMeta(v)
		default:
			out[i] = v
		}
	}
	switch {
	case p.each:
		return strings.Join(out, " ")
	case p.sep == regexSep:
		return p.in.quote(strings.Join(out, "|"))
	default:
		return p.in.quote(strings.Join(out, p.sep))
	}
}

// Bounds on a filled command, in bytes. Linux takes no argument longer than
// 128 KiB, and sh gets the command as one. CMake compiles regular expressions
// of 32 KiB at the most, in which an alternative takes some more than its text.
const (
	maxCommand     = 120 << 10
	maxRegex       = 30_000
	perAlternative = 12
)

// fits returns how many of the units can be run by one command, at least one.
func (t template) fits(units []string) int {
	n := len(units)
	for n > 1 && !t.short(units[:n]) {
		n = (n + 1) / 2
	}
	return n
}

func (t template) short(units []string) bool {
	size := 0
	for _, p := range t {
		size += len(p.text)
		if p.word != unitsWord {
			continue
		}
		filled := len(p.fill(units))
		if p.sep == regexSep && filled+perAlternative*len(units) > maxRegex {
			return false
		}
		size += filled
	}
	return size <= maxCommand
}

// has reports whether the template has the word.
func (t template) has(word string) bool {
	return slices.ContainsFunc(t, func(p piece) bool { return p.word == word })
}
