package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/cache"
)

func newCachePushCommand() *cobra.Command {
	var f movingFlags
	var runID string
	cmd := &cobra.Command{
		Use:   "push [REPOSITORY]",
		Short: "Put the environment of a run into a registry of images",
		Long: `Puts the environment that the latest run's workers started from into a repository of images, by default that of cache.registry in
the config. Runs of other machines whose config names the repository pull from it what they lack. Credentials are those of
"docker login".`,
		Example: `  shardyard cache push
  shardyard cache push registry.example.com/team/environments`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return errors.New("cache push takes one repository: shardyard cache push registry.example.com/team/environments")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			e, err := f.installed(cmd.Context(), runID)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, e.Close()) }()
			to, err := f.repository(cmd, args)
			if err != nil {
				return err
			}
			sharer, ok := e.Engine.(cache.Sharer)
			if !ok {
				return infraError{fmt.Errorf("the %s engine has no images that a registry could keep: `shardyard cache export` writes a file", e.bundle.Engine)}
			}
			key := e.bundle.Key
			show := func(line string) { fmt.Fprintln(cmd.ErrOrStderr(), line) }
			if err := sharer.Push(cmd.Context(), key, to, cache.Ungenerated(key), show); err != nil {
				return e.notKept(err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "pushed %s of run %s to %s\n", described(e.bundle), e.run.ID(), to)
			return nil
		},
	}
	f.register(cmd)
	runFlag(cmd, &runID)
	return cmd
}

// repository returns where to push: what the arguments say, or else the config.
func (f *movingFlags) repository(cmd *cobra.Command, args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	p, err := loadProject(cmd.Context(), f.dir, f.config)
	if err != nil {
		return "", err
	}
	if p.config.Cache.Registry == "" {
		return "", usageError{errors.New("name a repository, or write cache.registry in shardyard.yaml: shardyard cache push registry.example.com/team/environments")}
	}
	return p.config.Cache.Registry, nil
}
