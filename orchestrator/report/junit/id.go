package junit

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// PytestIDs gives each case the pytest id that it is of. Known ids decide,
// since their names can be computed (see PytestCases); else the id is guessed
// from the file attribute, where there is one, or from the habit that classes
// begin with a capital letter and modules do not.
func PytestIDs(cases []Case, known []string) []string {
	names := make(map[Key]string, len(known))
	for _, id := range known {
		for _, k := range PytestCases(id) {
			if _, ok := names[k]; !ok {
				names[k] = id
			}
		}
	}
	ids := make([]string, len(cases))
	for i, c := range cases {
		id, ok := names[c.Normal()]
		if !ok {
			id = guessID(c)
		}
		ids[i] = id
	}
	return ids
}

func guessID(c Case) string {
	if c.Class == "" {
		return c.Name
	}
	if file := strings.TrimPrefix(c.File, "./"); file != "" {
		parts := []string{file}
		module := dotted(file)
		if rest, ok := strings.CutPrefix(c.Class, module+"."); ok {
			parts = append(parts, strings.Split(rest, ".")...)
		} else if c.Class != module && !strings.HasSuffix(module, "."+c.Class) {
			// Relative to another folder: what follows the module's own name.
			own := module[strings.LastIndex(module, ".")+1:]
			if _, rest, ok := strings.Cut("."+c.Class, "."+own+"."); ok {
				parts = append(parts, strings.Split(rest, ".")...)
			}
		}
		return strings.Join(append(parts, c.Name), "::")
	}
	parts := strings.Split(c.Class, ".")
	n := len(parts)
	for n > 1 && capital(parts[n-1]) {
		n--
	}
	id := append([]string{strings.Join(parts[:n], "/") + ".py"}, parts[n:]...)
	return strings.Join(append(id, c.Name), "::")
}

func capital(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsUpper(r)
}
