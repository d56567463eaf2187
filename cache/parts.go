package cache

import "fmt"

// Parts are what a key is made of: a name that a reader knows ("file
// requirements.txt"), and the first 16 hexadecimal digits of a hash of its content,
// from which nothing can be read.
type Parts map[string]string

// Parts returns what the environment's key is made of.
func (e Environment) Parts() Parts {
	p := Parts{}
	p.add("base image", e.Base)
	p.add("platform", e.Platform)
	p.addList("setup command", e.Commands)
	p.addList("added package", e.Ensure)
	for name, content := range e.Files {
		p.add("file "+name, string(content))
	}
	for name, value := range e.Settings {
		p.add("setting "+name, value)
	}
	p.add("scope", string(e.Scope))
	p.add("format", Version)
	return p
}

// Parts returns what the prepared environment's key is made of.
func (p Prepared) Parts() Parts {
	out := Parts{}
	out.add("environment", p.Environment)
	out.add("sources", p.Tree)
	out.add("project's directory", p.Dir)
	out.add("place of the sources", p.Place)
	out.addList("prepare command", p.Commands)
	out.addList("added package", p.Ensure)
	out.add("scope", string(p.Scope))
	out.add("format", Version)
	return out
}

func (p Parts) add(name, content string) {
	k := newKey("part")
	k.field(name, content)
	p[name] = k.sum()[:16]
}

func (p Parts) addList(name string, values []string) {
	for i, v := range values {
		p.add(fmt.Sprintf("%s %d", name, i+1), v)
	}
}

// Since says what is another one than in the parts before, in words, sorted:
// "file requirements.txt changed", "setup command 2 is new", "setup command 3 is gone".
func (p Parts) Since(before Parts) []string {
	return differences(before, p, func(was, is string) bool { return was == is })
}

// Why says in a few words why there was nothing to find under a key. before are
// the parts of the key that the suite used last; nil for none.
func (p Parts) Why(before Parts) string {
	if before == nil {
		return "the first for this suite"
	}
	changes := p.Since(before)
	if len(changes) == 0 {
		return "what was kept is gone: cleared, or not used for long"
	}
	return Some(changes)
}
