package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// MaxForecastWorkers is how many workers Forecast names: those that ended last.
const MaxForecastWorkers = 16

// Forecast returns a run's forecast for people:
//
//	forecast: predicted 4.5s, took 5.6s, +1.1s
//	             planned    busy     end   start collect fixtures estimates    work    idle
//	  worker-1      3.0s    2.3s    3.5s   +0.1s   +0.5s    +0.2s     +0.1s   -1.0s   +1.3s
//	  worker-2      2.9s    3.9s    4.7s   +0.2s   +0.1s        0         0   +1.0s   -0.1s
//	  mean                                 +0.2s   +0.3s    +0.1s     +0.1s       0   +0.6s
//
// Causes that are nowhere worth a tenth of a second have no column; when none has,
// the first line says it all.
func Forecast(f *report.Forecast) []string {
	first := fmt.Sprintf("forecast: predicted %s, took %s, %s", report.Clock(f.Predicted.Std()), report.Clock(f.Actual.Std()), signed(f.Difference))
	show := shown(f)
	if len(show) == 0 {
		return []string{first}
	}
	head := fmt.Sprintf("  %-10s %7s %7s %7s", "", "planned", "busy", "end")
	for _, k := range show {
		head += " " + pad(f.Causes.List()[k].Name, "")
	}
	lines := []string{first, head}
	for _, w := range latest(f) {
		line := fmt.Sprintf("  %-10s %7s %7s %7s", report.WorkerName(w.Worker), report.Clock(w.Planned.Std()), report.Clock(w.Busy.Std()), report.Clock(w.End.Std()))
		lines = append(lines, line+cells(w.Causes, show))
	}
	if more := len(f.Workers) - MaxForecastWorkers; more > 0 {
		lines = append(lines, fmt.Sprintf("  ... and %s that ended before", report.Count(more, "worker", "workers")))
	}
	if len(f.Workers) > 1 {
		lines = append(lines, fmt.Sprintf("  %-10s %7s %7s %7s", "mean", "", "", "")+cells(f.Causes, show))
	}
	return lines
}

// shown returns the causes that are worth a column.
func shown(f *report.Forecast) (show []int) {
	for k := range f.Causes.List() {
		if worth(*f.Causes.List()[k].Time) || slices.ContainsFunc(f.Workers, func(w report.WorkerForecast) bool { return worth(*w.Causes.List()[k].Time) }) {
			show = append(show, k)
		}
	}
	return show
}

// latest returns the workers that ended last, by number.
func latest(f *report.Forecast) []report.WorkerForecast {
	list := slices.Clone(f.Workers)
	slices.SortStableFunc(list, func(a, b report.WorkerForecast) int { return cmp.Compare(b.End, a.End) })
	list = list[:min(len(list), MaxForecastWorkers)]
	slices.SortFunc(list, func(a, b report.WorkerForecast) int { return cmp.Compare(a.Worker, b.Worker) })
	return list
}

func cells(c report.Causes, show []int) string {
	var b strings.Builder
	for _, k := range show {
		x := c.List()[k]
		b.WriteString(" " + pad(x.Name, signed(*x.Time)))
	}
	return strings.TrimRight(b.String(), " ")
}

// pad puts a cell, or else its name, at the right of its column.
func pad(name, cell string) string {
	return fmt.Sprintf("%*s", max(len(name), 7), cmp.Or(cell, name))
}

// worth reports whether a time is long enough to be shown as more than 0.
func worth(d report.Duration) bool { return max(d, -d).Std() >= 50*time.Millisecond }

func signed(d report.Duration) string {
	switch {
	case !worth(d):
		return "0"
	case d > 0:
		return "+" + report.Clock(d.Std())
	default:
		return report.Clock(d.Std())
	}
}
