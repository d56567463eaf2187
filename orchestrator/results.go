package orchestrator

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/shardyard/shardyard/worker/framework"
)

// keep fetches a result file of the conclusion, and copies it to where the user
// wants it. It stays below the run's directory, whatever the finisher calls it.
func (c *conclusion) keep(ctx context.Context, file framework.File) error {
	as := filepath.FromSlash(file.As)
	if !filepath.IsLocal(as) {
		return fmt.Errorf("the finisher names a result file %q: not a path below its directory", file.Name)
	}
	local := filepath.Join(c.req.Out, as)
	if err := c.finish.place.fetch(ctx, path.Join(c.finish.dir, file.Name), local, maxFetched); err != nil {
		return fmt.Errorf("fetch %s: %w", file.Name, err)
	}
	if file.To == "" {
		return nil
	}
	to := file.To
	if !filepath.IsAbs(to) {
		to = filepath.Join(c.req.Project, to)
	}
	if err := copyFile(local, to); err != nil {
		return fmt.Errorf("write %s: %w", file.To, err)
	}
	return nil
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}
