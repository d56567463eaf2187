package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker"
)

// maxSlots bounds the search for a free slot, and so the disk.
const maxSlots = 64

// A placeKey identifies a place: instances of one run with equal keys share it.
// owner is set for a builder or preparer, and where it was asked for: it shares
// with nobody.
type placeKey struct {
	run      string
	owner    string
	layer    engine.Layer
	tree     engine.Tree
	treeName string
}

// A place is a slot that was taken, and holds what its key says.
type place struct {
	key  placeKey
	slot string
	lock *flock.Flock

	mu    sync.Mutex // held while it is filled, or emptied
	full  bool
	holds []func() // release the layer and the tree, which Sweep leaves alone until then
	users int      // under Engine.mu
}

func (p *place) env() string    { return filepath.Join(p.slot, "env") }
func (p *place) trees() string  { return filepath.Join(p.slot, "src") }
func (p *place) source() string { return filepath.Join(p.trees(), p.key.treeName) }

// content is what a slot holds in its pristine state. The file's own time of
// change is when that was so: what has been touched since is found by it.
type content struct {
	Layer    engine.Layer `json:"layer"`
	Tree     engine.Tree  `json:"tree"`
	TreeName string       `json:"tree_name"`
}

const contentFile = "content.json"

// occupy joins the place of a spec, or takes a slot for it and fills that.
// Every success needs a leave.
func (e *Engine) occupy(ctx context.Context, spec engine.Spec) (*place, error) {
	key := placeKey{run: spec.Run, layer: spec.Layer, tree: spec.Tree, treeName: spec.TreeName}
	if spec.Role == engine.Builder || spec.Role == engine.Preparer || spec.OwnTree {
		key.owner = spec.Name
	}
	if key.treeName == "" {
		key.treeName = "source"
	}
	e.mu.Lock()
	p := e.places[key]
	if p == nil {
		p = &place{key: key}
		e.places[key] = p
	}
	p.users++
	e.mu.Unlock()

	p.mu.Lock()
	defer p.mu.Unlock()
	if p.full {
		return p, nil
	}
	err := e.fill(ctx, p)
	if err == nil {
		p.full = true
		return p, nil
	}
	return nil, errors.Join(err, e.leaveLocked(p))
}

// leave gives a place up; the last one frees its slot.
func (e *Engine) leave(p *place) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return e.leaveLocked(p)
}

func (e *Engine) leaveLocked(p *place) error {
	e.mu.Lock()
	p.users--
	last := p.users == 0
	if last {
		delete(e.places, p.key)
	}
	e.mu.Unlock()
	if !last && p.full {
		return nil
	}
	for _, release := range p.holds {
		release()
	}
	p.holds = nil
	if p.lock == nil {
		return nil
	}
	// Either nobody is left, or filling failed and the next one tries anew.
	lock := p.lock
	p.lock, p.full = nil, false
	return lock.Close()
}

// fill takes a slot and brings it to the state that the place's key says.
func (e *Engine) fill(ctx context.Context, p *place) error {
	var from sealed
	var parts origin
	if p.key.layer != "" {
		release, err := e.share(ctx, "layer", string(p.key.layer))
		if err != nil {
			return fmt.Errorf("use environment %s: %w", p.key.layer, err)
		}
		p.holds = append(p.holds, release)
		if from, err = e.layer(p.key.layer); err != nil {
			return fmt.Errorf("use environment %s: %w", p.key.layer, err)
		}
		parts.env = filepath.Join(e.layerDir(string(p.key.layer)), "env")
	}
	if p.key.tree != "" {
		release, err := e.share(ctx, "tree", string(p.key.tree))
		if err != nil {
			return fmt.Errorf("use tree %s: %w", p.key.tree, err)
		}
		p.holds = append(p.holds, release)
		parts.tree = e.treeDir(p.key.tree)
		if from.Tree != "" && from.TreeName == p.key.treeName {
			prepared := filepath.Join(e.layerDir(string(p.key.layer)), "src")
			if from.Tree == p.key.tree {
				parts.tree = prepared
			} else {
				parts.tree, parts.over = prepared, parts.tree
			}
		}
	}
	if err := e.takeSlot(p, from.Slot); err != nil {
		return err
	}
	return e.restore(ctx, p, parts, from.Slot)
}

// An origin is the directories that a slot's are copies of; "" for an empty one.
type origin struct {
	env, tree string
	// over has the same files as tree, which was prepared with other content of some:
	// those of over are taken.
	over string
}

// takeSlot locks a slot: the preferred one, where the layer was made, when it
// is free, else any.
func (e *Engine) takeSlot(p *place, preferred string) error {
	slots := make([]string, 0, maxSlots+1)
	if filepath.Dir(preferred) == e.dir("slots") {
		slots = append(slots, preferred)
	}
	for i := range maxSlots {
		slots = append(slots, filepath.Join(e.dir("slots"), strconv.Itoa(i)))
	}
	for _, slot := range slots {
		lock := e.lock("slot", filepath.Base(slot))
		ok, err := lock.TryLock()
		if err != nil {
			return errors.Join(fmt.Errorf("lock slot: %w", err), lock.Close())
		}
		if ok {
			p.slot, p.lock = slot, lock
			return nil
		}
		if err := lock.Close(); err != nil {
			return fmt.Errorf("lock slot: %w", err)
		}
	}
	return fmt.Errorf("all %d slots in %s are taken: too many runs of this project at once", maxSlots, e.dir("slots"))
}

// restore makes the slot's environment and tree pristine copies.
func (e *Engine) restore(ctx context.Context, p *place, parts origin, madeAt string) error {
	want := content{Layer: p.key.layer, Tree: p.key.tree, TreeName: p.key.treeName}
	has, since := p.content()
	if err := p.setContent(nil); err != nil {
		return err
	}
	if err := os.MkdirAll(p.trees(), 0o755); err != nil {
		return err
	}
	others, err := os.ReadDir(p.trees())
	if err != nil {
		return err
	}
	for _, other := range others {
		if other.Name() != p.key.treeName {
			if err := removeAll(filepath.Join(p.trees(), other.Name())); err != nil {
				return err
			}
		}
	}
	moved := madeAt != "" && madeAt != p.slot
	for _, part := range []struct {
		to, from, over string
		same           bool
	}{{p.env(), parts.env, "", has.Layer == want.Layer}, {p.source(), parts.tree, parts.over, has == want}} {
		dir := part.to
		if part.from == "" {
			if err := errors.Join(removeAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
				return err
			}
			continue
		}
		var clean time.Time
		if part.same {
			clean = since
		}
		if err := mirror(ctx, part.from, part.over, dir, clean); err != nil {
			return err
		}
		if !moved {
			continue
		}
		binary, err := relocate(dir, madeAt, p.slot)
		if err != nil {
			return fmt.Errorf("move environment from %s to %s: %w", madeAt, p.slot, err)
		}
		if len(binary) > 0 {
			e.log.Warn("compiled files name the place where they were built, which another run holds now",
				"built_at", madeAt, "used_at", p.slot, "files", len(binary), "first", binary[0])
		}
	}
	return p.setContent(&want)
}

// content returns what the slot was when it was last whole, and when that was; zero if
// it is not known.
func (p *place) content() (has content, since time.Time) {
	path := filepath.Join(p.slot, contentFile)
	raw, err := os.ReadFile(path)
	if err != nil {
		return has, since
	}
	info, err := os.Lstat(path)
	if err != nil || json.Unmarshal(raw, &has) != nil {
		return content{}, since
	}
	return has, worker.ChangeTime(info)
}

// setContent records the content of the slot; nil if it is not known to be whole.
func (p *place) setContent(c *content) error {
	path := filepath.Join(p.slot, contentFile)
	if c == nil {
		return os.RemoveAll(path)
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o644)
}
