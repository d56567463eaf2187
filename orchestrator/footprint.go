package orchestrator

import (
	"context"
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// A footprint is what prepare reads of a tree: two trees with one footprint are
// prepared alike.
type footprint struct {
	id    string          // "" if it may read any file
	files map[string]bool // those of the tree, true for what says how to build
	stale worker.Patterns
}

// footprintOf returns that of commands that install the project, by what its
// toolchain knows of them.
func footprintOf(ctx context.Context, src *source.Source, reads *framework.Reads, commands []string) (footprint, error) {
	if reads == nil {
		return footprint{}, nil
	}
	r, err := readRules(reads)
	if err != nil {
		return footprint{}, err
	}
	for _, c := range commands {
		if !r.knows(c) || r.any.MatchString(c) {
			return footprint{}, nil
		}
	}
	var build strings.Builder
	files := map[string]bool{}
	unread := r.named
	for i := range src.Files {
		f := &src.Files[i]
		builds := r.build.Match(f.Path)
		files[f.Path] = builds
		switch {
		case builds || r.locks.Match(f.Path):
			text, err := src.Content(ctx, f)
			if err != nil {
				return footprint{}, fmt.Errorf("read %s: %w", f.Path, err)
			}
			if r.any.Match(text) {
				return footprint{}, nil
			}
			if builds {
				build.Write(text)
				build.WriteByte('\n')
			}
		case r.compiled.Match(f.Path):
			unread = r.tests
		}
	}
	if r.compiles.MatchString(build.String()) {
		unread = r.tests
	}
	words := map[string]bool{}
	for _, w := range word.FindAllString(build.String(), -1) {
		words[w] = true
	}
	id := src.Digest(func(f *source.File) bool {
		return files[f.Path] || words[nameOf(f.Path)] || !unread.Match(f.Path)
	})
	return footprint{id, files, r.stale}, nil
}

// trees returns what names a tree in a key, the widest name first.
func (f footprint) trees(id string) []string {
	if f.id == "" || f.id == id {
		return []string{id}
	}
	return []string{f.id, id}
}

// holds reports whether what commands have written leaves the tree as it was, so that
// their layer goes with another tree of the same footprint.
func (f footprint) holds(wrote worker.Changed) bool {
	if wrote.Cut || wrote.Error != "" || wrote.Others > 0 {
		return false
	}
	for _, w := range wrote.Files {
		if _, source := f.files[w.Path]; source || f.stale.Match(w.Path) {
			return false
		}
	}
	return true
}

var word = regexp.MustCompile(`[\pL\pN_]+`)

// nameOf returns the word by which a build file names a source: that of a module,
// which is its directory's for the file that stands for it.
func nameOf(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".")
	if strings.HasPrefix(name, "__") && path.Dir(file) != "." {
		name = path.Base(path.Dir(file))
	}
	return name
}

// rules are a framework.Reads that can be asked.
type rules struct {
	commands                                    []*regexp.Regexp
	any, compiles                               *regexp.Regexp
	build, locks, named, compiled, tests, stale worker.Patterns
}

func readRules(reads *framework.Reads) (r rules, err error) {
	for _, c := range reads.Commands {
		re, err := regexp.Compile(c)
		if err != nil {
			return r, err
		}
		r.commands = append(r.commands, re)
	}
	if r.any, err = regexp.Compile(reads.Any); err != nil {
		return r, err
	}
	if r.compiles, err = regexp.Compile(reads.Compiles); err != nil {
		return r, err
	}
	for _, p := range []struct {
		to    *worker.Patterns
		lines []string
	}{{&r.build, reads.Build}, {&r.locks, reads.Locks}, {&r.named, reads.Named}, {&r.compiled, reads.Compiled}, {&r.tests, reads.Tests}, {&r.stale, reads.Stale}} {
		if *p.to, err = worker.NewPatterns(p.lines); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (r rules) knows(command string) bool {
	for _, re := range r.commands {
		if re.MatchString(command) {
			return true
		}
	}
	return false
}
