package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/worker"
)

const ms = time.Millisecond

var day = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// open opens a history in a fresh directory, with a name that needs escaping.
func open(t *testing.T) *DB {
	t.Helper()
	return reopen(t, filepath.Join(t.TempDir(), "new dir", "hist?ory %41#.db"))
}

func reopen(t *testing.T, path string) *DB {
	t.Helper()
	d, err := Open(t.Context(), path, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	d.now = func() time.Time { return day }
	return d
}

func record(t *testing.T, d *DB, r Run) {
	t.Helper()
	if r.StartedAt.IsZero() {
		r.StartedAt = d.now()
	}
	if err := d.Record(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

func samplesOf(t *testing.T, d *DB, suite string) Samples {
	t.Helper()
	s, err := d.Samples(t.Context(), suite)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func attempt(id string, call time.Duration) Attempt {
	file, _, _ := strings.Cut(id, "::")
	return Attempt{Test: worker.TestID(id), File: file, Worker: 1, Attempt: 1, Outcome: worker.Passed, Call: call}
}

func TestRecordedAttemptsComeBackOldestFirst(t *testing.T) {
	d := open(t)
	suite := Key("proj", "unit")
	odd := "tests/a.py::test[\"x\\y\"-é\n\x00\x7f日本]"
	first := Attempt{
		Test: worker.TestID(odd), File: "tests/a.py", Index: 3, Worker: 2, Attempt: 1, Outcome: worker.Errored,
		Setup: 1500 * ms, Call: 2*ms + 7*time.Microsecond, Teardown: 3 * ms, First: true, Tentative: true,
	}
	again := first
	again.Attempt, again.Worker, again.First, again.Tentative, again.Outcome, again.Host = 2, 3, false, false, worker.Passed, `h"1`
	record(t, d, Run{ID: "r1", Suite: suite, Host: "here", Attempts: []Attempt{first, again}})
	record(t, d, Run{ID: "r2", Suite: suite, Host: "here", Attempts: []Attempt{first}})
	record(t, d, Run{ID: "r1", Suite: Key("proj", "db"), Attempts: []Attempt{attempt("b.py::b", ms)}}) // same id, other suite

	s := samplesOf(t, d, suite)
	want := []Sample{
		{Run: 1, Worker: 2, Attempt: 1, Outcome: worker.Errored, Setup: 1500 * ms, Call: 2*ms + 7*time.Microsecond, Teardown: 3 * ms, First: true, Tentative: true, Host: "here"},
		{Run: 1, Worker: 3, Attempt: 2, Outcome: worker.Passed, Setup: 1500 * ms, Call: 2*ms + 7*time.Microsecond, Teardown: 3 * ms, Host: `h"1`},
		{Run: 2, Worker: 2, Attempt: 1, Outcome: worker.Errored, Setup: 1500 * ms, Call: 2*ms + 7*time.Microsecond, Teardown: 3 * ms, First: true, Tentative: true, Host: "here"},
	}
	if diff := cmp.Diff(map[worker.TestID][]Sample{worker.TestID(odd): want}, s.Tests); diff != "" {
		t.Error(diff)
	}
	if none := samplesOf(t, d, "nobody"); len(none.Tests) != 0 || none.Tests == nil || none.Files == nil || none.Hosts == nil {
		t.Errorf("an unknown suite gave %+v", none)
	}
	if err := d.Record(t.Context(), Run{ID: "r2", Suite: suite}); err == nil {
		t.Error("the same run was recorded twice")
	}
}

func TestTheViewShowsEachAttempt(t *testing.T) {
	d := open(t)
	a := attempt("a.py::one", 20*ms)
	b := a
	b.Attempt, b.Outcome = 2, worker.Failing
	record(t, d, Run{ID: "r1", Suite: "s", Attempts: []Attempt{a, b}})
	var got string
	err := d.db.QueryRow(`SELECT group_concat(suite || ' ' || test || ' ' || run || ' ' || attempt || ' ' || outcome || ' ' || call_us, '; ') FROM attempt`).Scan(&got)
	if want := "s a.py::one r1 1 passed 20000; s a.py::one r1 2 failed 20000"; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestRetention(t *testing.T) {
	d := open(t)
	now := day
	d.now = func() time.Time { return now }
	record(t, d, Run{ID: "old", Suite: "s", Attempts: []Attempt{attempt("gone.py::t", ms)}})
	now = now.Add(KeepRuns - time.Hour)
	for i := range KeepSamples + 5 {
		record(t, d, Run{
			ID: fmt.Sprint(i), Suite: "s", Attempts: []Attempt{attempt("a.py::t", time.Duration(i)*ms)},
			Selection: fmt.Sprint("sel", i), Inventory: []File{},
		})
		now = now.Add(time.Second)
	}
	_, list, err := d.Show(t.Context(), "s", "a.py::t")
	if err != nil || len(list) != KeepSamples || list[0].Call != 5*ms || list[0].In.ID != "5" || list[KeepSamples-1].Call != 24*ms {
		t.Errorf("kept %d samples: %v, %v", len(list), list, err)
	}
	s := samplesOf(t, d, "s")
	if list := s.Tests["a.py::t"]; len(list) != Window || list[0].Call != (25-Window)*ms || list[Window-1].Call != 24*ms {
		t.Errorf("gave %d samples: %v", len(list), list)
	}
	if len(s.Tests) != 2 {
		t.Errorf("a test was dropped before its time: %v", s.Tests)
	}
	var inventories int
	if err := d.db.QueryRow(`SELECT count(*) FROM inventory`).Scan(&inventories); err != nil || inventories != keepInventories {
		t.Errorf("%d inventories kept, %v", inventories, err)
	}
	now = now.Add(2 * time.Hour)
	record(t, d, Run{ID: "last", Suite: "s", Attempts: []Attempt{attempt("a.py::t", ms)}})
	if s := samplesOf(t, d, "s"); len(s.Tests) != 1 {
		t.Errorf("what has not run for 90 days is still there: %v", s.Tests)
	}
	runs, err := d.Runs(t.Context(), "s", 0)
	if err != nil || slices.ContainsFunc(runs, func(r RunInfo) bool { return r.ID == "old" }) || len(runs) != KeepSamples+6 {
		t.Errorf("runs %v, %v", runs, err)
	}
}

func TestFixturesAndSpeeds(t *testing.T) {
	d := open(t)
	run := func(id string, speed time.Duration) Run {
		r := Run{ID: id, Suite: "s", Host: "fast"}
		for i, setup := range []time.Duration{500 * ms, 2 * ms, 4 * ms} {
			a := attempt(fmt.Sprintf("a.py::t%d", i), 100*ms*speed)
			a.Setup, a.First, a.Teardown = setup, i == 0, 9*ms
			r.Attempts = append(r.Attempts, a)
		}
		skip := attempt("a.py::skipped", 0)
		skip.Outcome = worker.Skipped
		r.Attempts = append(r.Attempts, skip)
		return r
	}
	record(t, d, run("1", 1))
	if s := samplesOf(t, d, "s"); len(s.Hosts) != 0 {
		t.Errorf("a first run has nothing to be compared with: %v", s.Hosts)
	}
	slow := run("2", 2)
	slow.Host = "slow"
	record(t, d, slow)
	s := samplesOf(t, d, "s")
	if got := s.Hosts["slow"]; got != 0.5 {
		t.Errorf("speed of a host of half speed: %v", got)
	}
	want := Fixture{First: 500 * ms, FirstN: 2, Other: 3 * ms, OtherN: 4, Teardown: 9 * ms}
	if diff := cmp.Diff(want, s.Files["a.py"]); diff != "" {
		t.Error(diff)
	}
	if got := want.Cost(); got != 497*ms {
		t.Errorf("cost %v", got)
	}
	if got := (Fixture{First: ms, Other: 2 * ms, FirstN: 1, OtherN: 1}).Cost(); got != 0 {
		t.Errorf("a cost below nothing: %v", got)
	}
}

// A run that does not know what tests take besides leaves what is known.
func TestPerTest(t *testing.T) {
	d := open(t)
	for i, perTest := range []time.Duration{0, 7 * ms, 2500 * time.Microsecond, 0} {
		want := []time.Duration{0, 7 * ms, 2500 * time.Microsecond, 2500 * time.Microsecond}[i]
		record(t, d, Run{ID: fmt.Sprint(i), Suite: "s", PerTest: perTest})
		record(t, d, Run{ID: fmt.Sprint(i), Suite: "another", PerTest: time.Second})
		if got := samplesOf(t, d, "s").PerTest; got != want {
			t.Errorf("after run %d: %s, want %s", i, got, want)
		}
	}
}

func TestInventoryAndFacts(t *testing.T) {
	d := open(t)
	ctx := t.Context()
	if files, err := d.Inventory(ctx, "s", "-k x"); files != nil || err != nil {
		t.Errorf("nothing recorded gave %v, %v", files, err)
	}
	want := []File{{Path: "b.py", Tests: []Test{{ID: "b.py::2", Group: "g"}, {ID: "b.py::1"}}}, {Path: "a.py", Tests: []Test{{ID: "a.py::1"}}}}
	record(t, d, Run{ID: "1", Suite: "s", Selection: "-k x", Inventory: want})
	got, err := d.Inventory(ctx, "s", "-k x")
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, ok, err := d.Recall(ctx, "s", "mode"); ok || err != nil {
		t.Errorf("recalled what nobody said: %v", err)
	}
	for _, v := range []string{"lazy", "full"} {
		if err := d.Remember(ctx, "s", "mode", v); err != nil {
			t.Fatal(err)
		}
	}
	if v, ok, err := d.Recall(ctx, "s", "mode"); v != "full" || !ok || err != nil {
		t.Errorf("recalled %q, %v, %v", v, ok, err)
	}
	if _, ok, _ := d.Recall(ctx, "other", "mode"); ok {
		t.Error("a fact of one suite is known to another")
	}
}

func TestConcurrentRuns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "h.db")
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			d, err := Open(t.Context(), path, hclog.NewNullLogger())
			if err != nil {
				t.Error(err)
				return
			}
			for j := range 3 {
				err := d.Record(t.Context(), Run{ID: fmt.Sprint(i, "-", j), Suite: "s", Attempts: []Attempt{attempt("a.py::t", ms)}})
				if err != nil {
					t.Error(err)
				}
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, got, err := reopen(t, path).Show(t.Context(), "s", "a.py::t"); len(got) != 18 || err != nil {
		t.Errorf("%d of 18 samples survived, %v", len(got), err)
	}
}

func TestBrokenFileIsSetAside(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"not a database": func([]byte) []byte { return []byte(strings.Repeat("no database at all ", 300)) },
		"torn header":    func(b []byte) []byte { copy(b[20:], bytes.Repeat([]byte{0xff}, 60)); return b },
		"torn pages":     func(b []byte) []byte { copy(b[4096:], bytes.Repeat([]byte{0xa5}, len(b)-4096)); return b },
		"cut":            func(b []byte) []byte { return b[:4096+100] },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "h.db")
			d, err := Open(t.Context(), path, hclog.NewNullLogger())
			if err != nil {
				t.Fatal(err)
			}
			r := Run{ID: "1", Suite: "s"}
			for i := range 500 {
				r.Attempts = append(r.Attempts, attempt(fmt.Sprintf("a.py::t%d", i), ms))
			}
			record(t, d, r)
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			good, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			bad := damage(slices.Clone(good))
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}

			var said bytes.Buffer
			d, err = Open(t.Context(), path, hclog.New(&hclog.LoggerOptions{Output: &said}))
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			}()
			if s, err := d.Samples(t.Context(), "s"); err != nil || len(s.Tests) != 0 {
				t.Errorf("%d tests, %v", len(s.Tests), err)
			}
			record(t, d, Run{ID: "2", Suite: "s", Attempts: []Attempt{attempt("a.py::t", ms)}})
			if s := samplesOf(t, d, "s"); len(s.Tests) != 1 {
				t.Errorf("the new history has %v", s.Tests)
			}
			aside := d.SetAside()
			if len(aside) != 1 || !strings.Contains(said.String(), aside[0]) {
				t.Fatalf("set aside %v, said %q", aside, said.String())
			}
			// Opening a sound first page may count itself there.
			if kept, err := os.ReadFile(aside[0]); err != nil || !bytes.HasSuffix(kept, bad[min(len(bad), 4096):]) || len(kept) < len(bad) {
				t.Errorf("what was set aside is not what was there: %v", err)
			}
		})
	}
}

func TestUnreadableSamplesAreForgotten(t *testing.T) {
	d := open(t)
	record(t, d, Run{ID: "1", Suite: "s", Attempts: []Attempt{attempt("a.py::bad", ms), attempt("a.py::good", ms)}})
	for _, text := range []string{`[[1,2`, `[[1,1,1,7,1,1,1,0,0,""]]`, `[[1,1,1,"passed",-4,1,1,0,0,""]]`, ``, `null x`} {
		if _, err := d.db.Exec(`UPDATE test SET samples = ? WHERE test = 'a.py::bad'`, text); err != nil {
			t.Fatal(err)
		}
		if s := samplesOf(t, d, "s"); len(s.Tests) != 1 {
			t.Errorf("%q gave %v", text, s.Tests)
		}
		record(t, d, Run{ID: "after " + text, Suite: "s", Attempts: []Attempt{attempt("a.py::bad", ms)}})
		if s := samplesOf(t, d, "s"); len(s.Tests["a.py::bad"]) != 1 {
			t.Errorf("after %q: %v", text, s.Tests)
		}
	}
}

func TestNewerVersionIsRefused(t *testing.T) {
	d := open(t)
	if _, err := d.db.Exec(`PRAGMA user_version = 999`); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), d.path, hclog.NewNullLogger())
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "update shardyard") {
		t.Errorf("got %v", err)
	}
}

func TestUnwritablePlaces(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"below a file":   filepath.Join(file, "h.db"),
		"is a directory": dir,
		"kernel's":       "/proc/h.db",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), path, hclog.NewNullLogger())
			if err == nil || !strings.Contains(err.Error(), "choose a place that can be written") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestCancelledContext(t *testing.T) {
	d := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Record(ctx, Run{ID: "1", Suite: "s"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(d.SetAside()) != 0 {
		t.Error("a cancelled call took the history for broken")
	}
}

func BenchmarkTenThousand(b *testing.B) {
	d, err := Open(b.Context(), filepath.Join(b.TempDir(), "h.db"), hclog.NewNullLogger())
	if err != nil {
		b.Fatal(err)
	}
	r := Run{Suite: "s", Host: "host"}
	for i := range 10000 {
		a := attempt(fmt.Sprintf("tests/unit/test_%d.py::TestClass::test_function[%d]", i/40, i), 12345*time.Microsecond)
		a.Index = i
		r.Attempts = append(r.Attempts, a)
	}
	n := 0
	save := func() {
		n++
		r.ID = fmt.Sprint(n)
		if err := d.Record(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("record first", func(b *testing.B) {
		for b.Loop() {
			r.Suite = fmt.Sprint("s", n)
			save()
		}
	})
	r.Suite = "full"
	for range KeepSamples {
		save()
	}
	b.Run("record 21st", func(b *testing.B) {
		for b.Loop() {
			save()
		}
	})
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if s, err := d.Samples(b.Context(), "full"); err != nil || len(s.Tests) != 10000 {
				b.Fatal(len(s.Tests), err)
			}
		}
	})
	if err := d.Close(); err != nil {
		b.Fatal(err)
	}
}
