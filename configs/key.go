package configs

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/shardyard/shardyard/worker/framework"
)

// suite reads one suite: the keys of every suite, and those of its framework.
func (r *reader) suite(s *Suite, n *yaml.Node, path string) {
	s.Framework = r.first()
	if named := find(n, "framework"); named != n && slices.Contains(r.names(), named.Value) {
		s.Framework = named.Value
	}
	keys := map[string]framework.Key{}
	own := &ownKeys{}
	for _, k := range r.keys(s.Framework) {
		keys[k.Name], own.names = k, append(own.names, k.Name)
	}
	own.read = func(key, value *yaml.Node) bool {
		if k, ok := keys[key.Value]; ok {
			if v, ok := r.ownKey(k, value, join(path, k.Name)); ok {
				if s.Keys == nil {
					s.Keys = map[string]json.RawMessage{}
				}
				s.Keys[k.Name] = v
			}
			return true
		}
		return r.foreignKey(s, key, path)
	}
	r.structure(s, n, path, own)
}

// ownKeys are the keys of a mapping that have no field in a struct. read reports
// whether the key was one of them; it then has read the value, or reported a mistake.
type ownKeys struct {
	names []string
	read  func(key, value *yaml.Node) bool
}

// foreignKey reports a mistake if the key belongs to another framework than the
// suite's, and returns whether it did.
func (r *reader) foreignKey(s *Suite, key *yaml.Node, path string) bool {
	for _, f := range r.frameworks {
		if slices.ContainsFunc(f.Keys(), func(k framework.Key) bool { return k.Name == key.Value }) {
			r.fail(key, "unknown key %s: only suites of framework %s have it, and this one's framework is %s", join(path, key.Value), f.Name(), s.Framework)
			return true
		}
	}
	return false
}

// ownKey reads the value of a framework's own key, as JSON.
func (r *reader) ownKey(k framework.Key, n *yaml.Node, path string) (json.RawMessage, bool) {
	if n = r.resolve(n); n == nil {
		return nil, false
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		r.fail(n, "%s has no value: write one, or take the line out", path)
		return nil, false
	}
	before := len(r.errs)
	var v any
	oneOf := strings.Join(k.Of, "|")
	switch k.Kind {
	case framework.Text:
		v = r.text(n, path, oneOf)
	case framework.List:
		if n.Kind == yaml.ScalarNode {
			v = []string{r.text(n, path, oneOf)}
		} else {
			v = r.list(n, path, oneOf)
		}
	case framework.Map:
		var m map[string]string
		r.variables(&m, n, path)
		v = m
	case framework.Flag:
		v = r.flag(n, path)
	default:
		panic("configs: no way to read a key of kind " + string(k.Kind)) // a mistake in the description
	}
	if len(r.errs) > before {
		return nil, false
	}
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain data
	}
	return raw, true
}

// names returns the names of the frameworks.
func (r *reader) names() []string {
	names := make([]string, len(r.frameworks))
	for i, f := range r.frameworks {
		names[i] = f.Name()
	}
	return names
}

// first returns the framework of a suite that names none.
func (r *reader) first() string {
	if len(r.frameworks) == 0 {
		return ""
	}
	return r.frameworks[0].Name()
}

// keys returns the keys that only the framework with this name has.
func (r *reader) keys(name string) []framework.Key {
	for _, f := range r.frameworks {
		if f.Name() == name {
			return f.Keys()
		}
	}
	return nil
}

// ownKeys writes the values of a framework's own keys.
func (p *printer) ownKeys(path string, keys map[string]json.RawMessage) {
	names := make([]string, 0, len(keys))
	for name := range keys {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		var v any
		if err := json.Unmarshal(keys[name], &v); err != nil {
			panic(err) // this package wrote it
		}
		switch v := v.(type) {
		case string:
			p.value(path, name, scalar(v))
		case []any:
			items := []string{}
			for _, item := range v {
				items = append(items, fmt.Sprint(item))
			}
			p.list(path, name, items)
		case map[string]any:
			values := map[string]string{}
			for key, value := range v {
				values[key] = fmt.Sprint(value)
			}
			p.variables(path, name, values)
		case bool:
			p.value(path, name, strconv.FormatBool(v))
		}
	}
}
