package orchestrator

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// An installer makes the layers of a site.
type installer struct {
	*ground
	req   *Request
	rec   *recorder
	facts facts
	built time.Duration             // spent on building layers
	asked map[framework.Remote]bool // hosts that were looked for
	// The keys of the layers; "" for one that is not made.
	envKey, preparedKey string
	// loose says what of the environment nothing pins; "" for nothing.
	loose string
}

// environment returns the layer in which the suite's dependencies are
// installed: the sealed one with this key, or a new one.
func (i *installer) environment(ctx context.Context) (layer engine.Layer, err error) {
	if i.req.Setup.empty() && i.req.Prepare.empty() {
		return "", nil
	}
	files, err := i.src.Read(ctx, i.req.Setup.Key)
	if err != nil {
		return "", err
	}
	made := cache.Environment{
		Base: i.base.ID, Platform: i.info.Platform, Commands: i.req.Setup.Commands, Ensure: i.req.Setup.Ensure, Files: files,
		Settings: i.req.Builder.Settings,
	}
	pinned, why := framework.Pins(files, slices.Concat(i.req.Setup.Commands, i.req.Prepare.Commands), slices.Concat(i.req.Setup.Ensure, i.req.Prepare.Ensure))
	i.loose = why
	layer, i.envKey, err = i.layer(ctx, layerStep{
		name: "environment", role: engine.Builder, ages: i.req.Refresh.ages(pinned, why), anew: i.req.Refresh.Anew,
		keys: func(s cache.Scope) []layerKey {
			made.Scope = s
			return []layerKey{{cache.EnvironmentKey(made), made.Parts()}}
		},
		build: func(ctx context.Context, b *builder) error { return b.setup(ctx, i.req.Setup, files) },
	})
	return layer, err
}

// prepared returns the layer in which the project itself is installed: one of this
// tree, or of another one in which the same is read to install it.
func (i *installer) prepared(ctx context.Context, env engine.Layer, tree engine.Tree) (layer engine.Layer, err error) {
	if i.req.Prepare.empty() {
		return env, nil
	}
	made := cache.Prepared{
		Environment: i.envKey, Dir: i.src.Sub, Place: i.info.Name + "/" + i.treeName(), Commands: i.req.Prepare.Commands, Ensure: i.req.Prepare.Ensure,
	}
	print, err := footprintOf(ctx, i.src, i.req.Session.Toolchain.Reads, i.req.Prepare.Commands)
	if err != nil {
		return "", err
	}
	layer, i.preparedKey, err = i.layer(ctx, layerStep{
		name: "prepare", role: engine.Preparer, from: env, tree: tree,
		keys: func(s cache.Scope) (keys []layerKey) {
			for _, made.Tree = range print.trees(i.src.ID) {
				made.Scope = s
				keys = append(keys, layerKey{cache.PreparedKey(made), made.Parts()})
			}
			return keys
		},
		build: func(ctx context.Context, b *builder) error { return b.prepare(ctx, i.req.Prepare) },
		holds: print.holds,
	})
	return layer, err
}

// A layerStep is a layer that is found by its key in a scope that the run reads, or
// else built, under a lock, and sealed under its key in the run's own scope.
type layerStep struct {
	name string
	keys func(cache.Scope) []layerKey // the widest first: the last one always holds
	// ages says how old the layer may be; it is sealed in generations if that is bounded,
	// or if it is built anew, though there is one.
	ages  age
	anew  bool
	role  engine.Role
	from  engine.Layer
	tree  engine.Tree
	build func(context.Context, *builder) error
	// holds reports whether a layer may have its widest key, by what was written into
	// the tree. Nil where there is only one.
	holds func(worker.Changed) bool
}

// A layerKey is a key, and what it is made of.
type layerKey struct {
	name  string
	parts cache.Parts
}

// layer returns a layer, and the key under which it is kept.
func (i *installer) layer(ctx context.Context, s layerStep) (layer engine.Layer, key string, err error) {
	var keys, own []layerKey
	var outdated string // why what there is will not do
	for _, scope := range i.req.Scope.Reads() {
		own = s.keys(scope)
		keys = append(keys, own...)
	}
	under := own[len(own)-1]
	step := i.rec.step(s.name)
	before := i.facts.parts(ctx, i.info.Name, s.name)
	defer func() {
		if err == nil && !maps.Equal(before, under.parts) {
			err = i.facts.setParts(ctx, i.info.Name, s.name, under.parts)
		}
		if !step.cached {
			step.detail = cmp.Or(outdated, under.parts.Why(before))
		}
		took := i.rec.elapsed() - step.began
		if step.cached {
			step.saved = max(0, i.facts.time(ctx, s.name)-took)
		} else {
			i.built += took
			if err == nil {
				err = i.facts.setTime(ctx, s.name, took)
			}
		}
		step.end(err)
	}()
	find := func() (layer engine.Layer, ok bool, err error) {
		for _, k := range keys {
			name, old, err := i.current(ctx, s, k.name)
			outdated = cmp.Or(outdated, old)
			if err != nil {
				return "", false, err
			}
			if name == "" {
				continue
			}
			var damaged *engine.DamagedError
			if layer, ok, err = i.engine.Find(ctx, name); errors.As(err, &damaged) {
				i.rec.note(report.Warning, "%s; it is built anew", damaged.Error())
				outdated = "what was kept was damaged"
				continue
			}
			if err != nil {
				return "", false, err
			}
			if ok {
				under = layerKey{name, k.parts}
				break
			}
		}
		return layer, ok, err
	}
	layer, found, err := find()
	if err != nil || found {
		step.cached = found
		return layer, under.name, err
	}
	waits := i.rec.elapsed()
	unlock, err := i.engine.Lock(ctx, own[0].name, func() { step.does("waiting for another run's install") })
	if err != nil {
		return "", under.name, err
	}
	step.waited = i.rec.elapsed() - waits
	defer unlock()
	if layer, found, err = find(); err != nil || found {
		step.cached = found
		return layer, under.name, err
	}
	if s.ages.most > 0 || s.anew {
		own = []layerKey{{cache.Generation(own[0].name, i.rec.now()), own[0].parts}}
	}
	layer, under, err = i.build(ctx, s, own, step)
	return layer, under.name, err
}

// current returns the key of the generation that will do; "" for none, and then why what
// there is will not.
func (i *installer) current(ctx context.Context, s layerStep, base string) (key, outdated string, err error) {
	if s.name != "environment" {
		return base, "", nil
	}
	all, err := i.engine.Keys(ctx, base)
	if err != nil {
		return "", "", err
	}
	key, built, ok := cache.Newest(base, all)
	switch {
	case !ok:
		return "", "", nil
	case s.anew && built.UnixMilli() < i.rec.began.UnixMilli():
		return "", "--refresh asks for a new one", nil
	case s.ages.most > 0 && i.rec.now().Sub(built) > s.ages.most:
		return "", fmt.Sprintf("it was older than %s, and nothing pins %s", report.Age(s.ages.most), s.ages.why), nil
	}
	return key, "", nil
}

// build builds a layer and seals it under the widest of the keys that holds.
func (i *installer) build(ctx context.Context, s layerStep, keys []layerKey, step *step) (layer engine.Layer, under layerKey, err error) {
	under = keys[len(keys)-1]
	defer i.reach(ctx)()
	step.does("starting a " + string(s.role))
	p, err := begin(ctx, i.engine, i.spec(s), 0)
	if err != nil {
		return "", under, err
	}
	defer func() { err = errors.Join(err, p.end(ctx)) }()
	tools := i.req.Session.Toolchain
	b := &builder{
		client: p.client, layout: p.layout, base: i.base, tools: tools, fill: fill(tools, i.base, p.layout), runs: i.info.Platform, sub: i.src.Sub,
		env: i.req.Builder.environ(tools, i.base, p.layout), say: step.say, does: step.does, note: i.rec.note,
	}
	if why := i.req.Builder.Why; len(why) > 0 {
		step.say("builders get " + strings.Join(why, "; "))
	}
	if err := s.build(ctx, b); err != nil {
		return "", under, fmt.Errorf("%s failed, nothing of it is kept: %w", s.name, err)
	}
	if len(keys) > 1 {
		wrote, err := p.client.Changes(ctx, worker.Changes{Dir: p.layout.Source, Keep: []string{"*"}})
		if err != nil {
			return "", under, fmt.Errorf("ask what %s wrote: %w", s.name, err)
		}
		if s.holds(wrote) {
			under = keys[0]
		}
	}
	about := cache.About{Built: i.rec.now().UTC().Truncate(time.Second)}
	if about.Packages, err = b.packages(ctx); err != nil {
		return "", under, err
	}
	if err := p.client.Quit(ctx); err != nil {
		return "", under, fmt.Errorf("end %s: %w", s.role, err)
	}
	step.does("sealing it")
	layer, err = p.inst.Seal(ctx, under.name, about)
	return layer, under, err
}

// spec returns the place in which a layer is built.
func (i *installer) spec(s layerStep) engine.Spec {
	spec := i.ground.spec(s.role, string(s.role))
	spec.Layer, spec.Tree = s.from, s.tree
	return spec
}

// A builder runs the commands of a step inside a place of work.
type builder struct {
	client *worker.Client
	layout engine.Layout
	base   engine.Base
	tools  framework.Toolchain
	fill   *strings.Replacer // of the toolchain's placeholders
	runs   string            // the platform of programs: "linux/amd64"
	sub    string            // the project's directory below the tree's root
	env    map[string]string
	say    func(string) // shows a line of output
	does   func(string) // shows what is done from now on
	note   func(report.Level, string, ...any)
	ids    int64
}

func (b *builder) setup(ctx context.Context, s Step, files map[string][]byte) error {
	dir := path.Join(b.layout.Temp, "setup")
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := b.client.PutFile(ctx, path.Join(dir, name), 0o644, bytes.NewReader(files[name])); err != nil {
			return fmt.Errorf("put %s: %w", name, err)
		}
	}
	if len(files) == 0 {
		dir = b.layout.Temp
	}
	if err := b.make(ctx); err != nil {
		return err
	}
	if err := b.commands(ctx, dir, s.Commands); err != nil {
		return err
	}
	return b.ensure(ctx, dir, s.Ensure)
}

func (b *builder) prepare(ctx context.Context, s Step) error {
	dir := path.Join(b.layout.Source, b.sub)
	if err := b.commands(ctx, dir, s.Commands); err != nil {
		return err
	}
	return b.ensure(ctx, dir, s.Ensure)
}

// make makes an empty environment, as the toolchain does.
func (b *builder) make(ctx context.Context) error {
	if b.tools.Probe != nil && len(b.tools.Make) > 0 && b.base.Program == "" {
		return &engine.NoProgramError{Tools: b.tools}
	}
	if err := b.fits(ctx); err != nil {
		return err
	}
	for _, c := range b.tools.Make {
		if c.Unless != "" && b.shell(ctx, "/", b.fill.Replace(c.Unless)) == nil {
			continue
		}
		b.does(cmp.Or(c.Say, "making the environment"))
		if brought, err := b.bring(ctx, c); err != nil || brought {
			if err != nil {
				return err
			}
			continue
		}
		if err := b.shell(ctx, "/", b.fill.Replace(c.Run)); err != nil {
			return fmt.Errorf("%s: %w", b.fill.Replace(cmp.Or(c.Fail, "make the environment")), err)
		}
	}
	return nil
}

// bring copies a program of this machine into the builder, where the command names
// one, and reports whether that is all that was needed.
func (b *builder) bring(ctx context.Context, c framework.Command) (enough bool, err error) {
	program := engine.FindBinary(c.Bring, b.runs)
	if program == "" {
		return false, nil
	}
	f, err := os.Open(program)
	if err != nil {
		return false, fmt.Errorf("read a program of this machine: %w", err)
	}
	defer f.Close()
	to := path.Join(toolsDir(b.layout), filepath.Base(program))
	if err := b.client.PutFile(ctx, to, 0o755, f); err != nil {
		return false, err
	}
	if b.shell(ctx, "/", b.fill.Replace(c.Unless)) == nil {
		return true, nil
	}
	return false, b.shell(ctx, "/", b.fill.Replace("rm {tools}/"+filepath.Base(program)))
}

// fits returns an error if the program of an image is of a version that the project
// refuses. This machine's own was judged when it was looked for.
func (b *builder) fits(ctx context.Context) error {
	probe := b.tools.Probe
	if b.base.Host || b.tools.Accept == nil || probe == nil {
		return nil
	}
	var out bytes.Buffer
	var found framework.Found
	b.ids++
	argv := append([]string{b.fill.Replace("{program}")}, probe.Args...)
	exited, err := b.client.Exec(ctx, worker.Exec{ID: b.ids, Argv: argv, Dir: "/", Env: b.env}, func(o worker.Output) { out.Write(o.Data) })
	if err != nil {
		return fmt.Errorf("ask %s for its version: %w", argv[0], err)
	}
	answered := exited.Error == "" && exited.Code == 0 && json.Unmarshal(out.Bytes(), &found) == nil
	// One that does not answer cannot make the environment, which says what is wrong with it.
	if answered && !engine.Fits(found.Version, b.tools) {
		return fmt.Errorf("%s %s is wanted and the image %s has %s: name another one, such as `image: %s`",
			b.tools.Name, engine.Wanted(b.tools), b.base.Image, found.Version, b.tools.Image)
	}
	return nil
}

// ensure installs the packages that the environment lacks.
func (b *builder) ensure(ctx context.Context, dir string, packages []string) error {
	for _, p := range packages {
		of := strings.NewReplacer("{package}", p)
		if b.shell(ctx, dir, of.Replace(b.fill.Replace(b.tools.Installed))) == nil {
			continue
		}
		b.note(report.Info, "%s is not among the project's dependencies: added to the environment", p)
		b.does("installing " + p)
		if err := b.shell(ctx, dir, of.Replace(b.fill.Replace(b.tools.Install))); err != nil {
			return fmt.Errorf("install %s: %w", p, err)
		}
	}
	return nil
}

func (b *builder) commands(ctx context.Context, dir string, commands []string) error {
	b.env[notesFile] = path.Join(b.layout.Temp, "notes")
	for _, c := range commands {
		b.does("$ " + c)
		if err := b.shell(ctx, dir, c); err != nil {
			return err
		}
	}
	return b.notes(ctx)
}

// notesFile is a variable of commands: each line of the file that it names is said to
// the user, who would not see it among what installers print.
const notesFile = "SHARDYARD_NOTES"

// notes shows the lines that commands wrote for the user.
func (b *builder) notes(ctx context.Context) error {
	out, err := b.output(ctx, "cat", b.env[notesFile])
	if err != nil {
		return fmt.Errorf("read what commands note: %w", err)
	}
	for line := range strings.Lines(out) {
		b.note(report.Warning, "%s", strings.TrimSpace(line))
	}
	return nil
}

// packages lists what is installed, as far as the toolchain can tell.
func (b *builder) packages(ctx context.Context) ([]cache.Package, error) {
	if b.tools.List == "" {
		return nil, nil
	}
	out, err := b.output(ctx, "sh", "-c", b.fill.Replace(b.tools.List))
	if err != nil {
		return nil, fmt.Errorf("list what is installed: %w", err)
	}
	return cache.ParsePackages(out), nil
}

// maxOutput bounds what is taken of a command's output.
const maxOutput = 1 << 20

// output returns what a command prints, whatever comes of it.
func (b *builder) output(ctx context.Context, argv ...string) (string, error) {
	var out bytes.Buffer
	b.ids++
	_, err := b.client.Exec(ctx, worker.Exec{ID: b.ids, Argv: argv, Dir: "/", Env: b.env}, func(o worker.Output) {
		if o.Stream == "stdout" && out.Len() < maxOutput {
			out.Write(o.Data)
		}
	})
	return out.String(), err
}

// shell runs one command line. Its output is shown as progress, and its end
// is part of the error.
func (b *builder) shell(ctx context.Context, dir, line string) error {
	tail := &tail{say: b.say}
	b.ids++
	began := time.Now()
	exited, err := b.client.Exec(ctx, worker.Exec{ID: b.ids, Argv: []string{"sh", "-c", line}, Dir: dir, Env: b.env}, tail.take)
	tail.flush()
	switch {
	case err != nil:
		return fmt.Errorf("run `%s`: %w", line, err)
	case exited.Error != "":
		return fmt.Errorf("run `%s`: %s", line, exited.Error)
	case exited.Code != 0:
		return fmt.Errorf("`%s` ended with exit status %d after %s%s", line, exited.Code, time.Since(began).Round(time.Millisecond), tail)
	}
	return nil
}

// tail shows output line by line and keeps its last lines.
type tail struct {
	say   func(string)
	part  []byte
	said  int // bytes
	lines []string
}

// tailLines is how many lines an error has, tailLine the length in bytes at which
// a line is cut in two, and tailSaid how much of a command's output is shown:
// what is beyond would fill the run's log.
const tailLines, tailLine, tailSaid = 30, 16 << 10, 16 << 20

func (t *tail) take(o worker.Output) {
	t.part = append(t.part, o.Data...)
	for {
		i := bytes.IndexAny(t.part, "\r\n")
		if i > tailLine || i < 0 && len(t.part) > tailLine {
			t.line(string(t.part[:tailLine]))
			t.part = t.part[tailLine:]
			continue
		}
		if i < 0 {
			break
		}
		t.line(string(t.part[:i]))
		t.part = t.part[i+1:]
	}
}

func (t *tail) flush() {
	t.line(string(t.part))
	t.part = nil
}

func (t *tail) line(s string) {
	if s = strings.TrimRight(s, " \t"); s == "" {
		return
	}
	if t.said += len(s); t.said <= tailSaid {
		t.say(s)
	}
	if t.lines = append(t.lines, s); len(t.lines) > tailLines {
		t.lines = t.lines[1:]
	}
}

// String returns what was said last, to stand behind a sentence.
func (t *tail) String() string {
	if len(t.lines) == 0 {
		return ", and said nothing"
	}
	return ":\n  " + strings.Join(t.lines, "\n  ")
}
