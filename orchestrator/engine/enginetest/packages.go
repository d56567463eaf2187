package enginetest

import (
	"github.com/shardyard/shardyard/orchestrator/engine"
)

// What a builder puts into the package cache is there for later ones. A worker has no
// package cache unless it asks for one, and then one of its own.
func testPackages(s *suite) {
	id := s.load(s.key("tree"), tree{"a.txt": "a"})
	b := s.start(engine.Spec{Role: engine.Builder})
	b.sh(`mkdir -p "$CACHE_DIR/go/mod" && echo one > "$CACHE_DIR/go/mod/one" && echo 1 > "$CACHE_DIR/go/lock"`)
	b.seal(s.key("first"))
	p := s.start(engine.Spec{Run: s.key("prepared"), Role: engine.Preparer, Tree: id})
	p.sh(`mkdir "$CACHE_DIR/of-user" && echo two > "$CACHE_DIR/of-user/two"`)
	p.seal(s.key("second"))

	if s.cfg.SharedPackages {
		other := s.startOn(s.cfg.Other(s.T), s.spec(engine.Spec{Run: s.key("other"), Role: engine.Builder}))
		other.expect("one\n", `cat "$CACHE_DIR/go/mod/one"`)
		other.remove()
	}
	none := s.start(engine.Spec{Role: engine.Worker, Name: "none", Tree: id})
	none.expect("\n", `echo "$CACHE_DIR"`)
	none.remove()
	if !s.cfg.Generations {
		again := s.start(engine.Spec{Role: engine.Builder, Name: "again"})
		again.expect("one\n", `cat "$CACHE_DIR/go/mod/one"`)
		w := s.start(engine.Spec{Role: engine.Worker, Tree: id, OwnCache: true})
		w.expect("\n", `echo "$CACHE_DIR"`)
		return
	}
	s.sealedGenerations(id)
}

// sealedGenerations is the rest of testPackages, for an engine that gives each place its own
// view: nothing is kept of what was not sealed, and nobody sees another's writes.
func (s *suite) sealedGenerations(id engine.Tree) {
	const both = `cat "$CACHE_DIR/go/mod/one" "$CACHE_DIR/of-user/two"; ls "$CACHE_DIR" "$CACHE_DIR/go/mod" | grep -c half`
	const write = `echo half > "$CACHE_DIR/go/mod/half"; mkdir "$CACHE_DIR/half-new"; echo 2 >> "$CACHE_DIR/go/lock"; rm -r "$CACHE_DIR/of-user"`
	clean := func(p *site) {
		s.Helper()
		p.expect("one\ntwo\n0\n", both+"; true")
	}
	failed := s.start(engine.Spec{Role: engine.Builder, Name: "failed"})
	clean(failed)
	failed.sh(write)
	meanwhile := s.start(engine.Spec{Role: engine.Builder, Name: "meanwhile"})
	clean(meanwhile)
	failed.remove()
	meanwhile.remove()

	one := s.start(engine.Spec{Role: engine.Worker, Name: "worker-1", Tree: id, OwnCache: true})
	clean(one)
	one.sh(write)
	two := s.start(engine.Spec{Role: engine.Worker, Name: "worker-2", Tree: id, OwnCache: true})
	clean(two)
	one.remove()
	two.remove()
	s.nothingLeft(s.run)

	// Of two that build at once, both add to what there is.
	quick := s.start(engine.Spec{Role: engine.Builder, Name: "quick"})
	slow := s.start(engine.Spec{Role: engine.Builder, Name: "slow"})
	slow.sh(`mkdir "$CACHE_DIR/both" && echo slow > "$CACHE_DIR/both/of-slow" && rm "$CACHE_DIR/go/lock"`)
	quick.sh(`mkdir "$CACHE_DIR/both" && echo quick > "$CACHE_DIR/both/of-quick"`)
	quick.seal(s.key("quick"))
	slow.seal(s.key("slow"))

	p := s.start(engine.Spec{Role: engine.Builder, Name: "last"})
	clean(p)
	p.expect("quick\nslow\n", `cat "$CACHE_DIR/both/of-quick" "$CACHE_DIR/both/of-slow" && touch "$CACHE_DIR/new"`)
	p.remove()
}
