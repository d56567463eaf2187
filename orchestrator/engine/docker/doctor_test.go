package docker

import (
	"slices"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/doctor"
)

func TestCheck(t *testing.T) {
	for _, x := range []struct {
		trees TreeWay
		mark  doctor.Mark
	}{{Overlay, doctor.Fine}, {ImageLayer, doctor.Warning}} {
		opts := project(t)
		opts.Trees = x.trees
		e := open(t, opts)
		info, err := e.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checks := e.Check(t.Context(), info)
		want := map[string]doctor.Mark{"address": doctor.Fine, "agent": doctor.Fine, "source": x.mark}
		for name, mark := range want {
			if !slices.ContainsFunc(checks, func(c doctor.Check) bool { return c.Name == name && c.Mark == mark && c.Found != "" }) {
				t.Errorf("trees %s: no check %s with mark %s in %+v", x.trees, name, mark, checks)
			}
		}
	}
}
