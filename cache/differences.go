package cache

import "slices"

// differences says in words what is not as it was, sorted: "a changed", "b is gone",
// "c is new".
func differences[V any](before, now map[string]V, same func(was, is V) bool) (all []string) {
	for name, was := range before {
		switch is, ok := now[name]; {
		case !ok:
			all = append(all, name+" is gone")
		case !same(was, is):
			all = append(all, name+" changed")
		}
	}
	for name := range now {
		if _, ok := before[name]; !ok {
			all = append(all, name+" is new")
		}
	}
	slices.Sort(all)
	return all
}
