package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/configs"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/report"
)

// A bound is limits of a file of settings, and whose things they bound.
type bound struct {
	cache.Limits
	whose cache.Whose
	words string // the limits, and where they are from
}

// bounds returns what bounds what is kept: the project's config its own things, the
// user's own file those of all projects. Untrusted code's config bounds nothing: it
// would have trusted runs build again.
func (p *project) bounds() (all []bound) {
	if b, ok := boundOf(p.config.Cache.Held(), cache.Own, p.config.Origin); ok && !p.untrusted {
		all = append(all, b)
	}
	if b, ok := boundOf(p.machine.Cache, cache.Everyones, p.machine.Origin); ok {
		all = append(all, b)
	}
	return all
}

func boundOf(c configs.Held, whose cache.Whose, origin func(string) configs.Origin) (bound, bool) {
	b := bound{Limits: cache.Limits{Size: -1, Age: -1}, whose: whose}
	var words []string
	say := func(key, value string) {
		words = append(words, fmt.Sprintf("cache.%s %s (%s)", key, value, filepath.Base(string(origin("cache."+key)))))
	}
	if c.MaxSize > 0 {
		b.Size = int64(c.MaxSize)
		say("max_size", c.MaxSize.String())
	}
	if c.MaxAge > 0 {
		b.Age = time.Duration(c.MaxAge)
		say("max_age", c.MaxAge.String())
	}
	b.words = strings.Join(words, ", ")
	return b, len(words) > 0
}

// How often what is kept is measured when nothing was added to speak of, and how long
// that may take.
const (
	boundEvery = time.Hour
	boundFor   = 20 * time.Second
)

// hold holds what is kept to its bounds, after runs that began at a time. It tells out
// what went, in a line. That it could not be done fails no run.
func (p *project) hold(ctx context.Context, began time.Time, reports []*report.Report, out io.Writer, logger hclog.Logger) {
	bounds := p.bounds()
	if len(bounds) == 0 || len(reports) == 0 || ctx.Err() != nil {
		return
	}
	checked := filepath.Join(stateDir(), "bounds-"+p.id.Hash())
	if !slices.ContainsFunc(reports, builtSome) && measured(checked, bounds) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, boundFor)
	defer cancel()
	err := func() (err error) {
		all, _, err := keepers(ctx, engine.Auto, p.id, logger)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, closeAll(all)) }()
		for _, b := range bounds {
			line, err := b.hold(ctx, all, began)
			if err != nil {
				return err
			}
			if line != "" {
				fmt.Fprintln(out, line)
			}
		}
		return os.WriteFile(checked, []byte(wordsOf(bounds)), 0o644)
	}()
	if err != nil {
		logger.Warn("what is kept is not held to its limits; `shardyard cache prune` does it", "error", err)
	}
}

// builtSome reports whether a run has added an environment or the like.
func builtSome(r *report.Report) bool {
	return slices.ContainsFunc(r.Steps, func(s report.Step) bool { return slices.Contains(explained, s.Name) && s.Done && !s.Cached })
}

// measured reports whether what is kept was held to these bounds just now.
func measured(checked string, bounds []bound) bool {
	info, err := os.Stat(checked)
	if err != nil || time.Since(info.ModTime()) > boundEvery {
		return false
	}
	text, err := os.ReadFile(checked)
	return err == nil && string(text) == wordsOf(bounds)
}

func wordsOf(bounds []bound) string {
	var words []string
	for _, b := range bounds {
		words = append(words, b.words)
	}
	return strings.Join(words, "\n")
}

// hold removes what is beyond the bound and was not used since began: what the run
// itself has used the next one needs. It returns a line for the user; "" where there
// is nothing to say.
func (b bound) hold(ctx context.Context, all []keeper, began time.Time) (line string, err error) {
	things, engines, err := usageOf(ctx, all, b.whose)
	if err != nil {
		return "", err
	}
	surplus := slices.DeleteFunc(b.Surplus(things, time.Now()), func(k cache.Kept) bool { return !k.Used.Before(began) })
	dropped, err := drop(ctx, all, surplus, engines)
	left := cache.Total(things) - cache.Total(dropped)
	switch {
	case len(dropped) > 0:
		line = fmt.Sprintf("cache  removed %s, %s, for %s; %s are left", report.Count(len(dropped), "thing", "things"),
			megabytes(cache.Total(dropped)), b.words, megabytes(left))
	case b.Size >= 0 && left > b.Size && len(surplus) == 0:
		line = fmt.Sprintf("cache  %s are kept, and this run used all of it: %s is too little to start warm", megabytes(left), b.words)
	}
	return line, err
}
