package orchestrator

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/census"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/plan"
)

// The facts that the history remembers of a suite, by name. The times of building its
// layers are there too, under the names of the steps.
const (
	factOverhead = "overhead_ms" // wall clock less the time in which tests ran
	factStart    = "start_ms"    // of that, until the first test
	factTrust    = "trust"       // a census.Trust
	factTogether = "together"    // a list of files that depend on the order of their tests
	// factCollecting, with a selection behind it, is what collecting all of that took.
	factCollecting = "collecting_ms "
	// factSerial, with a selection behind it, is what one worker took for all of that: a serial.
	factSerial = "serial "
	// factParts, with an engine and a step behind it, is what the key of the layer that
	// was used last is made of: cache.Parts.
	factParts = "parts "
	// factLatest, with an engine behind it, is the key of the environment that a trusted run
	// used last.
	factLatest = "latest "
)

// facts reads and writes a suite's facts in the history. Without a history there are
// none, and none is kept.
type facts struct {
	history History
	suite   string
}

// suiteKey returns the suite's name in the history.
func suiteKey(req *Request) string { return history.Key(req.ProjectID, req.Suite) }

// time returns a remembered number of milliseconds; 0 when there is none.
func (f facts) time(ctx context.Context, name string) time.Duration {
	if f.history == nil {
		return 0
	}
	s, ok, err := f.history.Recall(ctx, f.suite, name)
	if err != nil || !ok {
		return 0
	}
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

func (f facts) setTime(ctx context.Context, name string, d time.Duration) error {
	if f.history == nil {
		return nil
	}
	return f.history.Remember(ctx, f.suite, name, strconv.FormatInt(d.Milliseconds(), 10))
}

// recall reads a remembered value into to. ok is false when there is none.
func (f facts) recall(ctx context.Context, name string, to any) (ok bool, err error) {
	if f.history == nil {
		return false, nil
	}
	text, ok, err := f.history.Recall(ctx, f.suite, name)
	if err != nil || !ok {
		return false, err
	}
	if err := json.Unmarshal([]byte(text), to); err != nil {
		return false, fmt.Errorf("recall %s: %w", name, err)
	}
	return true, nil
}

func (f facts) remember(ctx context.Context, name string, value any) error {
	if f.history == nil {
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return f.history.Remember(ctx, f.suite, name, string(text))
}

// A serial is the wall clock of a run with one worker, and of which tests that is.
type serial struct {
	MS    int64  `json:"ms"`
	Tests string `json:"tests"` // a digest of their ids
}

// of returns the wall clock if it is that of these tests, else 0.
func (s serial) of(tests []plan.Test) time.Duration {
	if s.MS == 0 || s.Tests != digest(tests) {
		return 0
	}
	return time.Duration(s.MS) * time.Millisecond
}

// serial returns what the last run of a selection with one worker took. Without it the
// time is estimated.
func (f facts) serial(ctx context.Context, selection string) (s serial) {
	if ok, err := f.recall(ctx, factSerial+selection, &s); err != nil || !ok {
		return serial{}
	}
	return s
}

func (f facts) setSerial(ctx context.Context, selection string, took time.Duration, tests []plan.Test) error {
	return f.remember(ctx, factSerial+selection, serial{took.Milliseconds(), digest(tests)})
}

// digest is the same of the same tests, in any order.
func digest(tests []plan.Test) string {
	ids := make([]string, len(tests))
	for i, t := range tests {
		ids[i] = string(t.ID)
	}
	slices.Sort(ids)
	return selection(ids)
}

// parts returns what the key was made of that the suite last used on an engine, of a
// step; nil when that is not known.
func (f facts) parts(ctx context.Context, engine, step string) cache.Parts {
	var p cache.Parts
	if ok, err := f.recall(ctx, factParts+engine+" "+step, &p); err != nil || !ok {
		return nil
	}
	return p
}

func (f facts) setParts(ctx context.Context, engine, step string, p cache.Parts) error {
	return f.remember(ctx, factParts+engine+" "+step, p)
}

// latest returns the key of the environment that a trusted run of the suite last used on
// an engine; "" when that is not known.
func (f facts) latest(ctx context.Context, engine string) (key string) {
	if ok, err := f.recall(ctx, factLatest+engine, &key); err != nil || !ok {
		return ""
	}
	return key
}

func (f facts) setLatest(ctx context.Context, engine, key string) error {
	return f.remember(ctx, factLatest+engine, key)
}

// together returns the files that depend on the order of their tests. Without them
// such tests are found again.
func (f facts) together(ctx context.Context) []string {
	var files []string
	if ok, err := f.recall(ctx, factTogether, &files); err != nil || !ok {
		return nil
	}
	return files
}

func (f facts) setTogether(ctx context.Context, files []string) error {
	return f.remember(ctx, factTogether, files)
}

// trust returns what earlier runs say of lazy collection.
func (f facts) trust(ctx context.Context) (t census.Trust, err error) {
	_, err = f.recall(ctx, factTrust, &t)
	return t, err
}

func (f facts) setTrust(ctx context.Context, t census.Trust) error {
	return f.remember(ctx, factTrust, t)
}
