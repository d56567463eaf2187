package configs

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// Fill sets the values that the file left open to those that were detected.
func (c *Config) Fill(d *framework.Detected) {
	because := Origin("detected")
	if len(d.Evidence) > 0 {
		because = Origin("detected: " + d.Evidence[0].String())
	}
	fill := func(name string, into *[]string, found []string) {
		if *into == nil && len(found) > 0 {
			*into = slices.Clone(found)
			c.origins[name] = because
		}
	}
	given := c.Setup != nil
	if !given && c.Prepare == nil {
		c.fillEnv(d, because)
	}
	fill("setup", &c.Setup, d.Setup)
	fill("prepare", &c.Prepare, d.Prepare)
	// The key files of a detected setup say nothing about another one, but they
	// are all that there is to go by.
	if given && c.Key == nil {
		because = "detected; setup is yours: check that these are what it reads"
	}
	fill("key", &c.Key, d.Key)
	c.fillFramework(d.Framework)
	if c.Source.Git == nil && d.AsksGit {
		yes := true
		c.Source.Git = &yes
		c.origins["source.git"] = "detected: the version comes from git"
	}
}

// fillEnv sets variables that the project's own tool sets for tests, and lets those
// through that it lets through, besides those of the file.
func (c *Config) fillEnv(d *framework.Detected, because Origin) {
	for name, value := range d.Env {
		if _, given := c.Env.Set[name]; given {
			continue
		}
		if c.Env.Set == nil {
			c.Env.Set = map[string]string{}
		}
		c.Env.Set[name] = value
		c.origins["env.set."+name] = because
	}
	for _, name := range d.Pass {
		if !slices.Contains(c.Env.Pass, name) {
			c.Env.Pass = append(c.Env.Pass, name)
		}
	}
}

// fillFramework sets the detected framework for suites that name none and have no
// key of a framework.
func (c *Config) fillFramework(name string) {
	if name == "" || name == c.framework {
		return
	}
	c.framework = name
	for i := range c.Suites {
		at := "suites." + c.Suites[i].Name + ".framework"
		if c.origins[at] == "" && len(c.Suites[i].Keys) == 0 {
			c.Suites[i].Framework, c.origins[at] = name, "detected"
		}
	}
}

// SuiteNames returns the names of the suites, in the file's order.
func (c *Config) SuiteNames() []string {
	names := make([]string, len(c.Suites))
	for i, s := range c.Suites {
		names[i] = s.Name
	}
	return names
}

// Effective is one suite with everything that it takes from the whole file.
type Effective struct {
	Name      string // "" for a project without named suites
	Framework string // "" for a project without named suites: the detected one's
	Args      []string
	Paths     []string
	// Keys are the values of the framework's own keys, as JSON.
	Keys       map[string]json.RawMessage
	Workers    Workers
	Schedule   string
	SplitBy    string
	Collection string
	Retries    int
	Coverage   Coverage
	Env        Env
	Limits     Limits
	Artifacts  Artifacts
}

// Suite returns the suite with a name. The name may be empty if the project has
// one suite or none. The error lists the suites of the project.
func (c *Config) Suite(name string) (Effective, error) {
	e := Effective{
		Framework: c.framework, Workers: c.Workers, Schedule: c.Schedule, SplitBy: c.SplitBy, Collection: c.Collection, Retries: c.Retries,
		Coverage: c.Coverage, Env: c.Env, Limits: c.Limits, Artifacts: c.Artifacts,
	}
	if len(c.Suites) == 0 && name == "" {
		return e, nil
	}
	s, err := c.suite(name)
	if err != nil {
		return Effective{}, err
	}
	e.Name, e.Framework, e.Args, e.Paths, e.Keys = s.Name, s.Framework, s.Args, s.Paths, s.Keys
	if s.Workers != nil {
		e.Workers = *s.Workers
	}
	if s.Schedule != "" {
		e.Schedule = s.Schedule
	}
	if s.SplitBy != "" {
		e.SplitBy = s.SplitBy
	}
	if s.Collection != "" {
		e.Collection = s.Collection
	}
	if s.Retries != nil {
		e.Retries = *s.Retries
	}
	if s.Coverage != nil {
		e.Coverage = e.Coverage.with(*s.Coverage)
	}
	if s.Env != nil {
		e.Env = e.Env.with(*s.Env)
	}
	if s.Limits != nil {
		e.Limits = c.limits(s.Name, *s.Limits)
	}
	if s.Artifacts != nil {
		e.Artifacts = e.Artifacts.with(*s.Artifacts)
	}
	return e, nil
}

func (c *Config) suite(name string) (Suite, error) {
	if name == "" && len(c.Suites) == 1 {
		return c.Suites[0], nil
	}
	for _, s := range c.Suites {
		if s.Name == name && name != "" {
			return s, nil
		}
	}
	names := strings.Join(c.SuiteNames(), ", ")
	switch {
	case name == "":
		return Suite{}, fmt.Errorf("this project has several suites, name one: %s", names)
	case len(c.Suites) == 0:
		return Suite{}, fmt.Errorf("there is no suite %q: %s names no suites; to pass it to the framework, put -- before it", name, FileName)
	}
	if meant := Nearest(name, c.SuiteNames()); meant != "" {
		return Suite{}, fmt.Errorf("there is no suite %q: did you mean %s?", name, meant)
	}
	return Suite{}, fmt.Errorf("there is no suite %q: name one of %s", name, names)
}

func (c Coverage) with(over Coverage) Coverage {
	if over.Enabled != nil {
		c.Enabled = over.Enabled
	}
	if over.FailUnder != nil {
		c.FailUnder = over.FailUnder
	}
	if over.Sources != nil {
		c.Sources = over.Sources
	}
	return c
}

// with keeps what the whole file keeps, and what the suite does.
func (a Artifacts) with(over Artifacts) Artifacts {
	a.Keep = slices.Concat(a.Keep, over.Keep)
	if over.Place != nil {
		a.Place = over.Place
	}
	return a
}

func (e Env) with(over Env) Env {
	set := maps.Clone(e.Set)
	if set == nil {
		set = map[string]string{}
	}
	maps.Copy(set, over.Set)
	pass := slices.Concat(e.Pass, over.Pass)
	slices.Sort(pass)
	return Env{Set: set, Pass: slices.Compact(pass)}
}

// limits returns the limits with those that a suite gives itself. It asks the
// origins which were given, as 0 is a value of some limits.
func (c *Config) limits(suite string, over Limits) Limits {
	l := c.Limits
	own := maps.Collect(over.fields())
	for key, v := range l.fields() {
		if _, given := c.origins["suites."+suite+".limits."+key]; given {
			v.Set(own[key])
		}
	}
	return l
}

// fields are the limits by their keys, in the order of the schema.
func (l *Limits) fields() iter.Seq2[string, reflect.Value] {
	return func(yield func(string, reflect.Value) bool) {
		v := reflect.ValueOf(l).Elem()
		for i := range v.NumField() {
			if !yield(v.Type().Field(i).Tag.Get("yaml"), v.Field(i)) {
				return
			}
		}
	}
}

// Values returns the variables that tests see: Set, and the variables that Pass
// names, as lookup (os.LookupEnv) has them. missing are the names in Pass that
// lookup does not have.
func (e Env) Values(lookup func(string) (string, bool)) (values map[string]string, missing []string) {
	values = map[string]string{}
	for _, name := range e.Pass {
		if value, ok := lookup(name); ok {
			values[name] = value
		} else {
			missing = append(missing, name)
		}
	}
	maps.Copy(values, e.Set)
	return values, missing
}
