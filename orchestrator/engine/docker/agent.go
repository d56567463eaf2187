package docker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
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
		id, err := identify(binary)
		if err != nil {
			return "", fmt.Errorf("find the agent: %w", err)
		}
		name := e.volumeName(kindAgent, hash(id)[:12], e.here)
		return name, e.ensureVolume(ctx, name, e.kept(kindAgent), func(tw *tar.Writer) error {
			content, err := os.ReadFile(binary)
			if err != nil {
				return err
			}
			if now, err := identify(binary); err != nil || now != id {
				return errors.Join(fmt.Errorf("%s was replaced while it was read; run again", binary), err)
			}
			if err := tw.WriteHeader(folder(fillAt, 0o755, 0, 0)); err != nil {
				return err
			}
			return file(tw, filepath.Join(fillAt, filepath.Base(agentFile)), 0o755, content)
		})
	})
}

// identify tells apart programs that run in any image, and refuses others. Go
// writes a hash of a program's content into it, its build ID, which is read in
// no time; of a program that has none, all is read.
func identify(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read from
	program, err := elf.NewFile(f)
	if err != nil {
		return "", fmt.Errorf("%s is not a program for Linux: %w", name, err)
	}
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			return "", fmt.Errorf("%s is linked dynamically, and would not run in every image: build it with CGO_ENABLED=0", name)
		}
	}
	if id, err := buildID(program); id != "" || err != nil {
		return id, err
	}
	all := sha256.New()
	_, err = io.Copy(all, f) // elf reads at offsets: f is at its start
	return hex.EncodeToString(all.Sum(nil)), err
}

// buildID returns what "go tool buildid" prints, "" for none. It is the text of a
// note: the lengths of its name and its text, its type, and its name, of four
// bytes each, come first.
func buildID(program *elf.File) (string, error) {
	section := program.Section(".note.go.buildid")
	if section == nil {
		return "", nil
	}
	note, err := section.Data()
	if err != nil || len(note) < 16 {
		return "", err
	}
	size := program.ByteOrder.Uint32(note[4:])
	return string(note[16:min(16+uint64(size), uint64(len(note)))]), nil
}
