package page

import (
	"fmt"
	"math"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A timeline is a drawing of who did what when. It stands without scripts and styles;
// with them it can be enlarged.
type timeline struct {
	Width, Height float64
	Left, Right   float64
	Top, Row      float64
	Steps         []rect
	Ticks         []tick
	Lanes         []drawn
	Bottom        float64 // of the lanes
	Predicted     *tick
	Last          float64 // where the last test ended
}

type rect struct {
	X, Y, W, H float64
	Label      string
	Title      string
}

type tick struct {
	X     float64
	Label string
}

// A drawn lane has a path for each colour.
type drawn struct {
	Name, Title string
	Y, Middle   float64
	Busy        string
	Paths       []path
	LostAt      float64
}

type path struct{ Class, Fill, D string }

// fills are the colours for who sees no styles.
var fills = map[string]string{
	"start": "#d3d7de", "collect": "#b7a3dc", "even": "#6fa8d8", "odd": "#a3cbea", "fixture": "#2a6b9f", "failed": "#c0222f", "flaky": "#b26a00", "idle": "none",
}

// The order in which a lane is drawn: what is later is on top.
var classes = []string{"idle", "start", "collect", "even", "odd", "fixture", "flaky", "failed"}

const (
	drawing            = 1000.0
	marginLeft, margin = 34.0, 54.0
	header             = 34.0
)

// draw returns nil where no worker was there.
func draw(r *report.Report, s *run) *timeline {
	if len(s.rows) == 0 {
		return nil
	}
	row := min(max(320/float64(len(s.rows)), 6), 22)
	t := &timeline{Width: drawing, Left: marginLeft, Right: drawing - margin, Top: header, Row: row}
	t.Bottom = t.Top + row*float64(len(s.rows))
	t.Height = t.Bottom + 24
	wide := max(s.end, s.predicted) * 1.005
	x := func(ms float64) float64 { return t.Left + ms/wide*(t.Right-t.Left) }
	t.steps(r, x)
	step := tickStep(wide)
	for ms := 0.0; ms <= wide; ms += step {
		t.Ticks = append(t.Ticks, tick{x(ms), tickName(ms, step)})
	}
	if s.predicted > 0 {
		t.Predicted = &tick{x(s.predicted), "predicted " + span(r.Times.Predicted.Std())}
	}
	if s.last > 0 {
		t.Last = x(s.last)
	}
	for i, l := range s.rows {
		t.Lanes = append(t.Lanes, t.lane(r, s, l, t.Top+row*float64(i), x))
	}
	return t
}

func (t *timeline) steps(r *report.Report, x func(float64) float64) {
	free := 0.0 // up to where steps are drawn
	for _, st := range r.Steps {
		b := rect{X: x(millis(st.Started)), Y: 12, W: x(millis(st.Duration)) - t.Left, H: 14, Title: st.Name + ", " + span(st.Duration.Std())}
		if b.W < 1 || b.X < free-0.5 {
			continue
		}
		if b.W > 7*float64(len(st.Name)) {
			b.Label = st.Name
		}
		free = b.X + b.W
		t.Steps = append(t.Steps, b)
	}
}

func (t *timeline) lane(r *report.Report, s *run, l *lane, y float64, x func(float64) float64) drawn {
	d := drawn{Name: fmt.Sprint(l.worker.Worker), Y: y, Middle: y + t.Row/2 + 4, LostAt: -1}
	pens := map[string]*pen{}
	for _, class := range classes {
		pens[class] = &pen{y: y + t.Row*0.06, h: t.Row * 0.88}
	}
	pens["fixture"].y, pens["fixture"].h = y+t.Row*0.74, t.Row*0.2
	pens["failed"].least, pens["flaky"].least = 2, 2 // what is loud is never too thin to be seen
	begun := l.session
	if begun <= 0 {
		begun = l.ready
	}
	if asked := millis(l.worker.Asked); asked < begun {
		pens["start"].add(x(asked), x(begun))
	}
	if l.ready > begun {
		pens["collect"].add(x(begun), x(l.ready))
	}
	for _, c := range l.worker.Collects {
		pens["collect"].add(x(millis(c.At)), x(millis(c.At+c.Duration)))
	}
	tint, file := 0, ""
	for _, b := range l.blocks {
		if of := r.Tests[b.test].File; of != file {
			tint, file = 1-tint, of
		}
		class := [...]string{"even", "odd"}[tint]
		switch b.kind {
		case failed:
			class = "failed"
		case flaky:
			class = "flaky"
		case fine, skipped:
		}
		pens[class].add(x(b.at), x(b.at+b.took))
		if fixtures := millis(b.attempt.Fixtures); fixtures > 0 {
			pens["fixture"].add(x(b.at), x(b.at+fixtures))
		}
	}
	if l.worker.Lost != "" {
		d.LostAt = x(millis(l.worker.Ended))
	} else if s.last > l.last {
		pens["idle"].add(x(l.last), x(s.last))
	}
	for _, class := range classes {
		if text := pens[class].done(); text != "" {
			d.Paths = append(d.Paths, path{class, fills[class], text})
		}
	}
	if open := s.last - l.ready; open > 0 && l.busy > 0 {
		d.Busy = percent(math.Min(l.busy, open), open)
	}
	d.Title = fmt.Sprintf("%s: %s, busy %s", l.worker.Name, report.Count(len(l.blocks), "test", "tests"), span(l.worker.Busy.Std()))
	if l.worker.Lost != "" {
		d.Title += ", lost: " + report.Clean(l.worker.Lost)
	}
	return d
}

// A pen draws boxes of one colour as one path. It makes one of what is less than half
// of a point apart.
type pen struct {
	y, h     float64
	least    float64 // the width of a box
	from, to float64
	open     bool
	out      strings.Builder
}

func (p *pen) add(from, to float64) {
	to = max(to, from+max(p.least, 0.4))
	if p.open && from-p.to < 0.5 && from >= p.from {
		p.to = max(p.to, to)
		return
	}
	p.flush()
	p.from, p.to, p.open = from, to, true
}

func (p *pen) flush() {
	if p.open {
		fmt.Fprintf(&p.out, "M%s %sh%sv%sh-%sz", coordinate(p.from), coordinate(p.y), coordinate(p.to-p.from), coordinate(p.h), coordinate(p.to-p.from))
	}
	p.open = false
}

func (p *pen) done() string {
	p.flush()
	return p.out.String()
}

// tickStep returns the distance of some eight round moments.
func tickStep(wide float64) float64 {
	for _, step := range []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 3e4, 6e4, 12e4, 3e5, 6e5, 12e5, 18e5, 36e5, 72e5, 144e5} {
		if wide/step <= 9 {
			return step
		}
	}
	return wide / 8
}

func tickName(ms, step float64) string {
	switch {
	case step < 1000:
		return fmt.Sprintf("%g s", math.Round(ms)/1000)
	case step < 60e3:
		return fmt.Sprintf("%.0f s", ms/1000)
	}
	return fmt.Sprintf("%.0f min", ms/60e3)
}

// Center is the middle of a box.
func (r rect) Center() float64 { return r.X + r.W/2 }

// Under is where labels stand below the lanes.
func (t *timeline) Under() float64 { return t.Bottom + 14 }
