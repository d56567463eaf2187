package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker/framework"
)

// Workers examines the engine and the image that workers would run on.
type Workers struct {
	// Open opens the engine. Note is what was passed over to get there.
	Open func(context.Context) (e engine.Engine, note string, err error)
	// Advice is how to get an engine that answers, Better how to get the one
	// that was passed over.
	Advice, Better string
	// Image is the workers' image: a name, "auto" or "host".
	Image string
	// Toolchain is what is needed in it.
	Toolchain framework.Toolchain
	// Tools check what tests need inside.
	Tools []Tools
	// Reach checks what builders on this engine need to reach. Nil checks nothing.
	Reach func(ctx context.Context, info engine.Info) []Check
}

// A Checker is an engine that can say more of itself.
type Checker interface {
	Check(ctx context.Context, info engine.Info) []Check
}

// Tools checks what a framework's tests need in an image.
type Tools interface {
	Check(ctx context.Context, base engine.Base) []Check
}

// Examine opens the engine, and checks it, the image, and what is in the image.
func (w Workers) Examine(ctx context.Context) (checks []Check) {
	e, note, err := w.Open(ctx)
	if err != nil {
		return []Check{Fail("engine", w.Advice, "%v", err)}
	}
	defer func() {
		if err := e.Close(); err != nil {
			checks = append(checks, Warn("engine", w.Advice, "its connection could not be closed: %v", err))
		}
	}()
	if note != "" {
		checks = append(checks, Warn("engine", w.Better, "%s", note))
	}
	info, err := e.Info(ctx)
	if err != nil {
		return append(checks, Fail("engine", w.Advice, "%v", err))
	}
	if note == "" {
		checks = append(checks, describe(info))
	}
	if more, ok := e.(Checker); ok {
		checks = append(checks, more.Check(ctx, info)...)
	}
	checks = append(checks, w.image(ctx, e)...)
	if w.Reach != nil {
		checks = append(checks, w.Reach(ctx, info)...)
	}
	return checks
}

func describe(info engine.Info) Check {
	text := fmt.Sprintf("%s %s, %s, %d CPUs, %.1f GB", info.Name, info.Version, info.Platform, info.CPUs, float64(info.Memory)/1e9)
	if !info.Isolated {
		text += "; workers are not isolated from each other"
	}
	return Good("engine", "%s", text)
}

func (w Workers) image(ctx context.Context, e engine.Engine) []Check {
	image := cmp.Or(w.Image, "auto")
	base, err := e.Base(ctx, image, w.Toolchain, func(string) {})
	if missing := (*engine.NoProgramError)(nil); errors.As(err, &missing) {
		return []Check{Fail("image", missing.Advice(), "%s: %s %s is wanted and this machine has %s", image, w.Toolchain.Name, engine.Wanted(w.Toolchain), missing.There())}
	}
	if err != nil {
		return []Check{Fail("image", "write another image: to shardyard.yaml (host needs no registry), or use --engine process", "%s: %v", image, err)}
	}
	found := base.Image
	if base.Note != "" {
		found += " (" + base.Note + ")"
	}
	if base.Program != "" {
		found += ", with " + w.Toolchain.Name + " at " + base.Program
	}
	checks := []Check{Good("image", "%s", found)}
	for _, t := range w.Tools {
		checks = append(checks, t.Check(ctx, base)...)
	}
	return checks
}

// Package is what tests need to be there: one package of the toolchain.
type Package struct {
	Name string
	// Installs are the commands that install it; none when nothing does.
	Installs  []string
	Toolchain framework.Toolchain
}

// Check looks for the package on this machine. What an image has inside is
// seen by the first run.
func (p Package) Check(ctx context.Context, base engine.Base) []Check {
	if len(p.Installs) > 0 {
		return []Check{Good(p.Name, "installed by %s", strings.Join(p.Installs, ", "))}
	}
	if !base.Host {
		return []Check{Good(p.Name, "nothing is installed: the image must have it")}
	}
	if base.Program == "" || len(p.Toolchain.Query) == 0 {
		return nil
	}
	fill := strings.NewReplacer("{package}", p.Name, "{program}", base.Program)
	var args []string
	for _, a := range p.Toolchain.Query {
		args = append(args, fill.Replace(a))
	}
	out, err := exec.CommandContext(ctx, base.Program, args...).Output()
	if err != nil {
		fix := fill.Replace(p.Toolchain.Advice) + ", or let setup in shardyard.yaml install it"
		return []Check{Fail(p.Name, fix, "nothing is installed for the tests, and %s has no %s", base.Program, p.Name)}
	}
	return []Check{Good(p.Name, "%s of %s", strings.TrimSpace(string(out)), base.Program)}
}
