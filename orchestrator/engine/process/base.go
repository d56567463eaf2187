package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker/framework"
)

// Base implements engine.Bases: there is only this machine. A toolchain of another
// version than the best one is taken when there is no better, unless the project
// refuses it.
func (e *Engine) Base(ctx context.Context, image string, tools framework.Toolchain, _ func(string)) (engine.Base, error) {
	switch image {
	case "", "auto", "host":
	default:
		return engine.Base{}, fmt.Errorf("image %q: the process engine has no images; set `image: host`, or start Docker and use --engine docker", image)
	}
	base := engine.Base{Image: "host", Host: true}
	found, err := engine.FindProgram(ctx, tools)
	var missing *engine.NoProgramError
	switch {
	case err == nil:
	case !errors.As(err, &missing):
		return engine.Base{}, err
	case len(missing.Others) > 0 && tools.Accept != nil:
		return engine.Base{}, missing
	case len(missing.Others) > 0:
		found = missing.Others[0]
	default: // what needs it says so
	}
	base.Note = engine.Instead(found, tools)
	base.Program, base.Prefixes, base.ID = found.Executable, found.Prefixes, baseID(found)
	return base, nil
}

// baseID changes when what was installed on this machine must be installed anew.
func baseID(found framework.Found) string {
	parts := append([]string{found.Executable, found.Build, runtime.GOOS, runtime.GOARCH}, found.Prefixes...)
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "host-" + hex.EncodeToString(sum[:8])
}
