package enginetest

import (
	"errors"
	"fmt"
	"io"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// The archive is asked for only once, also while a worker uses the tree.
func testTreeLoadedOnce(s *suite) {
	id := s.key("tree")
	first := s.load(id, tree{"a.txt": "a"})
	s.start(engine.Spec{Role: engine.Worker, Tree: first})
	for _, e := range []engine.Engine{s.engine, s.cfg.Engine(s.T)} {
		again, err := e.Load(s.Context(), id, func(io.Writer) error {
			s.Error("a tree that is there was asked for again")
			return nil
		})
		if err != nil || again != first {
			s.Errorf("got %q, %v; want %q", again, err, first)
		}
	}
}

// A tree that could not be written is not there.
func testTreeLoadFails(s *suite) {
	id := s.key("tree")
	broken := errors.New("the source went away")
	_, err := s.engine.Load(s.Context(), id, func(w io.Writer) error {
		if err := (tree{"a.txt": "half"}).write(w); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		s.Errorf("got %v, want the writer's error", err)
	}
	w := s.start(engine.Spec{Role: engine.Worker, Tree: s.load(id, tree{"b.txt": "whole"})})
	w.expect("whole", `cat b.txt && test ! -e a.txt`)
}

// Modes, links, odd names and empty directories arrive.
func testTreeContent(s *suite) {
	w := s.start(engine.Spec{Role: engine.Worker, Tree: s.load(s.key("tree"), tree{
		"run.sh":         "#!/bin/sh\necho ran\n",
		"dir/":           "",
		"dir/empty/":     "",
		"a b/ü\n\".txt":  "odd",
		"link":           "->dir/../run.sh",
		"dangling":       "->/nowhere/at/all",
		"deep/er/still":  "x",
		".hidden/.f":     "h",
		"big":            string(make([]byte, 3<<20)),
		"dir/inner-link": "->../a b",
	})})
	w.expect("ran\nran\n", `./run.sh && ./link`)
	w.expect("odd", `cat 'a b/'*`)
	w.expect("odd", `cat dir/inner-link/*`)
	w.expect("/nowhere/at/all\n", `readlink dangling`)
	w.expect("ok\n", `test -d dir/empty && test -x run.sh && test ! -x deep/er/still && echo ok`)
	w.expect("3145728\n", `wc -c < big | tr -d ' '`)
	w.expect("h", `cat .hidden/.f`)
}

// A worker writes, deletes and replaces what it likes, and the next run's
// worker sees none of it.
func testTreeWritable(s *suite) {
	files := tree{"a.txt": "a", "same-size": "aaaa", "gone": "g", "d/e/f": "f", "run.sh": "#!/bin/sh\n"}
	id := s.load(s.key("tree"), files)
	const look = `cat a.txt same-size gone d/e/f; ls | sort | tr '\n' ' '; test -x run.sh && echo x`
	const want = "aaaaagfa.txt d gone run.sh same-size x\n"
	for _, run := range []string{"first", "second", "third"} {
		w := s.start(engine.Spec{Run: s.key(run), Role: engine.Worker, Tree: id})
		w.expect(want, look)
		w.sh(`echo changed > a.txt; rm gone; rm -r d; echo new > d; echo more > more; chmod -x run.sh;
			touch -r same-size t; printf bbbb > same-size; touch -r t same-size; rm t; mkdir -p ro/x; chmod 0 ro`)
		w.remove()
		s.nothingLeft(s.key(run))
	}
}

// Whoever asks for a tree of its own sees what prepare has left in it, at a path
// that what prepare has written names, and nothing of what others write.
func testOwnTree(s *suite) {
	id := s.load(s.key("tree"), tree{"a.txt": "a"})
	p := s.start(engine.Spec{Role: engine.Preparer, Tree: id})
	p.sh(`mkdir b && pwd >b/where`)
	layer := p.seal(s.key("own"))
	run := s.key("run")
	var workers []*site
	for _, name := range []string{"worker-1", "worker-2"} {
		w := s.start(engine.Spec{Run: run, Role: engine.Worker, Name: name, Layer: layer, Tree: id, OwnTree: true})
		w.sh(`echo ` + name + ` >>b/who`)
		workers = append(workers, w)
	}
	for i, w := range workers {
		w.expect(fmt.Sprintf("worker-%d\n", i+1), `cat b/who`)
		w.expect(w.instance.Layout().Source+"\n", `cat b/where`)
		w.quit()
		w.remove()
	}
}
