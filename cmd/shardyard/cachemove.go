package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/runs"
)

func newCacheExportCommand() *cobra.Command {
	var f movingFlags
	var runID string
	var packages bool
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the environment of a run into a file, for another machine",
		Long: `Writes the environment that the latest run's workers started from, with its base image and the package cache, into a file
(tar, compressed by gzip). "shardyard cache import" takes it in on another machine of the same platform, where the first run then
installs nothing. - is stdout.`,
		Example: `  shardyard cache export environment.tar.gz
  shardyard cache export --packages=false - | ssh ci "cd project && shardyard cache import -"`,
		Args: oneFile("export", "environment.tar.gz"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			e, err := f.installed(cmd.Context(), runID)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, e.Close()) }()
			size, err := e.export(cmd, e.bundle, packages, args[0])
			if err != nil {
				return e.notKept(err)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "exported %s of run %s: %s\n", described(e.bundle), e.run.ID(), megabytes(size))
			return nil
		},
	}
	f.register(cmd)
	runFlag(cmd, &runID)
	cmd.Flags().BoolVar(&packages, "packages", true, "the package cache too, so that a changed lockfile downloads only what is new")
	return cmd
}

func newCacheImportCommand() *cobra.Command {
	var f movingFlags
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Take in an environment that another machine exported",
		Long: `Keeps the environment of a file that "shardyard cache export" wrote as if a run of this project had built it, and its package
cache where this project has none. Runs find it where base image, lockfile and commands are the same. It is trusted as what this
machine built itself is: take it only from who may change what your tests run on. - is stdin.`,
		Example: "  shardyard cache import environment.tar.gz",
		Args:    oneFile("import", "environment.tar.gz"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			open, err := f.opener(cmd.Context())
			if err != nil {
				return err
			}
			file, err := bundleFile(cmd, args[0])
			if err != nil {
				return err
			}
			defer func() { _ = file.Close() }() // it was only read
			b, did, err := takeIn(cmd.Context(), file, open)
			if err != nil {
				return infraError{fmt.Errorf("%s: %w", args[0], err)}
			}
			told := "imported " + described(b)
			if !did.Environment {
				told = "this machine has " + described(b)
			}
			if did.Packages {
				told += ", with its package cache"
			}
			fmt.Fprintln(cmd.OutOrStdout(), told)
			return nil
		},
	}
	f.register(cmd)
	return cmd
}

// takeIn imports the environment of a file.
func takeIn(ctx context.Context, file *os.File, open func(engine string) (*mover, error)) (b cache.Bundle, did cache.Imported, err error) {
	if b, err = checkBundle(file); err != nil {
		return b, did, err
	}
	e, err := open(b.Engine)
	if err != nil {
		return b, did, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if b.Platform != e.platform {
		return b, did, fmt.Errorf("it was made on %s, and this is %s", b.Platform, e.platform)
	}
	in, err := cache.ReadBundle(file)
	if err != nil {
		return b, did, err
	}
	did, err = e.Import(ctx, in)
	return b, did, err
}

// movingFlags are those of export, import and push.
type movingFlags struct {
	projectFlags
	logbook
}

func (f *movingFlags) register(cmd *cobra.Command) {
	f.projectFlags.register(cmd)
	f.logbook.register(cmd)
}

// oneFile refuses arguments that are not one file.
func oneFile(command, example string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("cache %s takes one file: shardyard cache %[1]s %[2]s", command, example)
		}
		return nil
	}
}

func runFlag(cmd *cobra.Command, id *string) {
	cmd.Flags().StringVar(id, "run", "", "whose environment: the id of a run, or the beginning of it; the latest run's unless given")
}

// An installed is the environment of a run, and the engine that keeps it.
type installed struct {
	*mover

	run    *runs.Run
	bundle cache.Bundle
}

// installed returns the environment of the run with this id, of the latest for "".
func (f *movingFlags) installed(ctx context.Context, id string) (*installed, error) {
	open, err := f.opener(ctx)
	if err != nil {
		return nil, err
	}
	var named []string
	if id != "" {
		named = []string{id}
	}
	run, err := findRun(nearestRuns(f.dir), named)
	if err != nil {
		return nil, err
	}
	rep, err := run.Read()
	if err != nil {
		return nil, infraError{err}
	}
	if rep.Installed == nil || rep.Installed.Environment == "" {
		return nil, infraError{fmt.Errorf("run %s installed nothing: it has no environment", run.ID())}
	}
	name, _, _ := strings.Cut(rep.Engine, " ") // before its version
	e, err := open(name)
	if err != nil {
		return nil, err
	}
	return &installed{e, run, cache.Bundle{Engine: name, Platform: e.platform, Image: rep.Image, Key: rep.Installed.Environment}}, nil
}

// notKept says what to do about an environment that is gone.
func (i *installed) notKept(err error) error {
	if errors.Is(err, cache.ErrNotKept) {
		err = fmt.Errorf("the environment of run %s is not kept any more: `shardyard run` builds it again", i.run.ID())
	}
	return infraError{err}
}

// described names an environment for a line.
func described(b cache.Bundle) string {
	return fmt.Sprintf("environment %.12s (%s, %s, image %s)", b.Key, b.Engine, b.Platform, b.Image)
}

// A mover is an engine that moves environments.
type mover struct {
	engine.Engine
	cache.Mover

	platform string
}

// opener returns what opens the engine with a name, for the project that the flags name.
func (f *movingFlags) opener(ctx context.Context) (func(name string) (*mover, error), error) {
	logger, err := f.logger()
	if err != nil {
		return nil, err
	}
	at, err := f.owner(ctx, f.dir)
	if err != nil {
		return nil, err
	}
	return func(name string) (*mover, error) {
		e, _, err := openEngine(ctx, name, at.id, engine.BuilderOptions{}, logger)
		if err != nil {
			return nil, infraError{err}
		}
		info, err := e.Info(ctx)
		if err != nil {
			return nil, infraError{errors.Join(err, e.Close())}
		}
		m, ok := e.(cache.Mover)
		if !ok {
			return nil, infraError{errors.Join(fmt.Errorf("the %s engine moves no environments", name), e.Close())}
		}
		return &mover{e, m, info.Platform}, nil
	}, nil
}

// export writes a bundle into a file, which appears whole or not at all, or to stdout for "-".
func (m *mover) export(cmd *cobra.Command, b cache.Bundle, packages bool, name string) (size int64, err error) {
	write := func(to io.Writer) error {
		counted := &counter{to: to}
		defer func() { size = counted.n }()
		out, err := cache.WriteBundle(counted, b)
		if err != nil {
			return err
		}
		if err := m.Export(cmd.Context(), b, packages, out); err != nil {
			return err
		}
		return out.Close()
	}
	if name == "-" {
		err = write(cmd.OutOrStdout())
		return size, err
	}
	file, err := os.CreateTemp(filepath.Dir(name), ".shardyard-*")
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", name, err)
	}
	err = errors.Join(write(file), file.Chmod(0o644), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return size, err
}

// A counter counts what is written.
type counter struct {
	to io.Writer
	n  int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.n += int64(n)
	return n, err
}

// bundleFile opens a file that is read twice; stdin is kept in one that nobody else sees.
func bundleFile(cmd *cobra.Command, name string) (*os.File, error) {
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, usageError{err}
		}
		return file, nil
	}
	file, err := os.CreateTemp("", "shardyard-*")
	if err != nil {
		return nil, infraError{err}
	}
	_, err = io.Copy(file, cmd.InOrStdin())
	if err = errors.Join(os.Remove(file.Name()), err); err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, infraError{errors.Join(fmt.Errorf("read stdin: %w", err), file.Close())}
	}
	return file, nil
}

// checkBundle reads a whole file, so that nothing is kept of one that was cut short.
func checkBundle(file *os.File) (cache.Bundle, error) {
	in, err := cache.ReadBundle(file)
	if err != nil {
		return cache.Bundle{}, err
	}
	if err := in.Skip(); err != nil {
		return in.Bundle, err
	}
	_, err = file.Seek(0, io.SeekStart)
	return in.Bundle, err
}
