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
	begun  bool         // it begins with an older environment
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
	if err := b.commands(ctx, dir, "setup", s.Commands); err != nil {
		return err
	}
	if b.begun && b.tools.Tidy != "" {
		if err := b.shell(ctx, "/", b.fill.Replace(b.tools.Tidy)); err != nil {
			return fmt.Errorf("tidy the environment: %w", err)
		}
	}
	return b.ensure(ctx, dir, s.Ensure)
}

func (b *builder) prepare(ctx context.Context, s Step) error {
	dir := path.Join(b.layout.Source, b.sub)
	if err := b.commands(ctx, dir, "prepare", s.Commands); err != nil {
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
	defer func() { _ = f.Close() }() // it was only read
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

// A CommandError is a command of a builder that ran and did not succeed.
type CommandError struct {
	Line string
	// Setting of the config that lists it, "setup" or "prepare"; "" for one of the toolchain.
	Setting string
	how     string
}

func (e *CommandError) Error() string { return fmt.Sprintf("`%s` %s", e.Line, e.how) }

// commands runs those that a setting of the config lists.
func (b *builder) commands(ctx context.Context, dir, setting string, commands []string) error {
	b.env[notesFile] = path.Join(b.layout.Temp, "notes")
	for _, c := range commands {
		b.does("$ " + c)
		if err := b.shell(ctx, dir, c); err != nil {
			if failed, ok := errors.AsType[*CommandError](err); ok {
				failed.Setting = setting
			}
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
		return &CommandError{Line: line, how: fmt.Sprintf("ended with exit status %d after %s%s", exited.Code, time.Since(began).Round(time.Millisecond), tail)}
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
