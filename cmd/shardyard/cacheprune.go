package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/configs"
)

func newCacheUsageCommand() *cobra.Command {
	var f cacheFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "du",
		Short: "Sum up what is kept on this machine, by project",
		Long: `Sums up what all projects of this machine keep, the largest first. A project is named by the hash that engines know it by;
this one is marked.`,
		Example: `  shardyard cache du`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd, func(all []keeper, at owned) error {
				things, engines, err := usageOf(cmd.Context(), all, cache.Everyones)
				if err != nil {
					return err
				}
				sums := sumUp(listed(things, engines), at.id.Hash())
				if asJSON {
					return printJSON(cmd.OutOrStdout(), sums)
				}
				return infra(showSums(cmd.OutOrStdout(), sums))
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// A sum is what one project keeps on one engine.
type sum struct {
	Engine  string    `json:"engine"` // "" for none
	Project string    `json:"project"`
	Here    bool      `json:"here"` // the command was called in this project
	Things  int       `json:"things"`
	Size    int64     `json:"bytes"`
	Used    time.Time `json:"used,omitzero"`
}

func sumUp(things []kept, here string) []sum {
	type id struct{ engine, project string }
	sums := map[id]*sum{}
	for _, k := range things {
		s := sums[id{k.Engine, k.Project}]
		if s == nil {
			s = &sum{Engine: k.Engine, Project: k.Project, Here: k.Project == here}
			sums[id{k.Engine, k.Project}] = s
		}
		s.Things++
		s.Size += max(k.Size, 0)
		if k.Used.After(s.Used) {
			s.Used = k.Used
		}
	}
	list := []sum{}
	for _, s := range sums {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b sum) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Project, b.Project), cmp.Compare(a.Engine, b.Engine))
	})
	return list
}

func showSums(out io.Writer, sums []sum) error {
	if len(sums) == 0 {
		_, err := fmt.Fprintln(out, nothingKept(true))
		return err
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ENGINE\tPROJECT\tTHINGS\tSIZE\tUSED")
	var total int64
	for _, s := range sums {
		here := ""
		if s.Here {
			here = " (here)"
		}
		fmt.Fprintf(w, "%s\t%s%s\t%d\t%s\t%s\n", cmp.Or(s.Engine, "-"), s.Project, here, s.Things, megabytes(s.Size), s.Used.Local().Format(time.DateTime))
		total += s.Size
	}
	fmt.Fprintf(w, "total\t\t\t%s\t\n", megabytes(total))
	return w.Flush()
}

func newCachePruneCommand() *cobra.Command {
	var f cacheFlags
	var size, age string
	var dry bool
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove what was used least recently on this machine",
		Long: `Removes what was not used for --max-age, and then what was used least recently until --max-size is left, of all projects of this
machine together. What a live run uses, or may be about to use, stays.`,
		Example: `  shardyard cache prune --max-size 20g
  shardyard cache prune --max-age 7d --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			limits, err := pruneLimits(size, age)
			if err != nil {
				return usageError{err}
			}
			return f.with(cmd, func(all []keeper, _ owned) error {
				return prune(cmd.Context(), cmd.OutOrStdout(), all, limits, dry)
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&size, "max-size", "", "how much may be left, as 20g or 500m")
	cmd.Flags().StringVar(&age, "max-age", "", "how long something may be unused, as 7d or 12h")
	cmd.Flags().BoolVarP(&dry, "dry-run", "n", false, "only say what would be removed")
	return cmd
}

func pruneLimits(size, age string) (cache.Limits, error) {
	limits := cache.Limits{Size: -1, Age: -1}
	if size == "" && age == "" {
		return limits, errors.New("cache prune needs a limit: --max-size 20g, --max-age 7d, or both (`shardyard cache clear` removes all of this project)")
	}
	if size != "" {
		s, err := configs.ParseSize(size)
		if err != nil {
			return limits, fmt.Errorf("--max-size: %w", err)
		}
		limits.Size = int64(s)
	}
	if age != "" {
		d, err := configs.ParseDuration(age)
		if err != nil {
			return limits, fmt.Errorf("--max-age: %w", err)
		}
		limits.Age = time.Duration(d)
	}
	return limits, nil
}

// prune removes what is too much of what all keepers keep together.
func prune(ctx context.Context, out io.Writer, all []keeper, limits cache.Limits, dry bool) error {
	things, engines, err := usageOf(ctx, all, cache.Everyones)
	if err != nil {
		return err
	}
	surplus := limits.Surplus(things, time.Now())
	dropped := surplus
	if !dry {
		if dropped, err = drop(ctx, all, surplus, engines); err != nil {
			return err
		}
	}
	if len(dropped) > 0 {
		if err := showKept(out, listed(dropped, engines), true); err != nil {
			return infra(err)
		}
	}
	did := "removed"
	if dry {
		did = "would remove"
	}
	text := fmt.Sprintf("%s %d of %d things, %s of %s", did, len(dropped), len(things), megabytes(cache.Total(dropped)), megabytes(cache.Total(things)))
	if n := len(surplus) - len(dropped); n > 0 {
		text += fmt.Sprintf("; %d stayed that a run may need, or that others are made from", n)
	}
	_, err = fmt.Fprintln(out, text)
	return infra(err)
}

// drop has each keeper drop its own of some things, and returns those that are gone.
func drop(ctx context.Context, all []keeper, things []cache.Kept, engines map[cache.Kept]string) (dropped []cache.Kept, err error) {
	for _, k := range all {
		mine := slices.DeleteFunc(slices.Clone(things), func(u cache.Kept) bool { return engines[u] != k.name })
		gone, err := k.store.Drop(ctx, mine)
		dropped = append(dropped, gone...)
		if err != nil {
			return dropped, infraError{err}
		}
	}
	return dropped, nil
}
