package configs

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/shardyard/shardyard/worker/framework"
)

// A reader turns a YAML tree into a Config, collects every mistake with its
// place, and notes where each value was.
type reader struct {
	file       string
	frameworks []framework.Description
	errs       Errors
	origins    map[string]Origin
	places     map[string]string // of values
	depth      int               // of aliases followed
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.errs = append(r.errs, &Error{File: r.file, Line: max(n.Line, 1), Column: max(n.Column, 1), Text: fmt.Sprintf(format, args...)})
}

// config reads the whole file, and checks what one value alone cannot show.
func (r *reader) config(c *Config, n *yaml.Node) {
	r.structure(c, n, "", nil)
	if len(r.errs) == 0 {
		r.check(c, n)
	}
}

// pairs calls each for every key of a mapping and its value. A key that is given
// twice is a mistake, and comes once.
func (r *reader) pairs(n *yaml.Node, path string, each func(key, value *yaml.Node)) {
	n = r.resolve(n)
	if n == nil {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s must be a mapping (key: value), not %s", named(path), describe(n))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			r.fail(key, "a key must be a word, not %s", describe(key))
			continue
		}
		if line, twice := seen[key.Value]; twice {
			r.fail(key, "%s was already given in line %d: keep one", join(path, key.Value), line)
			continue
		}
		seen[key.Value] = key.Line
		each(key, n.Content[i+1])
	}
}

// resolve follows an alias. It returns nil, after an error, if there are too many.
func (r *reader) resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		if r.depth++; r.depth > 1000 || n.Alias == nil {
			r.fail(n, "too many aliases: write the value")
			return nil
		}
		n = n.Alias
	}
	return n
}

// anyFramework in the tag of a field means that the value must name a framework.
const anyFramework = "the frameworks"

// structure reads a mapping into a struct by its field tags. own are the keys that
// have no field; nil for none.
func (r *reader) structure(into any, n *yaml.Node, path string, own *ownKeys) {
	v := reflect.ValueOf(into).Elem()
	type field struct {
		value reflect.Value
		oneOf string
	}
	if own == nil {
		own = &ownKeys{read: func(_, _ *yaml.Node) bool { return false }}
	}
	fields, known := map[string]field{}, slices.Clone(own.names)
	for i := range v.NumField() {
		name, oneOf, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		if oneOf == anyFramework {
			oneOf = strings.Join(r.names(), "|")
		}
		fields[name] = field{value: v.Field(i), oneOf: oneOf}
		known = append(known, name)
	}
	r.pairs(n, path, func(key, value *yaml.Node) {
		at := join(path, key.Value)
		f, ok := fields[key.Value]
		switch {
		case ok:
			r.value(f.value, value, at, f.oneOf)
		case !own.read(key, value):
			r.unknown(key, path, known)
			return
		}
		r.origins[at] = Origin(fmt.Sprintf("%s:%d", r.file, key.Line))
		r.places[at] = fmt.Sprintf("%s:%d:%d", r.file, value.Line, value.Column)
	})
}

func (r *reader) unknown(key *yaml.Node, path string, known []string) {
	text := fmt.Sprintf("unknown key %s", join(path, key.Value))
	if meant := Nearest(key.Value, known); meant != "" {
		r.fail(key, "%s: did you mean %s?", text, meant)
		return
	}
	r.fail(key, "%s: known here are %s", text, strings.Join(known, ", "))
}

// value reads one value. The special types come first, then the plain kinds.
func (r *reader) value(v reflect.Value, n *yaml.Node, path, oneOf string) {
	if n = r.resolve(n); n == nil {
		return
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		if _, reserved := v.Interface().(Reserved); !reserved {
			r.fail(n, "%s has no value: write one, or take the line out", path)
		}
		return
	}
	switch p := v.Addr().Interface().(type) {
	case *Suites:
		r.suites(p, n, path)
	case *Artifacts:
		r.artifacts(p, n, path)
	case *Reserved:
		if n.Kind != yaml.MappingNode || len(n.Content) > 0 {
			r.fail(n, "%s is reserved and not yet supported: start what the tests need yourself, and name it in env.set", path)
		}
	case *Size:
		parse(r, p, n, path, ParseSize)
	case *Duration:
		parse(r, p, n, path, ParseDuration)
	case *Interval:
		parse(r, p, n, path, ParseInterval)
	case *Workers:
		parse(r, p, n, path, ParseWorkers)
	case *Pool:
		parse(r, p, n, path, ParsePool)
	case *map[string]string:
		r.variables(p, n, path)
	default:
		r.plain(v, n, path, oneOf)
	}
}

// artifacts reads a mapping, or a list of what is kept.
func (r *reader) artifacts(a *Artifacts, n *yaml.Node, path string) {
	if n.Kind == yaml.MappingNode {
		r.structure(a, n, path, nil)
		return
	}
	a.Keep = r.list(n, path, "")
	keep := join(path, "keep")
	r.origins[keep] = Origin(fmt.Sprintf("%s:%d", r.file, n.Line))
	r.places[keep] = fmt.Sprintf("%s:%d:%d", r.file, n.Line, n.Column)
}

// parse reads a scalar with a notation of its own.
func parse[T any](r *reader, into *T, n *yaml.Node, path string, from func(string) (T, error)) {
	if n.Kind != yaml.ScalarNode {
		r.fail(n, "%s must be one value, not %s", path, describe(n))
		return
	}
	value, err := from(n.Value)
	if err != nil {
		r.fail(n, "%s: %v", path, err)
		return
	}
	*into = value
}

func (r *reader) plain(v reflect.Value, n *yaml.Node, path, oneOf string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.value(v.Elem(), n, path, oneOf)
	case reflect.Struct:
		r.structure(v.Addr().Interface(), n, path, nil)
	case reflect.Slice:
		v.Set(reflect.ValueOf(r.list(n, path, "")))
	case reflect.String:
		v.SetString(r.text(n, path, oneOf))
	case reflect.Bool:
		v.SetBool(r.flag(n, path))
	case reflect.Int:
		i, err := strconv.Atoi(n.Value)
		if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || i < 0 {
			r.fail(n, "%s must be a whole number from 0 up, not %s", path, describe(n))
			return
		}
		v.SetInt(int64(i))
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		if n.Kind != yaml.ScalarNode || n.Tag != "!!int" && n.Tag != "!!float" || err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			r.fail(n, "%s must be a number, not %s", path, describe(n))
			return
		}
		v.SetFloat(f)
	default:
		panic("configs: no way to read a " + v.Type().String()) // a mistake in Config
	}
}

// text reads a word. Numbers are taken as they are written ("user: 1000").
func (r *reader) text(n *yaml.Node, path, oneOf string) string {
	if n.Kind != yaml.ScalarNode {
		r.fail(n, "%s must be one value, not %s", path, describe(n))
		return ""
	}
	if n.Value == "" {
		r.fail(n, "%s is empty: write a value, or take the line out", path)
		return ""
	}
	if oneOf == "" {
		return n.Value
	}
	choices := strings.Split(oneOf, "|")
	for _, c := range choices {
		if n.Value == c {
			return c
		}
	}
	if meant := Nearest(n.Value, choices); meant != "" {
		r.fail(n, "%s: %q is not known: did you mean %s?", path, n.Value, meant)
	} else {
		r.fail(n, "%s: %q is not known: write %s", path, n.Value, strings.Join(choices, " or "))
	}
	return ""
}

func (r *reader) flag(n *yaml.Node, path string) bool {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		r.fail(n, "%s must be true or false, not %s", path, describe(n))
		return false
	}
	return n.Value == "true" || n.Value == "True" || n.Value == "TRUE"
}

// list reads a list of words; an empty list is not nil.
func (r *reader) list(n *yaml.Node, path, oneOf string) []string {
	if n.Kind == yaml.ScalarNode {
		r.fail(n, "%s must be a list, not %s: write [%s]", path, describe(n), quoted(n.Value))
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "%s must be a list, not %s", path, describe(n))
		return nil
	}
	items := []string{}
	for i, item := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		if item = r.resolve(item); item == nil {
			continue
		}
		if item.Kind == yaml.ScalarNode && item.Tag == "!!null" {
			r.fail(item, "%s has no value", at)
			continue
		}
		items = append(items, r.text(item, at, oneOf))
	}
	return items
}

// variables reads names with values. A value is text as it is written, so that
// "1.10" and "yes" stay what they are.
func (r *reader) variables(into *map[string]string, n *yaml.Node, path string) {
	*into = map[string]string{}
	r.pairs(n, path, func(key, value *yaml.Node) {
		at := join(path, key.Value)
		if value = r.resolve(value); value == nil {
			return
		}
		switch {
		case value.Kind != yaml.ScalarNode:
			r.fail(value, "%s must be one value, not %s", at, describe(value))
		case value.Tag == "!!null":
			r.fail(value, `%s has no value: write "" for an empty one`, at)
		default:
			(*into)[key.Value] = value.Value
		}
	})
}

// suites reads the named suites in their order.
func (r *reader) suites(into *Suites, n *yaml.Node, path string) {
	r.pairs(n, path, func(key, value *yaml.Node) {
		s := Suite{Name: key.Value, Framework: r.first()}
		at := join(path, key.Value)
		r.origins[at] = Origin(fmt.Sprintf("%s:%d", r.file, key.Line))
		if value = r.resolve(value); value == nil {
			return
		}
		// "unit:" alone is a suite with nothing special.
		if value.Kind != yaml.ScalarNode || value.Tag != "!!null" {
			r.suite(&s, value, at)
		}
		*into = append(*into, s)
	})
}

// describe returns what a node is, in words for a message.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		return quoted(n.Value)
	default:
		return "that"
	}
}

// quoted returns a value for a message: short, on one line.
func quoted(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "…"
	}
	return strconv.Quote(s)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func named(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}
