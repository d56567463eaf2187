package configs

import (
	"fmt"
	"io"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// Show writes the effective configuration as YAML, each value with a comment that
// names its origin. Load can read the output again.
func (c *Config) Show(w io.Writer) error {
	p := &printer{origins: c.origins}
	p.value("", "version", "1")
	if c.Project != "" {
		p.value("", "project", scalar(c.Project))
	}
	p.value("", "image", scalar(c.Image))
	p.list("", "setup", c.Setup)
	p.list("", "prepare", c.Prepare)
	p.list("", "key", c.Key)
	if len(c.Suites) > 0 {
		p.open("suites")
		for i := range c.Suites {
			p.suite(&c.Suites[i])
		}
		p.shut()
	}
	p.value("", "workers", c.Workers.String())
	p.value("", "pool", c.Pool.String())
	p.value("", "schedule", c.Schedule)
	p.value("", "split_by", c.SplitBy)
	p.value("", "collection", c.Collection)
	p.value("", "retries", strconv.Itoa(c.Retries))
	p.coverage("", &c.Coverage)
	p.env("", "env", &c.Env)
	p.open("builder")
	p.value("builder", "ca", scalar(c.Builder.CA))
	p.env("builder", "env", &c.Builder.Env)
	p.shut()
	p.limits("", &c.Limits, false)
	p.artifacts("", &c.Artifacts)
	p.open("source")
	p.list("source", "include", c.Source.Include)
	if c.Source.Git != nil {
		p.value("source", "git", strconv.FormatBool(*c.Source.Git))
	}
	p.shut()
	p.cache("", &c.Cache)
	p.open("trust")
	p.list("trust", "branches", c.Trust.Branches)
	p.shut()
	if c.Network != "" {
		p.value("", "network", scalar(c.Network))
	}
	if c.User != "" {
		p.value("", "user", scalar(c.User))
	}
	p.list("", "cap_add", c.CapAdd)
	if c.Profile != "" {
		p.value("", "profile", c.Profile)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// A printer writes YAML. A section that stays empty is not written.
type printer struct {
	strings.Builder
	origins  map[string]Origin
	sections []string // the open sections; "" once the section's own line is written
}

func (p *printer) open(key string) { p.sections = append(p.sections, key) }

func (p *printer) shut() { p.sections = p.sections[:len(p.sections)-1] }

func (p *printer) line(format string, args ...any) {
	for i, key := range p.sections {
		if key != "" {
			p.WriteString(strings.Repeat("  ", i) + key + ":\n")
			p.sections[i] = ""
		}
	}
	p.WriteString(strings.Repeat("  ", len(p.sections)))
	fmt.Fprintf(p, format+"\n", args...)
}

func (p *printer) value(path, key, value string) {
	p.head(path, key, key+": "+value)
}

// head writes a line with the origin of its value, at the same column in every
// section.
func (p *printer) head(path, key, text string) {
	p.line("%-*s # %s", 40-2*len(p.sections), text, p.origin(join(path, key)))
}

func (p *printer) origin(path string) string {
	o := string(p.origins[path])
	if o == "" {
		return "default"
	}
	if file, line, ok := strings.Cut(o, ":"); ok && filepath.IsAbs(file) {
		return filepath.Base(file) + ":" + line
	}
	return o
}

// list writes a list that is set; nil is left to detection.
func (p *printer) list(path, key string, items []string) {
	if items == nil {
		return
	}
	if len(items) == 0 {
		p.value(path, key, "[]")
		return
	}
	p.head(path, key, key+":")
	for _, item := range items {
		p.line("  - %s", scalar(item))
	}
}

func (p *printer) suite(s *Suite) {
	at := "suites." + s.Name
	p.open(scalar(s.Name))
	p.value(at, "framework", s.Framework)
	p.list(at, "paths", s.Paths)
	p.list(at, "args", s.Args)
	p.ownKeys(at, s.Keys)
	if s.Workers != nil {
		p.value(at, "workers", s.Workers.String())
	}
	if s.Schedule != "" {
		p.value(at, "schedule", s.Schedule)
	}
	if s.SplitBy != "" {
		p.value(at, "split_by", s.SplitBy)
	}
	if s.Collection != "" {
		p.value(at, "collection", s.Collection)
	}
	if s.Retries != nil {
		p.value(at, "retries", strconv.Itoa(*s.Retries))
	}
	if s.Coverage != nil {
		p.coverage(at, s.Coverage)
	}
	if s.Env != nil {
		p.env(at, "env", s.Env)
	}
	if s.Limits != nil {
		p.limits(at, s.Limits, true)
	}
	if s.Artifacts != nil {
		p.artifacts(at, s.Artifacts)
	}
	p.shut()
}

func (p *printer) coverage(path string, c *Coverage) {
	at := join(path, "coverage")
	p.open("coverage")
	if c.Enabled != nil {
		p.value(at, "enabled", strconv.FormatBool(*c.Enabled))
	}
	if c.FailUnder != nil {
		p.value(at, "fail_under", strconv.FormatFloat(*c.FailUnder, 'f', -1, 64))
	}
	p.list(at, "sources", c.Sources)
	p.shut()
}

func (p *printer) env(path, key string, e *Env) {
	at := join(path, key)
	p.open(key)
	if len(e.Set) > 0 {
		p.variables(at, "set", e.Set)
	}
	p.list(at, "pass", e.Pass)
	p.shut()
}

func (p *printer) artifacts(path string, a *Artifacts) {
	at := join(path, "artifacts")
	p.open("artifacts")
	p.list(at, "keep", a.Keep)
	if a.Place != nil {
		p.value(at, "place", strconv.FormatBool(*a.Place))
	}
	p.shut()
}

func (p *printer) cache(path string, c *Cache) {
	at := join(path, "cache")
	p.open("cache")
	if c.MaxSize != 0 {
		p.value(at, "max_size", c.MaxSize.String())
	}
	if c.MaxAge != 0 {
		p.value(at, "max_age", c.MaxAge.String())
	}
	if c.Registry != "" {
		p.value(at, "registry", c.Registry)
	}
	p.value(at, "refresh", c.Refresh.String())
	if len(c.Dirs) > 0 {
		p.variables(at, "dirs", c.Dirs)
	}
	p.shut()
}

func (p *printer) variables(path, key string, values map[string]string) {
	if len(values) == 0 {
		p.value(path, key, "{}")
		return
	}
	p.head(path, key, key+":")
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		p.line("  %s: %s", scalar(name), yamlEscape(values[name]))
	}
}

// limits writes the limits; with given, only those that the file gives.
func (p *printer) limits(path string, l *Limits, given bool) {
	at := join(path, "limits")
	p.open("limits")
	for key, v := range l.fields() {
		if _, said := p.origins[at+"."+key]; said || !given && !v.IsZero() {
			p.value(at, key, fmt.Sprint(v.Interface()))
		}
	}
	p.shut()
}

// scalar writes a string so that YAML reads it as one.
func scalar(s string) string {
	for i, r := range s {
		plain := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || i > 0 && (r >= '0' && r <= '9' || strings.ContainsRune("-_./", r))
		if !plain {
			return quoteYAML(s)
		}
	}
	switch strings.ToLower(s) {
	case "", "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return quoteYAML(s)
	}
	return s
}

// quoteYAML uses single quotes where they suffice: commands stay readable.
func quoteYAML(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r > 0x7e }) < 0 {
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return yamlEscape(s)
}

// yamlEscape writes a double-quoted string in YAML's own escapes.
func yamlEscape(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x7f:
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
