package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/report"
)

func newCacheVerifyCommand() *cobra.Command {
	var f cacheFlags
	var everyones, asJSON bool
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that kept environments are as they were built",
		Long: `Reads the environments that are kept for this project, and compares them with what was written down when they were built.
One that is damaged is set aside: the next run builds it anew. Exit status: 0 all are sound, 3 one was damaged.`,
		Example: `  shardyard cache verify
  shardyard cache verify --all-projects --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd, func(all []keeper, _ owned) error {
				list, err := verify(cmd.Context(), all, cache.Whose(everyones))
				if err != nil {
					return err
				}
				if asJSON {
					err = printJSON(cmd.OutOrStdout(), list)
				} else {
					err = showVerified(cmd.OutOrStdout(), list, everyones)
				}
				if err != nil {
					return infra(err)
				}
				for _, v := range list {
					if len(v.Damage) > 0 {
						return exit(report.ExitInfrastructure)
					}
				}
				return nil
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&everyones, "all-projects", false, "what every project of this machine keeps")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// A verified is one thing that was checked.
type verified struct {
	kept
	Damage []string `json:"damage"`
	Aside  string   `json:"aside,omitempty"` // where a damaged one is now
}

// verify checks all that keepers have written something down about, and sets aside what
// is damaged.
func verify(ctx context.Context, all []keeper, whose cache.Whose) ([]verified, error) {
	things, engines, err := usageOf(ctx, all, whose)
	if err != nil {
		return nil, err
	}
	stores := map[string]cache.Store{}
	for _, k := range all {
		stores[k.name] = k.store
	}
	list := []verified{}
	for _, thing := range things {
		v, can := stores[engines[thing]].(cache.Verifier)
		if !can {
			continue
		}
		damage, known, err := v.Verify(ctx, thing)
		if err != nil {
			return nil, infraError{err}
		}
		if !known {
			continue
		}
		found := verified{kept: listed([]cache.Kept{thing}, engines)[0], Damage: append([]string{}, damage...)}
		if len(damage) > 0 {
			if found.Aside, err = v.SetAside(ctx, thing); err != nil {
				return nil, infraError{err}
			}
		}
		list = append(list, found)
	}
	return list, nil
}

func showVerified(out io.Writer, list []verified, everyones bool) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, nothingKept(everyones)+" that can be checked")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "ENGINE\tKIND\tSIZE\tSTATE\tNAME")
	damaged := 0
	for _, v := range list {
		state := "sound"
		if len(v.Damage) > 0 {
			damaged++
			state = "damaged"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", cmp.Or(v.Engine, "-"), v.Kind, megabytes(v.Size), state, v.Name)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, v := range list {
		if len(v.Damage) > 0 {
			fmt.Fprintf(out, "%s: %s; it is set aside as %s\n", v.Name, cache.Some(v.Damage), v.Aside)
		}
	}
	_, err := fmt.Fprintf(out, "%s checked, %d damaged\n", report.Count(len(list), "environment", "environments"), damaged)
	return err
}
