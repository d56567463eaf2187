package docker

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/moby/sys/atomicwriter"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

var _ engine.Pool = (*Engine)(nil)

// A place that waits has a name in LockDir that its owner label holds, and one file of
// that name: its record with the ending free while nobody holds it, else an empty or
// former one with the ending of who holds it. Renaming that file claims the place, for
// one session and no other.
const (
	memberPrefix = "pool-"
	freeSuffix   = ".free"
	heldBy       = ".of-"
)

// claimBefore is how long before its end a place is claimed no more.
const claimBefore = 20 * time.Second

// A member is the record of a place that waits.
type member struct {
	Project string // as labels have it
	Print   string // of all that decides how it was started, but for the tree
	Name    string // of its container
	ID      string
	Tree    engine.Tree
	Until   time.Time // when its agent ends by itself

	// As in an instance.
	Upper, Volume, Wrote string
	Others               []string

	path string // its name in LockDir
	size int64  // of its volumes
}

func (e *Engine) memberPrefix() string { return memberPrefix + hash(e.opts.Project)[:16] + "-" }

// Busy implements [engine.Pool].
func (e *Engine) Busy() (bool, error) {
	others, err := e.lock.others(sessionPrefix(e.opts.Project))
	for _, path := range others {
		if info, failed := os.Stat(path); failed == nil && info.Size() > 0 {
			return true, err
		}
	}
	return false, err
}

// Prepare implements [engine.Pool].
func (e *Engine) Prepare(ctx context.Context, spec engine.Spec) (engine.Waiting, error) {
	path := filepath.Join(e.opts.LockDir, e.memberPrefix()+rand.Text())
	i := &instance{e: e, owner: e.lock.host + ":" + path, member: path}
	if err := os.WriteFile(i.held(), nil, 0o644); err != nil {
		return nil, fmt.Errorf("note a place that is to wait: %w", err)
	}
	if err := e.launch(ctx, spec, i); err != nil {
		return nil, err // with the note, by Remove
	}
	return i, nil
}

// held is the file that says that this session holds a member.
func (i *instance) held() string { return i.member + heldBy + filepath.Base(i.e.lock.file.Path()) }

// Leave implements [engine.Waiting].
func (i *instance) Leave(at time.Time) error {
	digest, err := i.e.fingerprint(context.Background(), i.b.Spec)
	if err != nil {
		return err
	}
	m := member{Project: i.e.opts.Project, Print: digest, Name: i.b.Name, ID: i.id, Tree: i.b.Spec.Tree, Until: at, Upper: i.upper, Wrote: i.wrote, Others: i.others}
	if i.b.Tree != nil {
		m.Volume = i.b.Tree.Volume
	}
	text, err := json.Marshal(m)
	if err == nil {
		err = atomicwriter.WriteFile(i.held(), text, 0o644)
	}
	if err == nil {
		err = os.Rename(i.held(), i.member+freeSuffix)
	}
	if err != nil {
		return fmt.Errorf("note a place that waits: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.removed = true // from here
	return nil
}

// fingerprint returns a digest of all that decides how a place is started, but for its run
// and its tree, and of whom its code is trusted like.
func (e *Engine) fingerprint(ctx context.Context, spec engine.Spec) (string, error) {
	b, img, err := e.plan(ctx, spec, "")
	if err != nil {
		return "", err
	}
	way, err := e.placing(ctx)
	if err != nil {
		return "", err
	}
	b.Spec.Run, b.Spec.Tree, b.Name, b.Labels, b.Network, b.Image = "", "", "", nil, "", img.ID
	text, err := json.Marshal(b)
	return hash(string(text), fmt.Sprintf("%T", way), string(e.opts.Builder.Scope), e.address), err
}

// free lists the places that wait, of all projects or of this one.
func (e *Engine) free(prefix string) (all []member, err error) {
	names, err := filepath.Glob(filepath.Join(e.opts.LockDir, prefix+"*"+freeSuffix))
	for _, name := range names {
		m, e := readMember(strings.TrimSuffix(name, freeSuffix))
		if e == nil {
			all = append(all, m)
		} else if !errors.Is(e, fs.ErrNotExist) { // else another run has just claimed it
			err = errors.Join(err, e)
		}
	}
	return all, err
}

func readMember(path string) (m member, err error) {
	text, err := os.ReadFile(path + freeSuffix)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return m, fmt.Errorf("read the note of a place that waits: %w", err)
	}
	m.path = path
	return m, nil
}

// kindPool is what Usage calls a place that waits.
const kindPool = "pool"

func (m member) kept() engine.Kept {
	k := engine.Kept{Name: m.Name, Kind: kindPool, Project: m.Project, Size: m.size}
	if info, err := os.Stat(m.path + freeSuffix); err == nil {
		k.Used = info.ModTime()
	}
	return k
}

// take claims a member; false if another session has.
func (e *Engine) take(m member) (*claimed, bool, error) {
	i := &instance{e: e, member: m.path, id: m.ID, upper: m.Upper, wrote: m.Wrote, others: m.Others}
	i.b.Name = m.Name
	if m.Volume != "" {
		i.b.Tree = &treeMount{Volume: m.Volume}
	}
	err := os.Rename(m.path+freeSuffix, i.held())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("claim a place that waits: %w", err)
	}
	return &claimed{i: i, tree: m.Tree}, true, nil
}

// match returns of each spec the first place that waits and fits, or none, and the
// places that fit nothing.
func (e *Engine) match(ctx context.Context, specs []engine.Spec) (found []*member, rest []member, err error) {
	found = make([]*member, len(specs))
	rest, err = e.free(e.memberPrefix())
	if err != nil || len(rest) == 0 {
		return found, nil, err
	}
	for k, spec := range specs {
		if spec.Network == engine.PrivateNetwork {
			continue // which ends with its run
		}
		digest, err := e.fingerprint(ctx, spec)
		if err != nil {
			return found, rest, err
		}
		at := slices.IndexFunc(rest, func(m member) bool { return m.Print == digest && e.now().Add(claimBefore).Before(m.Until) })
		if at >= 0 {
			m := rest[at]
			found[k], rest = &m, slices.Delete(rest, at, at+1)
		}
	}
	return found, rest, nil
}

// Claim implements [engine.Pool].
func (e *Engine) Claim(ctx context.Context, specs []engine.Spec) ([]engine.Claimed, error) {
	all := make([]engine.Claimed, len(specs))
	found, _, err := e.match(ctx, specs)
	for k, m := range found {
		if m == nil || err != nil {
			continue
		}
		c, got, failed := e.take(*m)
		if err = failed; got {
			c.spec, all[k] = specs[k], c
		}
	}
	return all, err
}

// Missing implements [engine.Pool].
func (e *Engine) Missing(ctx context.Context, specs []engine.Spec) (missing []engine.Spec, err error) {
	found, rest, err := e.match(ctx, specs)
	if err != nil {
		return nil, err
	}
	for k, m := range found {
		if m == nil && specs[k].Network != engine.PrivateNetwork {
			missing = append(missing, specs[k])
		}
	}
	return missing, e.dropMembers(ctx, rest)
}

// dropMembers removes places that wait.
func (e *Engine) dropMembers(ctx context.Context, all []member) error {
	var errs []error
	for _, m := range all {
		c, got, err := e.take(m)
		if got {
			err = c.Drop(ctx)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// claimed implements [engine.Claimed].
type claimed struct {
	i    *instance
	tree engine.Tree
	spec engine.Spec
}

func (c *claimed) Tree() engine.Tree              { return c.tree }
func (c *claimed) Drop(ctx context.Context) error { return c.i.Remove(ctx) }

func (c *claimed) Attach(ctx context.Context) (_ engine.Instance, err error) {
	i := c.i
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("attach to %s, which waits: %w", i.b.Name, err), i.Remove(ctx))
		}
	}()
	b, _, err := i.e.plan(ctx, c.spec, "")
	if err != nil {
		return nil, err
	}
	b.Name, b.Tree, b.Spec.Tree = i.b.Name, i.b.Tree, c.tree
	i.b = b
	if err := i.attach(ctx); err != nil {
		return nil, err
	}
	return i, nil
}

// attach connects to the agent's streams.
func (i *instance) attach(ctx context.Context) error {
	conn, err := i.e.cli.ContainerAttach(ctx, i.id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return err
	}
	i.stream = newStream(conn)
	return ctx.Err()
}

// ofMember reports whether something belongs to a place that waits, or has waited, here.
func (s session) ofMember(labels map[string]string) bool {
	host, path, _ := strings.Cut(labels[labelOwner], ":")
	return host == s.host && strings.HasPrefix(filepath.Base(path), memberPrefix) && filepath.Dir(path) == filepath.Dir(s.file.Path())
}

// forgetMembers removes the files of places that are no more.
func (e *Engine) forgetMembers() error {
	names, err := filepath.Glob(filepath.Join(e.opts.LockDir, memberPrefix+"*"))
	for _, name := range names {
		base, _, _ := strings.Cut(filepath.Base(name), ".")
		_, failed := e.lock.lifeOfMember(filepath.Join(filepath.Dir(name), base))
		err = errors.Join(err, failed)
	}
	return err
}

// lifeOfMember asks whether a place waits still, or who has claimed it lives. One whose
// time has passed has ended by itself.
func (s session) lifeOfMember(path string) (life, error) {
	for range 2 { // it may have been claimed between the two looks
		m, err := readMember(path)
		if err == nil {
			if time.Now().Before(m.Until) {
				return alive, nil
			}
			return dead, os.Remove(path + freeSuffix)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return alive, err
		}
		held, err := filepath.Glob(path + heldBy + "*")
		if err != nil {
			return alive, err
		}
		for _, name := range held {
			l, err := s.lifeOf(s.host + ":" + filepath.Join(filepath.Dir(path), strings.TrimPrefix(name, path+heldBy)))
			if err != nil || l != dead {
				return l, err
			}
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return dead, err
			}
		}
	}
	return dead, nil
}
