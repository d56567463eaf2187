package docker

import (
	"context"
	"os/user"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// User implements [engine.Bases]: names are those of the image's own passwd and
// group files, or of this machine where it is the image.
func (e *Engine) User(ctx context.Context, base engine.Base, asked string) (string, error) {
	if _, err := parseUser(asked); err == nil {
		return asked, nil
	}
	if base.Host {
		return resolve(asked, base.Image, hostUser, hostGroup)
	}
	var passwd, group []byte
	err := e.withIdle(ctx, base.ID, nil, func(id string) (err error) {
		if passwd, err = e.readIfThere(ctx, id, "/etc/passwd"); err != nil {
			return err
		}
		group, err = e.readIfThere(ctx, id, "/etc/group")
		return err
	})
	if err != nil {
		return "", err
	}
	return resolve(asked, base.Image,
		func(name string) (uid, gid string) {
			if line := lineOf(passwd, name); len(line) > 3 {
				return line[2], line[3]
			}
			return "", ""
		},
		func(name string) string {
			if line := lineOf(group, name); len(line) > 2 {
				return line[2]
			}
			return ""
		})
}

// resolve turns "name[:group]" into "uid:gid". What the functions do not know
// they answer with "".
func resolve(asked, image string, userOf func(string) (uid, gid string), groupOf func(string) string) (string, error) {
	name, group := engine.SplitUser(asked)
	uid, gid := name, name
	if name == "root" {
		uid, gid = "0", "0"
	} else if _, number := engine.ID(name); !number {
		uid, gid = userOf(name)
	}
	if group != "" {
		if gid = group; group == "root" {
			gid = "0"
		} else if _, number := engine.ID(group); !number {
			gid = groupOf(group)
		}
	}
	_, known := engine.ID(uid)
	if _, ok := engine.ID(gid); !known || !ok {
		return "", &engine.UserError{User: asked, Image: image, Group: known}
	}
	return uid + ":" + gid, nil
}

// lineOf returns the line of a passwd or group file that begins with a name.
func lineOf(file []byte, name string) []string {
	for line := range strings.Lines(string(file)) {
		if fields := strings.Split(strings.TrimSpace(line), ":"); fields[0] == name {
			return fields
		}
	}
	return nil
}

func hostUser(name string) (uid, gid string) {
	u, err := user.Lookup(name)
	if err != nil {
		return "", ""
	}
	return u.Uid, u.Gid
}

func hostGroup(name string) string {
	g, err := user.LookupGroup(name)
	if err != nil {
		return ""
	}
	return g.Gid
}
