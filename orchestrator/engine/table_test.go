package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

type named struct {
	engine.Engine
	name string
}

// table has an engine that never answers, and two that do.
func table() engine.Table {
	open := func(name string) func(context.Context, engine.Options) (engine.Engine, error) {
		return func(context.Context, engine.Options) (engine.Engine, error) { return named{name: name}, nil }
	}
	return engine.Table{
		{Name: "yard", Title: "yard engine", Advice: "start it", Open: func(context.Context, engine.Options) (engine.Engine, error) {
			return nil, errors.New("refused")
		}},
		{Name: "plain", Title: "plain engine", Note: "nothing is isolated", Open: open("plain")},
		{Name: "last", Title: "last engine", Open: open("last")},
	}
}

func TestTableOpens(t *testing.T) {
	for _, test := range []struct{ ask, opened, note, err string }{
		{ask: "auto", opened: "plain", note: "no yard engine (refused): nothing is isolated"},
		{ask: "", opened: "plain", note: "no yard engine (refused): nothing is isolated"},
		{ask: "last", opened: "last"},
		{ask: "yard", err: "refused"},
		{ask: "cloud", err: `--engine "cloud": write auto, yard, plain or last`},
	} {
		e, note, err := table().Open(t.Context(), test.ask, engine.Options{})
		if test.err != "" {
			if err == nil || err.Error() != test.err {
				t.Errorf("%q: got the error %v, want %s", test.ask, err, test.err)
			}
			if unknown := errors.As(err, new(*engine.UnknownError)); unknown != (test.ask == "cloud") {
				t.Errorf("%q: the error is of an unknown engine: %t", test.ask, unknown)
			}
			continue
		}
		if err != nil || e.(named).name != test.opened || note != test.note {
			t.Errorf("%q: got %v, %q, %v; want %s, %q", test.ask, e, note, err, test.opened, test.note)
		}
	}
}

func TestTableOfNoneThatAnswers(t *testing.T) {
	if _, _, err := table()[:1].Open(t.Context(), engine.Auto, engine.Options{}); err == nil || err.Error() != "refused" {
		t.Errorf("got %v", err)
	}
}

func TestTableSays(t *testing.T) {
	if got, want := table().Names(), []string{"auto", "yard", "plain", "last"}; !slices.Equal(got, want) {
		t.Errorf("names %q, want %q", got, want)
	}
	if got := table().Advice("auto"); !strings.HasPrefix(got, "start it") || !strings.HasSuffix(got, "--engine last") || strings.Contains(got, "--engine yard") {
		t.Errorf("advice %q", got)
	}
}
