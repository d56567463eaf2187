package docker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// BesideExecutable finds the agent for a platform: this program itself when it
// is of that platform, else the file shardyard-OS-ARCH beside it.
func BesideExecutable(platform string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program's own file: %w", err)
	}
	if platform == runtime.GOOS+"/"+runtime.GOARCH {
		return self, nil
	}
	name := filepath.Join(filepath.Dir(self), "shardyard-"+strings.ReplaceAll(platform, "/", "-"))
	if _, err := os.Stat(name); err != nil {
		return "", fmt.Errorf("the engine runs %s, this program %s/%s: put shardyard for %s at %s: %w",
			platform, runtime.GOOS, runtime.GOARCH, platform, name, err)
	}
	return name, nil
}

// agent makes sure that the engine holds the agent, and returns its volume.
func (e *Engine) agent(ctx context.Context) (string, error) {
	return e.once.agents.do(ctx, "", func() (string, error) {
		binary, err := e.opts.Agent(platform(e.info))
		if err != nil {
			return "", fmt.Errorf("find the agent: %w", err)
		}
		content, err := readStatic(binary)
		if err != nil {
			return "", fmt.Errorf("find the agent: %w", err)
		}
		sum := sha256.Sum256(content)
		name := e.volumeName(kindAgent, hex.EncodeToString(sum[:6]), e.here)
		return name, e.ensureVolume(ctx, name, e.kept(kindAgent), func(tw *tar.Writer) error {
			if err := tw.WriteHeader(folder(fillAt, 0o755, 0, 0)); err != nil {
				return err
			}
			return file(tw, filepath.Join(fillAt, filepath.Base(agentFile)), 0o755, content)
		})
	})
}

// readStatic reads a program that must run in any image.
func readStatic(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read from
	program, err := elf.NewFile(f)
	if err != nil {
		return nil, fmt.Errorf("%s is no program for Linux: %w", name, err)
	}
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("%s is linked dynamically, and would not run in every image: build it with CGO_ENABLED=0", name)
		}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}
