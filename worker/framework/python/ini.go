package python

import "strings"

// An INI file has sections with options, as configparser reads them (values may go
// on over indented lines).
type INI map[string]map[string]Option

// An Option of an INI file. Line counts from 1.
type Option struct {
	Line   int
	Values []string // one for each line that is not empty
}

// ParseINI reads a file; it ignores lines that it does not understand.
func ParseINI(text string) INI {
	file, section, key := INI{}, "", ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, "\r")
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, ";"):
		case line[0] == ' ' || line[0] == '\t':
			if o, ok := file[section][key]; ok {
				o.Values = append(o.Values, comment(trimmed))
				file[section][key] = o
			}
		case line[0] == '[' && strings.Contains(line, "]"):
			section, key = line[1:strings.Index(line, "]")], ""
			if file[section] == nil {
				file[section] = map[string]Option{}
			}
		default:
			j := strings.IndexAny(line, "=:")
			if j < 0 || file[section] == nil {
				key = ""
				continue
			}
			key = strings.ToLower(strings.TrimSpace(line[:j]))
			o := Option{Line: i + 1}
			if v := comment(strings.TrimSpace(line[j+1:])); v != "" {
				o.Values = []string{v}
			}
			file[section][key] = o
		}
	}
	return file
}

// comment takes a trailing " # comment" off.
func comment(s string) string {
	if i := strings.Index(s, " #"); i >= 0 {
		return strings.TrimSpace(s[:i])
	}
	return s
}
