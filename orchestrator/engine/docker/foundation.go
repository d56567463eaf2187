package docker

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	cerrdefs "github.com/containerd/errdefs"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// foundationVersion is part of a foundation's name: raise it when what is put
// into foundations changes.
const foundationVersion = "3"

// foundation makes sure that there is an image of a base on which workers can
// run: with the workers' user in passwd and group, since a uid without a line
// there breaks getpass and whoami, and with the folders that belong to it.
func (e *Engine) foundation(ctx context.Context, base engine.Base) (string, error) {
	if base.ID == "" {
		return "", errors.New("its base is not resolved")
	}
	name := e.imageName("base-" + hash(foundationVersion, base.ID))
	return e.once.foundations.do(ctx, name, func() (string, error) {
		unlock, err := e.lockName(ctx, name, nil)
		if err != nil {
			return "", err
		}
		err = e.lay(ctx, base, name)
		return name, errors.Join(err, unlock())
	})
}

func (e *Engine) lay(ctx context.Context, base engine.Base, name string) error {
	switch _, err := e.inspect(ctx, name); {
	case err == nil:
		return e.setMark(name, mark{})
	case !cerrdefs.IsNotFound(err):
		return err
	}
	if base.Host {
		err := e.importImage(ctx, name, e.kept(kindBase), func(tw *tar.Writer) error {
			return errors.Join(hostSkeleton(tw), workplace(tw, defaultUser, nil, nil), upperFolder(tw))
		})
		return errors.Join(err, e.setMark(name, mark{}))
	}
	err := e.withIdle(ctx, base.ID, nil, func(id string) error {
		passwd, err := e.readIfThere(ctx, id, "/etc/passwd")
		if err != nil {
			return err
		}
		group, err := e.readIfThere(ctx, id, "/etc/group")
		if err != nil {
			return err
		}
		err = e.copyIn(ctx, id, "/", func(tw *tar.Writer) error {
			return errors.Join(workplace(tw, defaultUser, passwd, group), upperFolder(tw))
		})
		if err != nil {
			return err
		}
		labels := labelsWith(e.kept(kindBase), map[string]string{labelTree: "", labelUpper: "", labelEnv: ""})
		_, err = e.commit(ctx, id, name, labels)
		return err
	})
	if err != nil {
		return fmt.Errorf("prepare image %s for workers: %w", base.Image, err)
	}
	return nil
}

func (e *Engine) readIfThere(ctx context.Context, id, name string) ([]byte, error) {
	b, err := e.readFile(ctx, id, name)
	if cerrdefs.IsNotFound(err) {
		return nil, nil
	}
	return b, err
}

// workplace writes what every foundation has on top of its image. A user of
// the image that has the workers' uid stays as it is.
func workplace(tw *tar.Writer, who identity, passwd, group []byte) error {
	for _, h := range []*tar.Header{
		folder(sourceRoot, 0o755, who.UID, who.GID),
		folder(ownRoot, 0o755, who.UID, who.GID),
		folder(envDir, 0o755, who.UID, who.GID),
		folder("/home", 0o755, 0, 0),
		folder(homeDir, 0o755, who.UID, who.GID),
		folder(tempDir, 0o1777, 0, 0),
	} {
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
	}
	passwd = withLine(passwd, "root:x:0:0:root:/root:/bin/sh", 2)
	passwd = withLine(passwd, fmt.Sprintf("%s:x:%d:%d:%[1]s:%[4]s:/bin/sh", who.name(), who.UID, who.GID, homeDir), 2)
	group = withLine(group, "root:x:0:", 2)
	group = withLine(group, fmt.Sprintf("%s:x:%d:", who.name(), who.GID), 2)
	return errors.Join(
		file(tw, "/etc/passwd", 0o644, passwd),
		file(tw, "/etc/group", 0o644, group),
	)
}

// upperFolder writes the folder that gives volumes mounted there its owner.
func upperFolder(tw *tar.Writer) error {
	return tw.WriteHeader(folder(upperDir, 0o755, defaultUser.UID, defaultUser.GID))
}

// withLine adds a line to a file of colon-separated lines unless one has the
// same value in the given field (from 0).
func withLine(content []byte, line string, field int) []byte {
	want := strings.Split(line, ":")[field]
	for l := range strings.Lines(string(content)) {
		if f := strings.Split(strings.TrimSpace(l), ":"); len(f) > field && f[field] == want {
			return content
		}
	}
	if len(content) > 0 && content[len(content)-1] != '\n' {
		content = append(content, '\n')
	}
	return append(content, line+"\n"...)
}

// hostSkeleton writes what a `host` image has of itself: this machine's links
// in the root folder, so that the mounted /usr is found by its old names.
func hostSkeleton(tw *tar.Writer) error {
	for _, dir := range []string{"etc", "usr", "sbin", "run", "var", "var/lib", "var/run"} {
		if err := tw.WriteHeader(folder(dir, 0o755, 0, 0)); err != nil {
			return err
		}
	}
	for _, l := range rootLinks() {
		h := &tar.Header{Typeflag: tar.TypeSymlink, Name: l.name, Linkname: l.target, Mode: 0o777}
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
	}
	if err := tw.WriteHeader(folder("root", 0o755, 0, 0)); err != nil {
		return err
	}
	return tw.WriteHeader(folder(path.Join("var", "tmp"), 0o1777, 0, 0))
}
