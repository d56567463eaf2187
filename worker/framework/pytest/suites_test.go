package pytest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// TestSuites holds sessions against plain pytest on suites that nobody here
// wrote: SHARDYARD_SUITES is a directory of unpacked source archives, with an
// environment in which they are installed in "env".
func TestSuites(t *testing.T) {
	dir := os.Getenv("SHARDYARD_SUITES")
	if dir == "" {
		t.Skip("SKIPPED ALOUD: SHARDYARD_SUITES names no directory of source archives")
	}
	sources, err := filepath.Glob(filepath.Join(dir, "*-*", "pyproject.toml"))
	if err != nil || len(sources) == 0 {
		t.Fatalf("no source archive in %s: %v", dir, err)
	}
	for _, source := range sources {
		t.Run(filepath.Base(filepath.Dir(source)), func(t *testing.T) {
			p := &project{python: filepath.Join(dir, "env", "bin", "python"), source: filepath.Dir(source)}
			began := time.Now()
			want := p.plain(t)
			t.Logf("plain: %d reports in %v", len(want.reports), time.Since(began))
			began = time.Now()
			full := p.session(t, newFeed(), worker.Full, 0)
			t.Logf("full: %d tests in %v", len(full.outcomes), time.Since(began))
			sameOutcomes(t, want, full)
			lists := byFile(discovered(full))
			tests := inOrder(discovered(full))
			began = time.Now()
			lazy := p.session(t, given(tests), worker.Lazy, 0)
			t.Logf("lazy: %d tests in %v, %s", len(lazy.outcomes), time.Since(began), mode(lazy))
			sameOutcomes(t, want, lazy)
			if differ(t, lists, lazy) {
				t.Error("lists differ")
			}
			if quarter := tests[len(tests)/2 : len(tests)*3/4]; len(quarter) > 0 {
				began = time.Now()
				part := p.session(t, given(quarter), worker.Lazy, 0)
				t.Logf("a quarter, lazy: %d tests in %v", len(part.outcomes), time.Since(began))
				if part.err != nil || differ(t, lists, part) {
					t.Errorf("a quarter: lists differ, or %v", part.err)
				}
				for id, outcome := range part.outcomes {
					if full.outcomes[id] != outcome {
						t.Errorf("%s: %s in a quarter, %s in all", id, outcome, full.outcomes[id])
					}
				}
			}
		})
	}
}

func mode(r result) string {
	for _, e := range r.events {
		if e.Opened != nil {
			return string(e.Opened.Mode) + " " + e.Opened.Reason
		}
	}
	return "not opened"
}

// sameOutcomes holds the outcomes of all reports against each other.
func sameOutcomes(t *testing.T, want, got result) {
	t.Helper()
	if got.err != nil {
		t.Fatalf("session: %v\n%s", got.err, got.stdout)
	}
	if len(want.reports) != len(got.reports) {
		t.Errorf("%d reports, plain pytest has %d", len(got.reports), len(want.reports))
	}
	shown := 0
	for key, reports := range want.reports {
		a, b := outcomesOf(t, reports), outcomesOf(t, got.reports[key])
		if a != b {
			if shown++; shown <= 10 {
				t.Errorf("%s: plain %s, session %s", key, a, b)
			}
		}
	}
}
