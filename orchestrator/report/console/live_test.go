package console

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A recording is a real run: six workers, one of which is lost, and a test that takes
// far longer than usual. Besides its events it has what its scheduler knew each second.
type recording struct {
	events  []report.Event
	glances []report.Glance
}

func recorded(t *testing.T) recording {
	t.Helper()
	r := recording{events: events(t, filepath.Join("..", "console", "testdata", "live.jsonl"))}
	f, err := os.Open(filepath.Join("testdata", "live.glances.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var g report.Glance
		if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		r.glances = append(r.glances, g)
	}
	return r
}

// play shows the run as it went, ten ticks a second. Before each tick do is called.
func (r recording) play(t *testing.T, p Progress, s Screen, do func(at time.Duration, c *Console)) {
	t.Helper()
	begun := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	now := begun
	s.Now = func() time.Time { return now }
	c, err := New(p, s)
	if err != nil {
		t.Fatal(err)
	}
	next := time.Duration(0)
	glances := r.glances
	look := func(at time.Duration) {
		for len(glances) > 0 && glances[0].At.Std() <= at {
			c.Watch(glances[0])
			glances = glances[1:]
		}
	}
	for _, e := range r.events {
		for ; next <= e.At; next += pause {
			look(next)
			now = begun.Add(next)
			c.tick()
			do(next, c)
		}
		look(e.At)
		now = begun.Add(e.At)
		c.Handle(e)
	}
	do(next, c)
}

// TestFrames is what people see at some moments of the run, in windows of five sizes.
func TestFrames(t *testing.T) {
	r := recorded(t)
	moments := []time.Duration{300 * time.Millisecond, 7 * time.Second, 8700 * time.Millisecond, 9300 * time.Millisecond, 13 * time.Second}
	for _, size := range [][2]int{{120, 24}, {80, 24}, {46, 12}, {30, 12}, {120, 5}} {
		screen := &terminal{width: size[0], height: size[1]}
		var b strings.Builder
		r.play(t, TTY, Screen{Out: screen, Color: true, Size: func() (int, int) { return screen.width, screen.height }}, func(at time.Duration, _ *Console) {
			for _, m := range moments {
				if at == m {
					fmt.Fprintf(&b, "--- after %s\n%s", at, screen.screen())
				}
			}
		})
		fmt.Fprintf(&b, "--- at the end, scrolled up\n%s", screen.all())
		golden(t, fmt.Sprintf("live.%dx%d.txt", size[0], size[1]), b.String())
		took := r.events[len(r.events)-1].At
		if most := int(took/pause) + 2; screen.frames > most || screen.frames < 20 {
			t.Errorf("%d frames in %s, at most %d should be", screen.frames, took, most)
		}
	}
}

// TestLogs is the same run in logs: of a terminal that obeys nothing, and piped,
// where somebody asks after seven seconds what the workers are at.
func TestLogs(t *testing.T) {
	r := recorded(t)
	var out, dumb strings.Builder
	r.play(t, Plain, Screen{Out: &out}, func(at time.Duration, c *Console) {
		if at == 7*time.Second {
			c.Show()
		}
	})
	golden(t, "live.plain.txt", out.String())
	r.play(t, TTY, Screen{Out: &dumb, Dumb: true}, func(time.Duration, *Console) {})
	if strings.Contains(dumb.String(), "\x1b") || strings.Count(dumb.String(), "\r") < 20 {
		t.Errorf("%q", dumb.String())
	}
	screen := &terminal{width: 80, height: 24}
	_, _ = screen.Write([]byte(dumb.String()))
	golden(t, "live.dumb.txt", screen.all())
}

// TestResize makes the window smaller and larger at every moment of the run: whatever
// was printed for good is there in the end, once, and no live line is at the end.
func TestResize(t *testing.T) {
	r := recorded(t)
	var plain strings.Builder
	screen := &terminal{width: 110, height: 20}
	sizes := [][2]int{{60, 20}, {60, 9}, {90, 30}, {45, 12}, {130, 12}, {110, 20}}
	n := 0
	r.play(t, TTY, Screen{Out: screen, Size: func() (int, int) { return screen.width, screen.height }}, func(at time.Duration, _ *Console) {
		if at%(700*time.Millisecond) == 0 {
			s := sizes[n%len(sizes)]
			screen.resize(s[0], s[1])
			n++
		}
	})
	screen.resize(1000, 20)
	r.play(t, Plain, Screen{Out: &plain}, func(time.Duration, *Console) {})
	for line := range strings.Lines(plain.String()) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasSuffix(strings.Fields(line + " x")[0], "%") || strings.HasPrefix(line, "  environment:") {
			continue // what only a log has
		}
		if n := strings.Count(screen.all(), line+"\n"); n != strings.Count(plain.String(), line+"\n") {
			t.Errorf("%q is there %d times", line, n)
		}
	}
	if !strings.HasSuffix(screen.all(), "\n  conclude       0.2s\n\n") {
		t.Errorf("live lines are left at the end:\n%s", screen.all())
	}
}

// TestAside has somebody else write at every moment of the run: what they wrote stays,
// and what is there besides is what would be there without them.
func TestAside(t *testing.T) {
	r := recorded(t)
	for _, dumb := range []bool{false, true} {
		alone, beside := &terminal{width: 80, height: 24}, &terminal{width: 80, height: 24}
		size := func() (int, int) { return 80, 24 }
		r.play(t, TTY, Screen{Out: alone, Size: size, Dumb: dumb}, func(time.Duration, *Console) {})
		said := 0
		r.play(t, TTY, Screen{Out: beside, Size: size, Dumb: dumb}, func(at time.Duration, c *Console) {
			if at%(300*time.Millisecond) == 0 {
				c.Aside(func() { fmt.Fprintf(beside, "<%s>\n", at) })
				said++
			}
		})
		rest := strings.Builder{}
		for line := range strings.Lines(beside.all()) {
			if strings.HasPrefix(line, "<") {
				said--
			} else {
				rest.WriteString(line)
			}
		}
		if said != 0 || rest.String() != alone.all() {
			t.Errorf("dumb %t: %d were lost, and the rest is\n%s\nnot\n%s", dumb, said, rest.String(), alone.all())
		}
	}
}
