package docker

import (
	"errors"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/engine/enginetest"
	"github.com/shardyard/shardyard/worker/framework/python"
)

func TestResolve(t *testing.T) {
	passwd := []byte("root:x:0:0::/root:/bin/sh\nalice:x:1007:1008:Alice:/home/alice:/bin/sh\nbroken:x\nodd:x:no:1:::\n")
	groups := []byte("wheel:x:10:\nbroken\n")
	userOf := func(name string) (string, string) {
		if line := lineOf(passwd, name); len(line) > 3 {
			return line[2], line[3]
		}
		return "", ""
	}
	groupOf := func(name string) string {
		if line := lineOf(groups, name); len(line) > 2 {
			return line[2]
		}
		return ""
	}
	for asked, want := range map[string]string{
		"alice": "1007:1008", "alice:wheel": "1007:10", "alice:7": "1007:7", "5:wheel": "5:10", "root:wheel": "0:10", "alice:root": "1007:0",
	} {
		if got, err := resolve(asked, "img", userOf, groupOf); err != nil || got != want {
			t.Errorf("%s: got %q, %v; want %s", asked, got, err, want)
		}
	}
	for asked, group := range map[string]bool{"bob": false, "bob:wheel": false, "alice:staff": true, "broken": false, "odd": false, "alice:broken": true} {
		var unknown *engine.UserError
		if _, err := resolve(asked, "img", userOf, groupOf); !errors.As(err, &unknown) || unknown.Group != group {
			t.Errorf("%s: got %v", asked, err)
		}
	}
}

// Tests run as the user that the image has under a name.
func TestUserOfAnImage(t *testing.T) {
	opts := project(t)
	e := open(t, opts)
	for _, image := range enginetest.Images(t, "../../..") {
		base, err := e.Base(t.Context(), image, python.Toolchain(""), nil)
		if err != nil {
			t.Fatal(err)
		}
		who, err := e.User(t.Context(), base, "www-data")
		if err != nil {
			t.Fatal(err)
		}
		w := start(t, e, engine.Spec{Name: "worker", Role: engine.Worker, Base: base, User: who, TreeName: "proj", Tree: mustLoad(t, e, "tree")})
		if got := w.sh("id -u; id -g"); got != "33\n33" {
			t.Errorf("%s: www-data is %q", image, got)
		}
		w.remove()
	}
}
