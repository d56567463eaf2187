package docker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker/framework"
)

// A `host` base is an empty image with parts of this machine mounted
// read-only: what programs need to run, and nothing of anybody's own files
// but what the toolchain's program needs.

// hostRoots are the folders of the root that hold programs and libraries. On
// most machines all but /usr are links. /sbin is not among them: see rootLinks.
var hostRoots = []string{"/usr", "/bin", "/lib", "/lib32", "/lib64", "/libx32"}

// hostSettings are the parts of /etc that programs need: certificates, the
// loader's cache, name services, time zones, alternatives. Private keys
// (/etc/ssl/private) are none of them.
var hostSettings = []string{
	"/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/ca-certificates.conf",
	"/etc/pki/tls/certs", "/etc/pki/tls/cert.pem", "/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust/extracted", "/etc/crypto-policies",
	"/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
	"/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols",
	"/etc/localtime", "/etc/timezone", "/etc/mime.types", "/etc/alternatives", "/etc/locale.alias",
	"/etc/os-release", "/etc/debian_version", "/etc/terminfo", "/etc/fonts", "/etc/magic",
}

type link struct{ name, target string }

// rootLinks returns the links among hostRoots, and those to the programs of
// /usr/sbin: the engine puts the container's init into /sbin, which for that
// must be a folder of the container's own.
func rootLinks() []link {
	var links []link
	for _, r := range hostRoots {
		if target, err := os.Readlink(r); err == nil {
			links = append(links, link{strings.TrimPrefix(r, "/"), target})
		}
	}
	if _, err := os.Readlink("/sbin"); err != nil {
		return links
	}
	programs, err := os.ReadDir("/sbin/")
	if err != nil {
		return links
	}
	for _, p := range programs {
		if p.Name() != "docker-init" {
			links = append(links, link{"sbin/" + p.Name(), "../usr/sbin/" + p.Name()})
		}
	}
	return links
}

// hostBinds returns the paths of this machine that a `host` worker sees. Those
// that lie in another one are left out.
func hostBinds(program string, prefixes []string) ([]string, error) {
	var binds []string
	add := func(p string) {
		if !covered(binds, p) {
			binds = append(binds, p)
		}
	}
	for _, r := range hostRoots {
		if st, err := os.Lstat(r); err == nil && st.IsDir() {
			add(r)
		}
	}
	for _, s := range hostSettings {
		// A link into /usr works as its target: what is mounted is that.
		if _, err := os.Stat(s); err == nil {
			add(s)
		}
	}
	for _, dir := range prefixes {
		if dir == "/" || isHome(dir) {
			return nil, fmt.Errorf("%s needs %s, which cannot be shown to workers", program, dir)
		}
		if !covered(hostRoots, dir) {
			add(dir)
		}
	}
	slices.Sort(binds)
	return binds, nil
}

// isHome reports whether p is a user's own folder, or above one.
func isHome(p string) bool {
	home, err := os.UserHomeDir()
	return p == "/home" || p == "/root" || err == nil && covered([]string{p}, home)
}

// hostBase resolves `host`.
func (e *Engine) hostBase(ctx context.Context, tools framework.Toolchain) (engine.Base, error) {
	p, err := e.probe(ctx)
	if err != nil {
		return engine.Base{}, err
	}
	if !p.Local {
		return engine.Base{}, errNotLocal
	}
	about, err := engine.FindProgram(ctx, tools)
	if err != nil {
		return engine.Base{}, err
	}
	id, err := hostID(about)
	if err != nil {
		return engine.Base{}, err
	}
	return engine.Base{Image: "host", ID: id, Host: true, Program: about.Executable, Prefixes: about.Prefixes, Note: engine.Instead(about, tools)}, nil
}

var errNotLocal = errors.New("image `host` needs a Docker engine that runs on this machine, on Linux: it shows this machine's own files to workers")

// hostID changes when programs that were built on this machine might no longer
// run on it: with the toolchain, the distribution and its libraries.
func hostID(p framework.Found) (string, error) {
	parts := []string{"host", p.Version, p.Executable, strings.Join(p.Prefixes, ":"), p.Build}
	for _, l := range rootLinks() {
		parts = append(parts, l.name, l.target)
	}
	if p.Executable != "" {
		st, err := os.Stat(p.Executable)
		if err != nil {
			return "", err
		}
		parts = append(parts, fmt.Sprint(st.Size(), st.ModTime().UnixNano()))
	}
	for _, f := range []string{"/etc/os-release", "/etc/ld.so.cache"} {
		b, err := os.ReadFile(filepath.Clean(f))
		if err == nil {
			parts = append(parts, string(b))
		}
	}
	return "host:" + hash(parts...), nil
}
