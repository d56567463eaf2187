package page

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A chart is a small drawing with an axis.
type chart struct {
	Width, Height float64
	Lines         []line
	Dots          []dot
	Bars          []bar
	Across        []tick // labels below
	Up            []tick // labels at the left, by their height
	Left, Bottom  float64
}

type line struct{ Class, Color, Points string }

type dot struct {
	X, Y    float64
	Label   string
	Title   string
	LabelAt string // "start", "middle" or "end"
	Now     bool
}

type bar struct {
	X, Y, W, H   float64
	Class, Title string
}

// curve draws what other numbers of workers would have given.
func curve(r *report.Report) (*chart, string) {
	if len(r.Curve) < 2 {
		return nil, ""
	}
	c := &chart{Width: 500, Height: 250, Left: 56, Bottom: 215}
	const right, top = 485.0, 14.0
	most, total, last := 1.0, 1.0, r.Curve[len(r.Curve)-1].Workers
	best := r.Curve[0]
	for _, p := range r.Curve {
		most, total = max(most, millis(p.Wall)), max(total, millis(p.Total))
		if p.Wall < best.Wall {
			best = p
		}
	}
	x := func(n int) float64 {
		return c.Left + float64(n-1)/float64(max(last-1, 1))*(right-c.Left)
	}
	y := func(ms, most float64) float64 { return c.Bottom - ms/most*(c.Bottom-top) }
	for i := range 5 {
		ms := most * float64(i) / 4
		c.Up = append(c.Up, tick{y(ms, most), of(ms)})
	}
	count := 0
	if r.Plan != nil {
		count = r.Plan.Workers
	}
	var wall, sum strings.Builder
	free := -100.0
	for _, p := range r.Curve {
		fmt.Fprintf(&wall, "%s,%s ", coordinate(x(p.Workers)), coordinate(y(millis(p.Wall), most)))
		fmt.Fprintf(&sum, "%s,%s ", coordinate(x(p.Workers)), coordinate(y(millis(p.Total), total)))
		d := dot{X: x(p.Workers), Y: y(millis(p.Wall), most), Title: fmt.Sprintf("%s: %s", report.Count(p.Workers, "worker", "workers"), span(p.Wall.Std())), LabelAt: "middle"}
		if p.Workers == count {
			d.Now, d.Label = true, fmt.Sprintf("this run: %d", p.Workers)
			d.LabelAt = "start"
			if d.X > 400 {
				d.LabelAt = "end"
			}
		}
		c.Dots = append(c.Dots, d)
		if x(p.Workers)-free > 22 || p.Workers == count {
			c.Across = append(c.Across, tick{x(p.Workers), fmt.Sprint(p.Workers)})
			free = x(p.Workers)
		}
	}
	c.Lines = []line{{"total", "#8d7cc4", sum.String()}, {"wall", "#2a6b9f", wall.String()}}
	say := fmt.Sprintf("Wall clock (line), and the time of all workers together (dashed, on a scale of its own, up to %s), as planned from this run's times. ", of(total))
	return c, say + fmt.Sprintf("Quickest: %s, %s.", report.Count(best.Workers, "worker", "workers"), span(best.Wall.Std()))
}

// trend draws the runs before and this one: how long they took, and their coverage.
func (v *view) trend(d Data) {
	r := d.Report
	runs := slices.Clone(d.Runs[max(0, len(d.Runs)-maxRuns+1):])
	if len(runs) == 0 {
		return
	}
	now := Run{ID: r.Run, At: r.StartedAt, Duration: r.Times.Duration.Std(), Exit: r.Exit, Failed: r.Totals.Failed, Commit: r.Commit}
	if c := r.Coverage; c != nil && c.Complete {
		now.Coverage = &c.Percent
	}
	if p := r.Plan; p != nil {
		now.Workers = p.Workers
	}
	runs = append(runs, now)
	most, green := 1.0, 0
	for _, run := range runs {
		most = max(most, float64(run.Duration))
		if run.Exit == report.ExitGreen {
			green++
		}
	}
	c := &chart{Width: 1000, Height: 130, Left: 56, Bottom: 108}
	const top, right = 10.0, 990.0
	for i := range 3 {
		part := most * float64(i) / 2
		c.Up = append(c.Up, tick{c.Bottom - part/most*(c.Bottom-top), of(part / 1e6)})
	}
	step := min((right-c.Left)/float64(len(runs)), 30)
	for i, run := range runs {
		b := bar{X: c.Left + 4 + step*float64(i), W: step * 0.72, H: max(float64(run.Duration)/most*(c.Bottom-top), 1.5), Class: classOf(run.Exit)}
		b.Y = c.Bottom - b.H
		b.Title = fmt.Sprintf("%s, %s, %s", run.At.UTC().Format("2 Jan 15:04"), span(run.Duration), [...]string{"green", report.Count(run.Failed, "test failed", "tests failed")}[min(run.Exit, 1)])
		if run.Workers > 0 {
			b.Title += ", " + report.Count(run.Workers, "worker", "workers")
		}
		if run.Commit != "" {
			b.Title += ", " + short(run.Commit)
		}
		if i == len(runs)-1 {
			b.Class += " now"
			b.Title = "this run: " + b.Title
		}
		c.Bars = append(c.Bars, b)
	}
	v.Trend = c
	v.TrendSay = fmt.Sprintf("The last %s, this one at the right; a bar's height is the wall clock. %d of them green.", report.Count(len(runs), "run", "runs"), green)
	v.Measured = measured(runs, step)
}

func classOf(exit int) string {
	switch exit {
	case report.ExitGreen:
		return "passed"
	case report.ExitFailed:
		return "failed"
	}
	return "flaky"
}

// measured draws the coverage of runs; nil where fewer than two have one.
func measured(runs []Run, step float64) *chart {
	low, high, n := 100.0, 0.0, 0
	for _, run := range runs {
		if run.Coverage != nil {
			low, high, n = min(low, *run.Coverage), max(high, *run.Coverage), n+1
		}
	}
	if n < 2 {
		return nil
	}
	low, high = math.Floor(low-0.5), math.Ceil(high+0.5)
	c := &chart{Width: 1000, Height: 100, Left: 56, Bottom: 84}
	const top = 10.0
	y := func(p float64) float64 { return c.Bottom - (p-low)/(high-low)*(c.Bottom-top) }
	c.Up = []tick{{y(low), report.Percent(low)}, {y(high), report.Percent(high)}}
	var points strings.Builder
	for i, run := range runs {
		if run.Coverage == nil {
			continue
		}
		at := c.Left + 4 + step*(float64(i)+0.36)
		fmt.Fprintf(&points, "%s,%s ", coordinate(at), coordinate(y(*run.Coverage)))
		c.Dots = append(c.Dots, dot{X: at, Y: y(*run.Coverage), Title: report.Percent(*run.Coverage), Now: i == len(runs)-1})
	}
	c.Lines = []line{{"wall", "#2a6b9f", points.String()}}
	return c
}

// Below is the foot of the text of a label at the left.
func (t tick) Below() float64 { return t.X + 4 }

// Under is where labels stand below a chart, Margin where those at the left end.
func (c *chart) Under() float64 { return c.Bottom + 17 }

// Margin is where labels at the left end.
func (c *chart) Margin() float64 { return c.Left - 6 }

// Over is where the label of a dot stands.
func (d dot) Over() float64 { return d.Y - 11 }
