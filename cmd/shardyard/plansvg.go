package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"path"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
)

// A planPicture is a plan as an SVG file: a row for each worker, a block for
// each file's tests in the order in which they run, and the lower bound.
type planPicture struct {
	plan     plan.Plan
	fixtures map[string]time.Duration
	out      strings.Builder
	colors   map[string]int // by file, in order of appearance
	row      float64        // height
	scale    float64        // pixels for a second
}

// The picture's frame, in pixels.
const (
	pictureWidth = 1200.0
	pictureLeft  = 80.0
	pictureRight = 20.0
	pictureTop   = 64.0
)

// A stretch is tests of one file that run one after the other.
type stretch struct {
	file    string
	tests   int
	took    time.Duration // with the fixture
	fixture time.Duration
}

func writePicture(w io.Writer, p plan.Plan, fixtures map[string]time.Duration) error {
	c := &planPicture{plan: p, fixtures: fixtures, colors: map[string]int{}}
	c.draw()
	_, err := io.WriteString(w, c.out.String())
	return err
}

func (c *planPicture) printf(format string, args ...any) { fmt.Fprintf(&c.out, format, args...) }

func (c *planPicture) draw() {
	n := len(c.plan.Shards)
	c.row = min(max(640/float64(n), 3), 24)
	end := max(c.plan.Makespan, c.plan.Bound.Time, time.Millisecond)
	c.scale = (pictureWidth - pictureLeft - pictureRight) / end.Seconds()
	bottom := pictureTop + c.row*float64(n)
	height := bottom + 36
	c.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" width="%.0f" height="%.0f" font-family="system-ui, sans-serif" font-size="11">`+"\n",
		pictureWidth, height, pictureWidth, height)
	c.printf("<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n")
	tests := 0
	for _, s := range c.plan.Shards {
		for _, u := range s.Units {
			tests += len(u.Tests)
		}
	}
	c.text(pictureLeft, 20, `font-size="15" font-weight="600" fill="#111"`, fmt.Sprintf("%s on %s: %s",
		report.Count(tests, "test", "tests"), report.Count(n, "worker", "workers"), report.Clock(c.plan.Makespan)))
	c.text(pictureLeft, 37, `fill="#555"`, fmt.Sprintf("balance %.0f %%, serial ~%s, lower bound %s",
		100*c.plan.Balance(), report.Clock(c.plan.Serial), lowerBound(c.plan.Bound)))
	c.axis(end, bottom)
	every := max(int(math.Ceil(12/c.row)), 1)
	for i, s := range c.plan.Shards {
		y := pictureTop + c.row*float64(i)
		if i%every == 0 {
			c.text(pictureLeft-8, y+c.row/2+4, `text-anchor="end" fill="#333"`, fmt.Sprintf("worker %d", i+1))
		}
		c.worker(y, s)
	}
	x := c.x(c.plan.Bound.Time)
	c.printf(`<path d="M%.1f %.1fV%.1f" stroke="#c1121f" stroke-width="1.5" stroke-dasharray="5 3"/>`+"\n", x, pictureTop-10, bottom+4)
	c.text(x-4, pictureTop-4, `text-anchor="end" fill="#c1121f"`, "lower bound "+report.Clock(c.plan.Bound.Time))
	c.printf("</svg>\n")
}

func (c *planPicture) x(at time.Duration) float64 { return pictureLeft + at.Seconds()*c.scale }

func (c *planPicture) text(x, y float64, style, s string) {
	c.printf(`<text x="%.1f" y="%.1f" %s>%s</text>`+"\n", x, y, style, escaped(s))
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(report.Clean(s))) // a Builder does not fail
	return b.String()
}

// axis draws a line for about every tenth of the time.
func (c *planPicture) axis(end time.Duration, bottom float64) {
	step := tick(end / 10)
	for at := time.Duration(0); at <= end; at += step {
		x := c.x(at)
		c.printf(`<path d="M%.1f %.1fV%.1f" stroke="#ddd"/>`+"\n", x, pictureTop, bottom+4)
		c.text(x, bottom+18, `text-anchor="middle" fill="#555"`, round(at))
	}
}

// round returns a round time without the parts that are zero: 10s, 2m, 1h30m.
func round(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// tick returns a round time of at least d.
func tick(d time.Duration) time.Duration {
	for unit := time.Millisecond; unit < time.Second; unit *= 10 {
		for _, k := range []time.Duration{1, 2, 5} {
			if k*unit >= d {
				return k * unit
			}
		}
	}
	for _, unit := range []time.Duration{time.Second, time.Minute, time.Hour} {
		for _, k := range []time.Duration{1, 2, 5, 10, 15, 30} {
			if k*unit >= d {
				return k * unit
			}
		}
	}
	return d.Round(time.Hour) + time.Hour
}

func (c *planPicture) worker(y float64, s plan.Shard) {
	at := time.Duration(0)
	for _, t := range c.stretches(s) {
		n, known := c.colors[t.file]
		if !known {
			n = len(c.colors)
			c.colors[t.file] = n
		}
		hue := math.Mod(float64(n)*137.508, 360) // neighbours differ
		x, width := c.x(at), t.took.Seconds()*c.scale
		c.printf(`<g><title>%s: %s, %s</title><rect x="%.2f" y="%.2f" width="%.2f" height="%.2f" fill="hsl(%.0f 55%% %d%%)" stroke="#fff" stroke-width="%.2f"/>`,
			escaped(t.file), report.Count(t.tests, "test", "tests"), report.Clock(t.took), x, y+c.row*0.06, width, c.row*0.88, hue, 68+n%3*6, min(1, width/4))
		if t.fixture > 0 {
			c.printf(`<rect x="%.2f" y="%.2f" width="%.2f" height="%.2f" fill="#000" fill-opacity="0.25"/>`, x, y+c.row*0.06, t.fixture.Seconds()*c.scale, c.row*0.88)
		}
		if room := int((width - 6) / 6.2); c.row >= 13 && room >= 4 {
			name := path.Base(t.file)
			if runes := []rune(name); len(runes) > room {
				name = string(runes[:room-1]) + "…"
			}
			c.printf(`<text x="%.2f" y="%.2f" fill="#111" pointer-events="none">%s</text>`, x+4, y+c.row/2+4, escaped(name))
		}
		c.printf("</g>\n")
		at += t.took
	}
}

// stretches returns what the worker runs, in order. A file's fixtures are part of
// the first stretch of it.
func (c *planPicture) stretches(s plan.Shard) []stretch {
	var out []stretch
	opened := map[string]bool{}
	for _, u := range s.Units {
		for _, t := range u.Tests {
			if len(out) == 0 || out[len(out)-1].file != t.File {
				out = append(out, stretch{file: t.File})
			}
			last := &out[len(out)-1]
			if !opened[t.File] {
				opened[t.File] = true
				last.fixture = c.fixtures[t.File]
				last.took += last.fixture
			}
			last.tests++
			last.took += t.Estimate
		}
	}
	return out
}
