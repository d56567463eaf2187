package orchestrator

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker/framework"
)

// bare is an engine that gets as far as a site, and starts nothing.
type bare struct{ engine.Engine }

func (bare) Info(context.Context) (engine.Info, error) {
	return engine.Info{Name: "bare", CPUs: 1}, nil
}
func (bare) Sweep(context.Context) ([]string, error) { return nil, nil }
func (bare) Load(context.Context, string, func(io.Writer) error) (engine.Tree, error) {
	return "tree", nil
}

func (bare) User(_ context.Context, _ engine.Base, user string) (string, error) { return user, nil }

func (bare) Unhonoured(engine.Spec) []string { return nil }

func (bare) Base(context.Context, string, framework.Toolchain, func(string)) (engine.Base, error) {
	return engine.Base{Image: "host", Host: true}, nil
}

// A run whose reports cannot be kept leaves neither the commit that it checked
// out, nor what it made in its own directory.
func TestClearsWhenReportsCannotBeKept(t *testing.T) {
	out, checkouts := t.TempDir(), t.TempDir()
	inTheWay := filepath.Join(out, reportsFile)
	if err := os.MkdirAll(inTheWay, 0o755); err != nil {
		t.Fatal(err)
	}
	req := Request{Project: committed(t), RunID: "r", Out: out, Workers: 1, Source: source.Options{Rev: "HEAD", Temp: checkouts}}
	rep, err := Run(t.Context(), req, Deps{Engine: bare{}, Logger: hclog.NewNullLogger(), Now: time.Now, Terminal: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Exit != report.ExitInfrastructure || len(rep.Faults) != 1 {
		t.Errorf("exit %d with faults %v", rep.Exit, rep.Faults)
	}
	if left, err := os.ReadDir(checkouts); err != nil || len(left) > 0 {
		t.Errorf("the checkout is left behind: %v, %v", left, err)
	}
	if left, err := filepath.Glob(filepath.Join(out, "*")); err != nil || len(left) != 2 || filepath.Base(left[0]) != "events.jsonl" {
		t.Errorf("left behind besides events.jsonl, and what was in the way: %v, %v", left, err)
	}
}

// committed is a repository with one commit.
func committed(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("a"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "a"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, said)
		}
	}
	return dir
}

// stranger is a bare engine whose image does not know the user. It makes
// nothing: no layer, no tree.
type stranger struct{ bare }

func (stranger) User(_ context.Context, base engine.Base, user string) (string, error) {
	return "", &engine.UserError{User: user, Image: base.Image}
}

func (stranger) Load(context.Context, string, func(io.Writer) error) (engine.Tree, error) {
	panic("a tree is loaded for a user that there is not")
}

// A user that the image does not know is a mistake in the config, found before
// anything is installed.
func TestUnknownUserIsAMistakeInTheConfig(t *testing.T) {
	req := Request{
		Project: committed(t), RunID: "r", Out: t.TempDir(), Workers: 1, User: "alice", UserPlace: "shardyard.yaml:4:7",
		Setup: Step{Commands: []string{"true"}},
	}
	rep, err := Run(t.Context(), req, Deps{Engine: stranger{}, Logger: hclog.NewNullLogger(), Now: time.Now, Terminal: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	want := `shardyard.yaml:4:7: user "alice": the image host has no such user; write root, a name that it has, or uid:gid in numbers`
	if rep.Exit != report.ExitUsage || len(rep.Faults) != 1 || rep.Faults[0].Text != want {
		t.Errorf("exit %d with faults %+v", rep.Exit, rep.Faults)
	}
}
