package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A scene is a run at a moment: all that is shown of it while it happens.
type scene struct {
	*report.State
	glance  report.Glance
	elapsed time.Duration
}

// The widths, in columns, from which lanes have bars and whole names, and from which
// there are lanes at all; and the rows from which there are.
const (
	wide, narrow, least = 100, 60, 40
	fewRows             = 6
)

// moment is how long a worker may be between two tests without a word about it.
const moment = 500 * time.Millisecond

// lostFor is how long a lost worker keeps its lane.
const lostFor = 30 * time.Second

// A layout is how much room there is.
type layout struct {
	p             paint
	width, height int
}

// lanes returns a line for each worker that is at something, at most room of them:
// then those that have been at it for longest, and how many more there are.
func (l layout) lanes(sc scene, room int) []string {
	if l.width < least || l.height < fewRows {
		return nil
	}
	live := slices.DeleteFunc(sc.Lanes(sc.glance), func(lane report.Lane) bool {
		return lane.Doing == report.Over || lane.Doing == report.Lost && sc.elapsed-lane.Since > lostFor
	})
	more := 0
	if room = max(room, 1); len(live) > room {
		more = len(live) - (room - 1)
		slices.SortStableFunc(live, func(a, b report.Lane) int {
			return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Since, b.Since))
		})
		live = live[:room-1]
		slices.SortFunc(live, func(a, b report.Lane) int { return cmp.Compare(a.Worker, b.Worker) })
	}
	lines := make([]string, 0, len(live)+1)
	for _, lane := range live {
		lines = append(lines, l.lane(lane, sc.elapsed))
	}
	if more > 0 {
		lines = append(lines, l.p.dim(fmt.Sprintf("   … and %s", report.Count(more, "worker", "workers"))))
	}
	return lines
}

// rank puts workers that are at something before those that are not.
func rank(l report.Lane) int {
	switch l.Doing {
	case report.Running, report.Collecting:
		return 0
	case report.Lost:
		return 1
	}
	return 2
}

// barCells is the width of a lane's bar.
const barCells = 12

func (l layout) lane(lane report.Lane, elapsed time.Duration) string {
	head := l.p.dim(fmt.Sprintf("  %2d ", lane.Worker))
	if l.width >= wide {
		head += l.laneBar(lane, elapsed) + " "
	}
	what, after := l.doing(lane, elapsed)
	if between := lane.Doing == report.Idle || lane.Doing == report.Collecting; between && elapsed-lane.Since < moment {
		what, after = "", ""
	}
	if after != "" {
		after = "  " + after
	}
	what = Tail(what, max(l.width-Width(head)-Width(after), 1))
	if lane.Doing != report.Running {
		what = l.p.dim(what)
	}
	return head + what + after
}

// doing returns what a lane is at, and what is to be said of it.
func (l layout) doing(lane report.Lane, elapsed time.Duration) (what, after string) {
	spent := max(elapsed-lane.Since, 0)
	after = l.p.dim(seconds(spent))
	switch lane.Doing {
	case report.Running:
		switch {
		case lane.Usually > 0 && spent > 3*lane.Usually && spent > 5*time.Second:
			after += "  " + l.p.yellow("usually "+seconds(lane.Usually))
		case lane.Taken > 0 && elapsed-lane.TakenAt < 10*time.Second && l.width >= narrow:
			after += "  " + l.p.dim("took "+report.Count(lane.Taken, "test", "tests")+" over")
		}
		return report.Clean(lane.What), after
	case report.Collecting:
		return strings.TrimSpace("collects " + report.Clean(lane.What)), after
	case report.Idle:
		return "idle", after
	case report.Lost:
		if lane.Replacement == 0 {
			return "lost", ""
		}
		return "lost", l.p.red("replaced by " + report.WorkerName(lane.Replacement))
	default:
		return "starts", ""
	}
}

// laneBar is what a worker has done of what was planned for it.
func (l layout) laneBar(lane report.Lane, elapsed time.Duration) string {
	busy, color := lane.Busy, l.p.blue
	switch lane.Doing {
	case report.Running:
		busy += max(elapsed-lane.Since, 0)
	case report.Lost:
		color = l.p.red
	}
	share := 0.0
	if lane.Load > 0 {
		share = float64(busy) / float64(lane.Load)
	}
	return l.cells(share, barCells, color)
}

// cells returns a bar of so many cells, in halves.
func (l layout) cells(share float64, n int, color func(string) string) string {
	halves := min(max(int(share*float64(2*n)), 0), 2*n)
	full := strings.Repeat("█", halves/2)
	if halves%2 == 1 {
		full += "▌"
	}
	return color(full) + l.p.dim(strings.Repeat("·", n-(halves+1)/2))
}

// maxBar is the width of the run's bar.
const maxBar = 30

// bar returns how far the run is, in as many words as the width allows.
func (l layout) bar(sc scene) string {
	t, share := sc.Totals(), sc.Share(sc.glance)
	percent := l.p.bold(fmt.Sprintf("%d %%", int(share*100)))
	count := fmt.Sprintf("%s of %s", report.Number(t.Judged()-t.NotRun), report.Number(t.Discovered))
	var failed, flaky, left string
	color := l.p.green
	if t.Failed > 0 {
		color, failed = l.p.red, l.p.red(report.Number(t.Failed)+" failed")
	}
	if t.Flaky > 0 {
		flaky = l.p.yellow(report.Number(t.Flaky) + " flaky")
	}
	if d, ok := sc.LeftOf(sc.glance, sc.elapsed); ok && t.Judged() < t.Discovered {
		left = whole(max(d, time.Second)) + " left"
	}
	about, time := left, seconds(sc.elapsed)
	if left != "" {
		about = l.p.bold("about " + left)
	}
	var predicted string
	if d := sc.Predicted(); d > 0 {
		predicted = l.p.dim("(predicted " + seconds(d) + ")")
	}
	choices := []string{
		join("  ", percent, count, failed, flaky, " "+join(", ", time, about), predicted),
		join("  ", percent, count, failed, flaky, " "+join(", ", time, about)),
		join("  ", percent, count, failed, flaky, join(", ", time, left)),
		join(" ", percent, failed, flaky, join(", ", time, left)),
		join(" ", percent, failed, join(", ", time, left)),
		join(" ", percent, failed, left),
		join(" ", percent, failed),
	}
	if l.width < narrow {
		choices = choices[3:]
	}
	for _, text := range choices {
		if room := l.width - Width(text) - 1; room >= 5 {
			return l.cells(share, min(room, maxBar, l.width/3), color) + " " + text
		}
	}
	return percent
}

// seconds returns a time that is still going on: tenths matter only at its beginning.
func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return report.Clock(d.Truncate(100 * time.Millisecond))
	}
	return whole(d.Truncate(time.Second))
}

// whole returns a time in whole seconds: "46s", "1m02s".
func whole(d time.Duration) string {
	return strings.Replace(report.Clock(d.Round(time.Second)), ".0s", "s", 1)
}
