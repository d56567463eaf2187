package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/source"
)

func newCacheCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "List and remove what shardyard keeps between runs",
		Long: `Between runs a project keeps its environments, its source tree, the package cache and the agent on the engine, and the
bytecode of its sources here. They expire by themselves. Results (.shardyard) and the history of times are no cache.`,
		Example: `  shardyard cache list
  shardyard cache du
  shardyard cache prune --max-size 20g --max-age 7d
  shardyard cache export environment.tar.gz
  shardyard cache clear`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCacheListCommand(), newCacheUsageCommand(), newCacheExplainCommand(), newCacheVerifyCommand(), newCachePruneCommand(), newCacheClearCommand(),
		newCacheExportCommand(), newCacheImportCommand(), newCachePushCommand())
	return cmd
}

// cacheFlags are those of the cache commands.
type cacheFlags struct {
	projectFlags
	logbook
	engine string
}

func (f *cacheFlags) register(cmd *cobra.Command) {
	f.projectFlags.register(cmd)
	f.logbook.register(cmd)
	cmd.Flags().StringVar(&f.engine, "engine", "auto", "whose cache: "+engineNames()+"; auto is every engine that answers")
}

// A keeper is a store with what a project keeps in it.
type keeper struct {
	name  string // of its engine; "" for none
	store cache.Store
	close func() error
}

// keepers opens what keeps things for the project that the flags name.
func (f *cacheFlags) keepers(ctx context.Context) (all []keeper, at owned, why string, err error) {
	logger, err := f.logger()
	if err != nil {
		return nil, at, "", err
	}
	if at, err = f.owner(ctx, f.dir); err != nil {
		return nil, at, "", err
	}
	all, why, err = keepers(ctx, f.engine, at.id, logger)
	return all, at, why, err
}

// keepers opens the engines that a name stands for, and the stores that belong to no
// engine. With auto it skips an engine that does not answer; why lists those, with
// the reasons.
func keepers(ctx context.Context, name string, id source.Project, logger hclog.Logger) (all []keeper, why string, err error) {
	kinds, err := engines.Select(name)
	if err != nil {
		return nil, "", usage(err)
	}
	var passed []string
	for _, k := range kinds {
		e, err := k.Open(ctx, engineOptions(id, engine.BuilderOptions{}, logger))
		switch {
		case err == nil:
			all = append(all, keeper{k.Name, e, e.Close})
		case len(kinds) == 1:
			return nil, "", infraError{err}
		default:
			passed = append(passed, fmt.Sprintf("%s: %v", k.Name, err))
		}
	}
	bytecode := orchestrator.CompiledStore(compiledDir(id), time.Now)
	all = append(all, keeper{"", bytecode, func() error { return nil }})
	return all, strings.Join(passed, "\n"), nil
}

func closeAll(all []keeper) error {
	var errs []error
	for _, k := range all {
		errs = append(errs, k.close())
	}
	return errors.Join(errs...)
}

// kept is one thing of the list.
type kept struct {
	Engine  string    `json:"engine"` // "" for none
	Kind    string    `json:"kind"`
	Name    string    `json:"name"`
	Project string    `json:"project"`
	Size    int64     `json:"bytes"` // -1: not known
	Used    time.Time `json:"used,omitzero"`
}

// listed makes the list of things; engines has the name of each one's engine.
func listed(things []cache.Kept, engines map[cache.Kept]string) []kept {
	list := make([]kept, len(things))
	for i, k := range things {
		list[i] = kept{engines[k], k.Kind, k.Name, k.Project, k.Size, k.Used}
	}
	return list
}

func newCacheListCommand() *cobra.Command {
	var f cacheFlags
	var asJSON, everyones bool
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List what is kept for this project, or for all of this machine",
		Long: `Lists what is kept, with its size and when it was used last. What several things share is counted once. A project is named
by the hash that engines know it by.`,
		Example: `  shardyard cache list
  shardyard cache list --all-projects --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd, func(all []keeper, _ owned) error {
				things, engines, err := usageOf(cmd.Context(), all, cache.Whose(everyones))
				if err != nil {
					return err
				}
				list := listed(things, engines)
				if asJSON {
					return printJSON(cmd.OutOrStdout(), list)
				}
				return showKept(cmd.OutOrStdout(), list, everyones)
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&everyones, "all-projects", false, "what every project of this machine keeps")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// with calls do with the keepers and the project, and says which engines do not answer.
func (f *cacheFlags) with(cmd *cobra.Command, do func([]keeper, owned) error) (err error) {
	all, at, why, err := f.keepers(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, infra(closeAll(all))) }()
	if why != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), why)
	}
	return do(all, at)
}

// usageOf returns what all keepers keep, and the name of each thing's engine.
func usageOf(ctx context.Context, all []keeper, whose cache.Whose) (things []cache.Kept, engines map[cache.Kept]string, err error) {
	engines = map[cache.Kept]string{}
	for _, k := range all {
		list, err := k.store.Usage(ctx, whose)
		if err != nil {
			return nil, nil, infraError{err}
		}
		things = append(things, list...)
		for _, u := range list {
			engines[u] = k.name
		}
	}
	return things, engines, nil
}

func showKept(out io.Writer, things []kept, everyones bool) error {
	if len(things) == 0 {
		_, err := fmt.Fprintln(out, nothingKept(everyones))
		return err
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	project := func(text string) string {
		if !everyones {
			return ""
		}
		return text + "\t"
	}
	fmt.Fprintf(w, "ENGINE\tKIND\tSIZE\tUSED\t%sNAME\n", project("PROJECT"))
	for _, k := range things {
		used := "-"
		if !k.Used.IsZero() {
			used = k.Used.Local().Format(time.DateTime)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s%s\n", cmp.Or(k.Engine, "-"), k.Kind, megabytes(k.Size), used, project(k.Project), k.Name)
	}
	return w.Flush()
}

func nothingKept(everyones bool) string {
	if everyones {
		return "nothing is kept on this machine"
	}
	return "nothing is kept for this project"
}

// megabytes writes a size; "?" for one that is not known.
func megabytes(bytes int64) string {
	if bytes < 0 {
		return "?"
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

func newCacheClearCommand() *cobra.Command {
	var f cacheFlags
	var all bool
	cmd := &cobra.Command{
		Use:   "clear",
		Short: "Remove what is kept for this project",
		Long: `Removes environments, source trees, the package cache and the agent of this project from the engines, and the bytecode of
its sources. The next run makes them again. Refused while a run of the project lives. --all removes the project's results and history too.`,
		Example: `  shardyard cache clear
  shardyard cache clear --engine docker
  shardyard cache clear --all`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.with(cmd, func(keepers []keeper, at owned) error {
				for _, k := range keepers {
					if err := k.store.ClearAll(cmd.Context()); err != nil {
						return infraError{fmt.Errorf("%s: %w", cmp.Or(k.name, "bytecode"), err)}
					}
					if k.name != "" {
						fmt.Fprintf(cmd.OutOrStdout(), "%s: nothing is kept any more\n", k.name)
					}
				}
				if !all {
					return nil
				}
				if err := f.forget(cmd.Context(), at); err != nil {
					return infraError{err}
				}
				fmt.Fprintln(cmd.OutOrStdout(), "results and history are gone too")
				return nil
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "results (.shardyard) and history of the project too")
	return cmd
}

// forget removes the results and the history of a project.
func (f *cacheFlags) forget(ctx context.Context, at owned) (err error) {
	if err := os.RemoveAll(filepath.Join(at.dir, ".shardyard")); err != nil {
		return fmt.Errorf("remove results: %w", err)
	}
	logger, err := f.logger()
	if err != nil {
		return err
	}
	db, err := history.Open(ctx, filepath.Join(stateDir(), "history.db"), logger.Named("history"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Adopt(ctx, at.id.ID, at.id.Before...); err != nil {
		return err
	}
	suites, err := db.Suites(ctx)
	if err != nil {
		return err
	}
	for _, key := range suites {
		if strings.HasPrefix(key, history.Key(at.id.ID, "")) {
			if err := db.Forget(ctx, key); err != nil {
				return err
			}
		}
	}
	return nil
}
