package python

import (
	"regexp"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// noxHint reads the noxfile's session for tests, as far as it is plain: literal
// arguments, and lists of literals with a name.
func (p *Project) noxHint(*pyproject) hint {
	if e, ok := noxSession(p.Read("noxfile.py")); ok {
		return e.hint(p)
	}
	return hint{}
}

var (
	noxDef    = regexp.MustCompile(`(?m)^((?:@[^\n]*\n(?:[ \t)][^\n]*\n)*)*)def (\w+)\((\w+)[^\n]*`)
	noxName   = regexp.MustCompile(`name\s*=\s*["']([\w-]+)["']`)
	noxSet    = regexp.MustCompile(`\.env\[["'](\w+)["']\]\s*=\s*["']([^"'\n]*)["']`)
	noxGroup  = regexp.MustCompile(`dependency_groups\(\s*\w+((?:\s*,\s*["'][\w.-]+["'])+)`)
	noxArg    = regexp.MustCompile(`\*?[A-Za-z_][\w.]*|"([^"\n]*)"|'([^'\n]*)'`)
	pyString  = regexp.MustCompile(`"([^"\n]*)"|'([^'\n]*)'`)
	pyComment = regexp.MustCompile(`(?m)(^|\s)#[^\n"']*$`)
)

// noxSession returns the first session that calls pytest, those with a name for
// tests before others.
func noxSession(text string) (toolEnv, bool) {
	text = pyComment.ReplaceAllString(text, "$1")
	defs := noxDef.FindAllStringSubmatchIndex(text, -1)
	var found toolEnv
	ok := false
	for i, at := range defs {
		end := len(text)
		if i+1 < len(defs) {
			end = defs[i+1][0]
		}
		decorators, name, parameter, body := text[at[2]:at[3]], text[at[4]:at[5]], text[at[6]:at[7]], text[at[1]:end]
		if !strings.Contains(decorators, "session") {
			continue
		}
		if m := noxName.FindStringSubmatch(decorators); m != nil {
			name = m[1]
		}
		e := noxBody(text, body, parameter)
		named := strings.HasPrefix(name, "test") || strings.HasPrefix(name, "unit")
		if !named && !e.tests || ok && !named || len(e.deps)+len(e.extras)+len(e.groups) == 0 {
			continue
		}
		e.evidence = framework.Because("noxfile.py", strings.Count(text[:at[4]], "\n")+1, "tests need what nox installs for them")
		if found, ok = e, true; named {
			break
		}
	}
	return found, ok
}

// noxBody reads the calls of session.install, session.run and session.env.
func noxBody(text, body, session string) toolEnv {
	e := toolEnv{set: map[string]string{}}
	for _, arguments := range calls(body, session+".install") {
		for _, m := range noxGroup.FindAllStringSubmatch(arguments, -1) {
			for _, s := range pyString.FindAllStringSubmatch(m[1], -1) {
				e.groups = append(e.groups, s[1]+s[2])
			}
		}
		e.install(noxWords(text, noxGroup.ReplaceAllString(arguments, "")))
	}
	for _, arguments := range append(calls(body, session+".run_install"), calls(body, session+".run")...) {
		words := noxWords(text, arguments)
		if len(words) > 1 && words[0] == "uv" && words[1] == "sync" {
			e.sync(words[2:])
			continue
		}
		if c, ok := pytestWords(words); ok && !e.tests {
			e.tests, e.call = true, c
		}
	}
	for _, m := range noxSet.FindAllStringSubmatch(body, -1) {
		e.set[m[1]] = m[2]
	}
	return e
}

// install takes arguments as pip has them.
func (e *toolEnv) install(words []string) {
	before := ""
	for _, w := range words {
		switch {
		case before == "-r" || before == "-c" || before == "-e":
			e.deps = append(e.deps, before+" "+w)
		case before == "--group":
			e.groups = append(e.groups, w)
		case !strings.HasPrefix(w, "-"), treeOption.MatchString(w), fileOption.MatchString(w) && len(w) > 2:
			e.deps = append(e.deps, w)
		}
		before = w
	}
}

// sync takes the groups and extras of `uv sync`.
func (e *toolEnv) sync(words []string) {
	before := ""
	for _, w := range words {
		option, value, _ := strings.Cut(w, "=")
		if value == "" {
			option, value = before, w
		}
		switch option {
		case "--group", "--only-group":
			e.groups = append(e.groups, value)
		case "--extra":
			e.extras = append(e.extras, value)
		}
		before = w
	}
}

// calls returns the arguments of each call of a function, between its parentheses.
func calls(body, function string) (all []string) {
	for rest := body; ; {
		_, after, ok := strings.Cut(rest, function+"(")
		if !ok {
			return all
		}
		depth, end := 1, len(after)
		for i, r := range after {
			switch r {
			case '(':
				depth++
			case ')':
				depth--
			}
			if depth == 0 {
				end = i
				break
			}
		}
		all = append(all, after[:end])
		rest = after[end:]
	}
}

// noxWords returns the literal arguments of a call; those of a list with a name are
// looked up. What cannot be known ends them, except the user's own arguments.
func noxWords(text, arguments string) (all []string) {
	for _, m := range noxArg.FindAllStringSubmatch(arguments, -1) {
		name, list := strings.CutPrefix(m[0], "*")
		switch {
		case m[0][0] == '"' || m[0][0] == '\'':
			all = append(all, m[1]+m[2])
		case list && strings.HasSuffix(name, "posargs"):
		case list:
			all = append(all, pyList(text, name)...)
		default: // a keyword: what follows is about the call
			return slices.Clip(all)
		}
	}
	return slices.Clip(all)
}

// pyList returns the strings of a list or tuple that a name is set to.
func pyList(text, name string) (all []string) {
	m := regexp.MustCompile(`(?ms)^` + regexp.QuoteMeta(name) + `\s*(?::[^=\n]*)?=\s*[\[(](.*?)[\])]\s*$`).FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	for _, s := range pyString.FindAllStringSubmatch(m[1], -1) {
		all = append(all, s[1]+s[2])
	}
	return all
}
