package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// batchCost is what a process costs besides its units until history knows it.
const batchCost = time.Second

// Description implements [framework.Description] for commands.
type Description struct{}

// Name implements [framework.Description].
func (Description) Name() string { return Name }

// Keys implements [framework.Description].
func (Description) Keys() []framework.Key {
	return []framework.Key{
		{Name: "list", Kind: framework.Text, Doc: "A shell command that prints a unit in each line."},
		{Name: "run", Kind: framework.Text, Doc: "A shell command that runs units: {units} are words, {units:,} joins them, {units:regex} is an alternative of them; $SHARDYARD_UNITS names a file with one in each line."},
		{Name: "junit", Kind: framework.List, Doc: "Patterns of the JUnit files that run writes, where it does not write one to {junit}."},
		{Name: "case", Kind: framework.Text, Doc: "The attribute of a JUnit case that names its unit. Default: name.", Of: []string{byName, byClass, byFile}},
		{Name: "extra", Kind: framework.Text, Doc: "What becomes of cases that no unit owns. Default: error.", Of: []string{extraError, extraIgnore}},
		{Name: "coverage_files", Kind: framework.List, Doc: "Patterns of the coverage files that run leaves behind."},
		{Name: "coverage_combine", Kind: framework.Text, Doc: "A shell command that makes one result of all workers' coverage files: {files} are words, {out} is a directory for it; $SHARDYARD_FILES names a file with one path in each line."},
	}
}

// What `extra` may say.
const (
	extraError  = "error"
	extraIgnore = "ignore"
)

// Detect implements [framework.Description]: nothing tells which commands test
// a project.
func (Description) Detect(string) (*framework.Detected, error) {
	return nil, nil //nolint:nilnil // as the interface has it
}

// Suite implements [framework.Description]. Paths, and what follows --, are
// units to run.
func (d Description) Suite(ask framework.Ask) (framework.Suite, error) {
	o, err := d.options(ask.Keys)
	if err != nil {
		return framework.Suite{}, err
	}
	if err := o.vet(); err != nil {
		return framework.Suite{}, err
	}
	if err := o.cover(ask.Coverage); err != nil {
		return framework.Suite{}, err
	}
	switch {
	case len(ask.Args) > 0:
		return framework.Suite{}, fmt.Errorf("args are of no use to a command (%s): write them into run", strings.Join(ask.Args, " "))
	case ask.Markers != "" || ask.Keyword != "":
		return framework.Suite{}, errors.New("-m and -k are of no use to a command: name units behind --")
	}
	units := ask.Paths
	if len(ask.User) > 0 {
		units = ask.User
	}
	s := framework.Suite{Framework: Name, Args: units, Options: worker.Raw(o), OwnTree: true}
	if o.cased() {
		s.Batch = batchCost
	}
	return s, nil
}

func (Description) options(keys map[string]json.RawMessage) (o Options, err error) {
	var extra string
	for name, to := range map[string]any{
		"list": &o.List, "run": &o.Run, "junit": &o.JUnit, "case": &o.Case, "extra": &extra,
		"coverage_files": &o.Coverage, "coverage_combine": &o.Combine,
	} {
		if raw, ok := keys[name]; ok {
			if err := json.Unmarshal(raw, to); err != nil {
				return o, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	o.IgnoreExtra = extra == extraIgnore
	if o.Case == "" {
		o.Case = byName
	}
	return o, nil
}

// vet returns the user's mistakes.
func (o Options) vet() error {
	for _, key := range []struct{ name, value string }{{"list", o.List}, {"run", o.Run}} {
		if strings.TrimSpace(key.value) == "" {
			return fmt.Errorf("a suite of framework %s needs %s: see docs/frameworks.md", Name, key.name)
		}
	}
	t, err := o.template()
	switch {
	case err != nil:
		return fmt.Errorf("run: %w", err)
	case len(o.JUnit) > 0 && t.has(junitWord):
		return errors.New("junit names files that run writes, and {junit} in run is a file that shardyard names: use one of the two")
	case o.Combine != "" && len(o.Coverage) == 0, o.Combine == "" && len(o.Coverage) > 0:
		return errors.New("coverage_files and coverage_combine need each other: write both")
	}
	if _, err := parse(o.Combine, filesWord, outWord); err != nil {
		return fmt.Errorf("coverage_combine: %w", err)
	}
	for _, list := range []struct {
		name     string
		patterns []string
	}{{"junit", o.JUnit}, {"coverage_files", o.Coverage}} {
		for _, p := range list.patterns {
			if err := checkPattern(p); err != nil {
				return fmt.Errorf("%s: %w", list.name, err)
			}
		}
	}
	return nil
}

// cover does as the user asks: what commands measure is their own business.
func (o *Options) cover(c framework.Coverage) error {
	switch {
	case c.FailUnder != nil:
		return errors.New("coverage.fail_under is of no use to a command: let coverage_combine fail under the limit")
	case len(c.Sources) > 0:
		return errors.New("coverage.sources is of no use to a command: choose what is measured in run")
	case c.Enabled == nil:
		return nil
	case *c.Enabled && o.Combine == "":
		return errors.New("coverage of a command needs coverage_files and coverage_combine: write both")
	case !*c.Enabled:
		o.Coverage, o.Combine = nil, ""
	}
	return nil
}

// Deliver implements [framework.Description]. Result files keep their place
// below out.
func (Description) Deliver(_ framework.Suite, done worker.Concluded) (framework.Delivery, error) {
	var d framework.Delivery
	for _, name := range done.Files {
		d.Files = append(d.Files, framework.File{Name: name, As: strings.TrimPrefix(name, "out/")})
	}
	var s Summary
	if len(done.Summary) > 0 {
		if err := json.Unmarshal(done.Summary, &s); err != nil {
			return d, fmt.Errorf("read the conclusion's summary: %w", err)
		}
	}
	if c := s.Coverage; c != nil && c.Files > 0 {
		d.Notes = append(d.Notes, "combined coverage is in the run's results, in coverage/")
	}
	if c := s.Coverage; c != nil && len(c.Missing) > 0 {
		d.Coverage = &framework.Covered{Reason: strings.Join(c.Missing, "; ")}
	}
	return d, nil
}
