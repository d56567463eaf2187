package source

import (
	"net/url"
	"path"
	"path/filepath"
	"strings"
)

// address returns a remote's address without what may differ between clones of
// one repository: the scheme, the user, a default port, the host's case, ".git"
// and slashes at the end. A repository on this machine is its path; a relative
// one is meant from root.
//
// See https://git-scm.com/docs/git-clone#_git_urls for the forms.
func address(remote, root string) string {
	if i := strings.Index(remote, "://"); i > 0 {
		u, err := url.Parse(remote)
		switch {
		case err != nil:
			return trim(remote[i+len("://"):])
		case strings.EqualFold(u.Scheme, "file"):
			return localPath(u.Path, root)
		}
		return trim(host(u) + "/" + strings.TrimLeft(u.Path, "/"))
	}
	// host:path, unless a slash comes first, or it is a drive (C:\repo).
	if before, after, ok := strings.Cut(remote, ":"); ok && !strings.ContainsAny(before, `/\`) && len(before) > 1 {
		_, name, _ := strings.Cut("@"+before[strings.LastIndex(before, "@")+1:], "@")
		return trim(strings.ToLower(name) + "/" + strings.TrimLeft(after, "/"))
	}
	return localPath(remote, root)
}

// host returns a server's name. SSH's port says nothing of the server: the same
// one serves the same repositories by HTTP.
func host(u *url.URL) string {
	name, port := strings.ToLower(u.Hostname()), u.Port()
	scheme := strings.ToLower(u.Scheme)
	if port == "" || strings.Contains(scheme, "ssh") || port == map[string]string{"https": "443", "http": "80", "git": "9418"}[scheme] {
		return name
	}
	return name + ":" + port
}

func localPath(p, root string) string {
	p = filepath.FromSlash(p)
	if !filepath.IsAbs(p) {
		p = filepath.Join(filepath.FromSlash(root), p)
	}
	return strings.TrimSuffix(strings.TrimSuffix(filepath.Clean(p), string(filepath.Separator)+".git"), ".git")
}

func trim(s string) string {
	return strings.TrimSuffix(path.Clean(s), ".git")
}
