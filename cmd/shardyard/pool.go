package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/configs"
	"github.com/shardyard/shardyard/orchestrator"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/source"
)

// autoPool is as many places as are left where nobody says how many.
const autoPool = 16

// reserves returns how a run uses places that wait: where nobody asks for them, in a
// terminal, and not where a CI system runs it.
func (f *runFlags) reserves(p *project) (orchestrator.Pool, error) {
	size := p.config.Pool
	if f.pool != "" {
		var err error
		if size, err = configs.ParsePool(f.pool); err != nil {
			return orchestrator.Pool{}, fmt.Errorf("--pool %w", err)
		}
	}
	most := int(size)
	if size == configs.AutoPool {
		most = 0
		if f.out != nil && isTerminal(f.out()) && os.Getenv("CI") == "" {
			most = autoPool
		}
	}
	if most == 0 {
		return orchestrator.Pool{}, nil
	}
	return orchestrator.Pool{Most: most, Dir: filepath.Join(stateDir(), "pool", p.id.Hash())}, nil
}

// A leaving is what another process needs to start the places of the next run.
type leaving struct {
	Project source.Project       `json:"project"`
	Engine  string               `json:"engine"`
	Scope   cache.Scope          `json:"scope"`
	Reserve orchestrator.Reserve `json:"reserve"`
}

// keep keeps the reserve of the first suite, which the next run begins with.
func (f *runFlags) keep(p *project, scope cache.Scope, r orchestrator.Reserve) {
	if f.left == nil {
		f.left = &leaving{p.id, f.engine, scope, r}
	}
}

// fill has another process start the places, for which nobody waits.
func (l *leaving) fill(ctx context.Context) error {
	if l == nil {
		return nil
	}
	text, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("leave workers for the next run: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("leave workers for the next run: %w", err)
	}
	from, to, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("leave workers for the next run: %w", err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), self, "pool")
	cmd.Stdin = from
	detach(cmd)
	err = errors.Join(cmd.Start(), from.Close())
	if err == nil {
		_, err = to.Write(text)
		err = errors.Join(err, cmd.Process.Release())
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return fmt.Errorf("leave workers for the next run: %w", err)
	}
	return nil
}

// fillFor is how long the places may take to start.
const fillFor = 2 * time.Minute

// newPoolCommand makes the hidden subcommand that a run leaves behind: it starts the
// places that stdin tells of, and ends.
func newPoolCommand() *cobra.Command {
	var f logbook
	cmd := &cobra.Command{
		Use:    "pool",
		Short:  "Start workers that wait for the next run (started by a run)",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			var l leaving
			if err := json.NewDecoder(cmd.InOrStdin()).Decode(&l); err != nil {
				return fmt.Errorf("read which workers to start: %w", err)
			}
			logger, err := f.logger()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), fillFor)
			defer cancel()
			return infra(l.start(ctx, logger))
		},
	}
	f.register(cmd)
	return cmd
}

func (l *leaving) start(ctx context.Context, logger hclog.Logger) (err error) {
	e, _, err := openEngine(ctx, l.Engine, l.Project, engine.BuilderOptions{Scope: l.Scope}, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	return orchestrator.FillPool(ctx, e, l.Reserve, logger)
}
