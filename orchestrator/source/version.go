package source

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// addGit adds a small .git to the tree, from which git in the worker answers
// as it does in the checkout: describe, status, archive and log of HEAD. It
// holds the commits and tags that HEAD can reach, the files of HEAD alone, and
// an index without times, which git refreshes from the files' content. There
// are no remotes, hooks or other branches in it, and no credentials.
func (s *Source) addGit(ctx context.Context, r *repository, rev string) error {
	if s.temp == "" {
		var err error
		if s.temp, err = os.MkdirTemp(s.tempIn, "shardyard-git-"); err != nil {
			return fmt.Errorf("directory for git's objects: %w", err)
		}
	}
	m := mini{repository: r, source: s, commit: s.Commit, rev: rev != ""}
	for _, step := range []func(context.Context) error{m.config, m.head, m.index, m.excludes, m.objects} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("what git needs to say a version: %w", err)
		}
	}
	s.Files = append(s.Files, m.files...)
	s.version = m.digest()
	return nil
}

// mini builds a small .git.
type mini struct {
	*repository
	source *Source
	commit string
	rev    bool // of a commit, not of the working tree
	tips   []string
	staged []string // contents in the index
	files  []File
	says   [][]byte // what identifies it: packs may differ for the same content
}

// digest returns a hash of the facts that identify the .git, in says.
func (m *mini) digest() string {
	h := sha256.New()
	for _, part := range m.says {
		fmt.Fprintf(h, "%d\n%s\n", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// add puts a small file into the .git, as part of what identifies it.
func (m *mini) add(name, content string) {
	m.files = append(m.files, File{
		Path: path.Join(".git", name), Mode: 0o644, Size: int64(len(content)), Hash: sha256.Sum256([]byte(content)), body: memory(content),
	})
	m.says = append(m.says, []byte(name), []byte(content))
}

// config writes the .git's config: the kind of repository, and how line ends are
// converted.
func (m *mini) config(ctx context.Context) error {
	format, err := m.output(ctx, "rev-parse", "--show-object-format")
	if err != nil {
		return err
	}
	var b strings.Builder
	version, extensions := 0, ""
	if f := strings.TrimSpace(string(format)); f != "sha1" {
		version, extensions = 1, "[extensions]\n\tobjectFormat = "+f+"\n"
	}
	fmt.Fprintf(&b, "[core]\n\trepositoryformatversion = %d\n\tfilemode = true\n\tbare = false\n", version)
	for _, name := range []string{"core.autocrlf", "core.eol", "core.safecrlf"} {
		if out, err := m.output(ctx, "config", "--get", name); err == nil {
			fmt.Fprintf(&b, "\t%s = %s\n", strings.TrimPrefix(name, "core."), strings.TrimSpace(string(out)))
		}
	}
	m.add("config", b.String()+extensions)
	return nil
}

// head writes the commit or branch that is checked out, and the tags that it reaches.
func (m *mini) head(ctx context.Context) error {
	m.files = append(m.files, File{Path: ".git/refs", Mode: fs.ModeDir | 0o755, body: memory(nil)})
	branch := m.branch
	if m.rev {
		branch = ""
	}
	if branch != "" {
		m.add("HEAD", "ref: refs/heads/"+branch+"\n")
	} else {
		m.add("HEAD", m.commit+"\n")
	}
	if m.commit == "" {
		return nil
	}
	out, err := m.output(ctx, "for-each-ref", "--merged="+m.commit, "--format=%(objectname) %(refname)", "refs/tags")
	if err != nil {
		return err
	}
	refs := strings.Split(strings.TrimSpace(string(out)), "\n")
	if branch != "" {
		refs = append(refs, m.commit+" refs/heads/"+branch)
	}
	var packed []string
	m.tips = []string{m.commit}
	for _, ref := range refs {
		if oid, name, ok := strings.Cut(ref, " "); ok {
			packed = append(packed, oid+" "+name+"\n")
			m.tips = append(m.tips, oid)
		}
	}
	sort.Slice(packed, func(i, j int) bool { return after(packed[i]) < after(packed[j]) })
	m.add("packed-refs", strings.Join(packed, ""))
	shallow, err := os.ReadFile(filepath.Join(m.common, "shallow"))
	if err == nil {
		m.add("shallow", string(shallow))
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func after(ref string) string { _, name, _ := strings.Cut(ref, " "); return name }

// index writes a new index with the staged contents, so that a change that is
// staged and not committed is still one.
func (m *mini) index(ctx context.Context) error {
	file := filepath.Join(m.source.temp, "index")
	env := []string{"GIT_INDEX_FILE=" + file}
	if m.rev {
		if _, err := m.feed(ctx, nil, env, "-c", "core.sparseCheckout=false", "read-tree", m.commit); err != nil {
			return err
		}
		m.says = append(m.says, []byte("index of "+m.commit))
		return m.disk("index", file)
	}
	out, err := m.output(ctx, "ls-files", "-z", "--stage", "-t")
	if err != nil {
		return err
	}
	var staged, skipped strings.Builder
	for _, record := range fields(out) {
		tag, entry, _ := strings.Cut(record, " ")
		info, name, _ := strings.Cut(entry, "\t")
		if strings.HasPrefix(info, "160000 ") {
			info = m.gitlink(ctx, name, info)
		} else if oid := strings.Fields(info)[1]; oid != emptyBlob {
			m.staged = append(m.staged, oid)
		}
		staged.WriteString(info + "\t" + name + "\x00")
		if tag == "S" {
			skipped.WriteString(name + "\x00")
		}
	}
	m.says = append(m.says, []byte(staged.String()), []byte(skipped.String()))
	if staged.Len() == 0 {
		return nil // git writes no index for nothing
	}
	if _, err := m.feed(ctx, strings.NewReader(staged.String()), env, "update-index", "-z", "--index-info"); err != nil {
		return err
	}
	if skipped.Len() > 0 {
		if _, err := m.feed(ctx, strings.NewReader(skipped.String()), env, "update-index", "-z", "--skip-worktree", "--stdin"); err != nil {
			return err
		}
	}
	return m.disk("index", file)
}

// emptyBlob stands in the index for a file that is only intended to be added;
// git knows it without having it.
const emptyBlob = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"

// gitlink returns the commit that a submodule has checked out. The tree does not
// hold the submodule's own repository, which git would ask.
func (m *mini) gitlink(ctx context.Context, name, info string) string {
	dir := filepath.Join(m.root, filepath.FromSlash(name))
	if _, err := os.Lstat(filepath.Join(dir, ".git")); err != nil {
		return info
	}
	out, err := git(dir).output(ctx, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if err != nil {
		return info
	}
	return "160000 " + strings.TrimSpace(string(out)) + " 0"
}

// excludes writes the ignore patterns and attributes that stand outside the tree:
// this user's, then the repository's own.
func (m *mini) excludes(ctx context.Context) error {
	for _, rule := range []struct{ config, fallback, into string }{
		{"core.excludesFile", "git/ignore", "info/exclude"},
		{"core.attributesFile", "git/attributes", "info/attributes"},
	} {
		var all []byte
		for _, file := range []string{m.personal(ctx, rule.config, rule.fallback), filepath.Join(m.common, rule.into)} {
			text, err := os.ReadFile(file)
			if err != nil && !gone(err) && !errors.Is(err, fs.ErrPermission) {
				return err
			}
			all = append(append(all, bytes.TrimRight(text, "\n")...), '\n')
		}
		if text := strings.TrimLeft(string(all), "\n"); text != "" {
			m.add(rule.into, text)
		}
	}
	return nil
}

// personal returns the user's own file for all repositories.
func (m *mini) personal(ctx context.Context, config, fallback string) string {
	if out, err := m.output(ctx, "config", "--type=path", "--get", config); err == nil {
		return strings.TrimSpace(string(out))
	}
	if dir := os.Getenv("XDG_CONFIG_HOME"); dir != "" {
		return filepath.Join(dir, fallback)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".config", fallback)
}

// treesUpTo is how many commits a history may have for its older trees to be
// packed too. Few tools ask for them (dunamai does, through git log
// --simplify-by-decoration), and in long histories they are most of the objects.
const treesUpTo = 10_000

// objects packs the commits, the tags, the trees and files of HEAD, and the staged
// files. It leaves out older files, and in a long history older trees: git needs
// neither to describe a commit.
func (m *mini) objects(ctx context.Context) error {
	if m.commit == "" {
		m.files = append(m.files, File{Path: ".git/objects", Mode: fs.ModeDir | 0o755, body: memory(nil)})
		return nil
	}
	reachable := func(args ...string) ([]byte, error) {
		return m.feed(ctx, strings.NewReader(strings.Join(m.tips, "\n")+"\n"), nil, append([]string{"rev-list", "--stdin"}, args...)...)
	}
	commits, err := reachable()
	if err == nil && bytes.Count(commits, []byte("\n")) <= treesUpTo {
		commits, err = reachable("--objects", "--filter=blob:none")
	}
	if err != nil {
		return err
	}
	tree, err := m.output(ctx, "ls-tree", "-r", "-t", "-z", "--full-tree", m.commit)
	if err != nil {
		return err
	}
	root, err := m.output(ctx, "rev-parse", m.commit+"^{tree}")
	if err != nil {
		return err
	}
	list := bytes.NewBuffer(commits)
	fmt.Fprintf(list, "%s\n%s", strings.Join(slices.Concat(m.tips[1:], m.staged), "\n"), root)
	for _, record := range fields(tree) {
		info, name, _ := strings.Cut(record, "\t")
		if parts := strings.Fields(info); len(parts) == 3 && parts[1] != "commit" {
			fmt.Fprintf(list, "%s %s\n", parts[2], name)
		}
	}
	dir := filepath.Join(m.source.temp, "pack")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if _, err := m.feed(ctx, list, nil, "pack-objects", "-q", "--delta-base-offset", filepath.Join(dir, "pack")); err != nil {
		return err
	}
	packs, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, p := range packs {
		if err := m.disk("objects/pack/"+p.Name(), filepath.Join(dir, p.Name())); err != nil {
			return err
		}
	}
	return nil
}

// disk puts a file that git wrote into the .git.
func (m *mini) disk(name, file string) error {
	f := File{Path: path.Join(".git", name), Mode: 0o644, body: disk(file)}
	if err := f.hash(make([]byte, 64<<10)); err != nil {
		return err
	}
	m.files = append(m.files, f)
	return nil
}
