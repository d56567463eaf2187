package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// MaxForecastWorkers is how many workers Lines names: those that ended last.
const MaxForecastWorkers = 16

// Lines are the forecast for people:
//
//	forecast: predicted 4.5s, took 5.6s, +1.1s
//	             planned    busy     end   start collect fixtures estimates    work    idle
//	  worker-1      3.0s    2.3s    3.5s   +0.1s   +0.5s    +0.2s     +0.1s   -1.0s   +1.3s
//	  worker-2      2.9s    3.9s    4.7s   +0.2s   +0.1s        0         0   +1.0s   -0.1s
//	  mean                                 +0.2s   +0.3s    +0.1s     +0.1s       0   +0.6s
//
// Causes that are nowhere worth a tenth of a second have no column.
func (f *Forecast) Lines() []string {
	first := fmt.Sprintf("forecast: predicted %s, took %s, %s", Clock(f.Predicted.Std()), Clock(f.Actual.Std()), signed(f.Difference))
	show := f.columns()
	head := fmt.Sprintf("  %-10s %7s %7s %7s", "", "planned", "busy", "end")
	for _, k := range show {
		head += " " + pad(f.Causes.list()[k].name, "")
	}
	lines := []string{first, head}
	for _, w := range f.latest() {
		line := fmt.Sprintf("  %-10s %7s %7s %7s", WorkerName(w.Worker), Clock(w.Planned.Std()), Clock(w.Busy.Std()), Clock(w.End.Std()))
		lines = append(lines, line+w.Causes.cells(show))
	}
	if more := len(f.Workers) - MaxForecastWorkers; more > 0 {
		lines = append(lines, fmt.Sprintf("  ... and %s that ended before", Count(more, "worker", "workers")))
	}
	if len(f.Workers) > 1 {
		lines = append(lines, fmt.Sprintf("  %-10s %7s %7s %7s", "mean", "", "", "")+f.Causes.cells(show))
	}
	return lines
}

// columns are the causes that are worth one.
func (f *Forecast) columns() (show []int) {
	for k := range f.Causes.list() {
		if worth(*f.Causes.list()[k].time) || slices.ContainsFunc(f.Workers, func(w WorkerForecast) bool { return worth(*w.Causes.list()[k].time) }) {
			show = append(show, k)
		}
	}
	return show
}

// latest are the workers that ended last, by number.
func (f *Forecast) latest() []WorkerForecast {
	list := slices.Clone(f.Workers)
	slices.SortStableFunc(list, func(a, b WorkerForecast) int { return cmp.Compare(b.End, a.End) })
	list = list[:min(len(list), MaxForecastWorkers)]
	slices.SortFunc(list, func(a, b WorkerForecast) int { return cmp.Compare(a.Worker, b.Worker) })
	return list
}

func (c Causes) cells(show []int) string {
	var b strings.Builder
	for _, k := range show {
		x := c.list()[k]
		b.WriteString(" " + pad(x.name, signed(*x.time)))
	}
	return strings.TrimRight(b.String(), " ")
}

// pad puts a cell, or else its name, at the right of its column.
func pad(name, cell string) string {
	return fmt.Sprintf("%*s", max(len(name), 7), cmp.Or(cell, name))
}

// worth says that a time is shown as more than nothing.
func worth(d Duration) bool { return abs(d).Std() >= 50*time.Millisecond }

func signed(d Duration) string {
	switch {
	case !worth(d):
		return "0"
	case d > 0:
		return "+" + Clock(d.Std())
	default:
		return Clock(d.Std())
	}
}
