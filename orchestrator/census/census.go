package census

import (
	"encoding/json"
	"fmt"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// Config holds a census's settings.
type Config struct {
	// Full makes every session collect the whole suite, because the user asks for
	// it. A trust that rests does the same.
	Full  bool
	Trust Trust
	// Hinted is what the last run found.
	Hinted []plan.Test
	// Estimate makes tests of a collection, in the suite's order.
	Estimate func([]worker.Discovered) []plan.Test
	// Only is true if the suite is to be discovered, and nothing to be run.
	Only bool
}

// A Census keeps what the sessions of a run reported of their tests. One goroutine
// owns it.
type Census struct {
	cfg      Config
	mode     worker.Mode // of sessions that need not collect everything
	sessions map[dispatch.WorkerID]*session

	full       *collection // nil until known
	tests      []plan.Test // of it
	deselected int
	claims     []claim         // that wait for the full collection
	unknown    []worker.TestID // likewise, hinted tests that a lazy session did not find

	seen    Observation
	lazily  bool // a test ran on a lazy worker
	stopped bool
	broken  string // files could not be collected, in words: no test counts
	failed  string // how the last session failed that was to collect everything
	noted   map[string]bool
}

// A session is what the census knows of one worker's.
type session struct {
	full       bool // it collects the whole suite, or has
	opened     bool
	over       bool
	collecting *collection   // not nil while it collects the whole suite
	listed     []worker.Item // of a file whose list is not yet complete
}

// A claim is what a lazy session found in a file.
type claim struct {
	by   dispatch.WorkerID
	file string
	list []worker.Item
}

// New makes a census that knows nothing but the hint.
func New(cfg Config) *Census {
	c := &Census{cfg: cfg, mode: worker.Lazy, sessions: map[dispatch.WorkerID]*session{}, noted: map[string]bool{}}
	switch {
	case cfg.Full:
		c.mode = worker.Full
	case cfg.Trust.Rest > 0:
		c.mode, c.seen = worker.Full, Rested
	}
	return c
}

// Hire returns how one more worker collects. It collects the whole suite if full is
// set, or if no other session would.
func (c *Census) Hire(w dispatch.WorkerID, full bool) worker.Mode {
	full = full || c.mode == worker.Full || c.orphaned()
	c.sessions[w] = &session{full: full}
	if full {
		return worker.Full
	}
	return worker.Lazy
}

// orphaned reports whether the suite is not known, and no session is left that could
// collect it.
func (c *Census) orphaned() bool {
	if c.full != nil {
		return false
	}
	for _, s := range c.sessions {
		if s.full && !s.over {
			return false
		}
	}
	return true
}

// Opened records that a session takes tests: at once if it is lazy, else when
// it has collected the suite.
func (c *Census) Opened(w dispatch.WorkerID, o worker.Opened) (r Ruling) {
	s := c.session(w)
	s.listed = nil
	if o.Reason != "" && c.once(o.Reason) {
		r.note(report.Info, "every worker collects the whole suite: %s", o.Reason)
	}
	if s.opened {
		return r // another process of the same session
	}
	s.opened, s.full = true, o.Mode == worker.Full
	r.add(Begun{o})
	if s.full {
		s.collecting = newCollection()
		return r
	}
	r.add(Ready{})
	return r
}

// Discovered records the tests of a file: a part of a full collection, or
// what a lazy session found when it opened the file. A long list comes in
// pieces.
func (c *Census) Discovered(w dispatch.WorkerID, d worker.Discovered) Ruling {
	s := c.session(w)
	switch {
	case s.collecting != nil:
		s.collecting.add(d)
		return nil
	case s.full: // a later process of the session; its ids are looked at one by one
		return nil
	case d.More:
		s.listed = append(s.listed, d.Items...)
		return nil
	}
	d.Items, s.listed = append(s.listed, d.Items...), nil
	switch {
	case c.full == nil:
		c.claims = append(c.claims, claim{w, d.File, d.Items})
	case !c.full.confirms(d.File, d.Items):
		return c.refute(claim{w, d.File, d.Items})
	}
	return nil
}

// refute voids what a lazy worker ran in a file that it found other tests in.
func (c *Census) refute(cl claim) (r Ruling) {
	c.distrust(&r, "%s found other tests in %s than a full collection", report.WorkerName(int(cl.by)), cl.file)
	var ids []worker.TestID
	for _, it := range c.full.items(cl.file) {
		ids = append(ids, it.ID)
	}
	r.input(dispatch.TestsRejected{Worker: cl.by, Tests: ids, Files: true})
	return r
}

// Collected records the end of a full collection. The first one is the suite;
// a later one must equal it.
func (c *Census) Collected(w dispatch.WorkerID, end worker.Collected) (r Ruling) {
	s := c.session(w)
	list := s.collecting
	if list == nil {
		return nil // a later process of the session
	}
	s.collecting = nil
	if c.full != nil {
		return c.compare(w, list, end)
	}
	c.full, c.tests, c.deselected = list, c.cfg.Estimate(list.inOrder()), end.Deselected
	r.add(Known{Reports: reports(end, list)})
	r.tell(report.Discovered{
		Tests: end.Tests, Deselected: end.Deselected, Errors: end.Errors, Stop: end.Stop, Duration: report.Millis(end.DurationMS),
		Broken: end.Broken, Lacks: end.Lacks,
	})
	if end.Stop {
		c.broken = report.Uncollected(end.Errors, end.Broken)
	}
	if c.cfg.Only {
		r.input(dispatch.InventoryComplete{})
	} else {
		r = append(r, c.inventory()...)
	}
	r.add(Ready{Full: true, Took: report.Millis(end.DurationMS)})
	return r
}

// compare holds a later full collection against the suite.
func (c *Census) compare(w dispatch.WorkerID, list *collection, end worker.Collected) (r Ruling) {
	if id := c.full.exchanged(list); id != "" {
		return c.ambiguous(w, id)
	}
	diff := c.full.difference(list)
	if diff == "" {
		r.add(Ready{Full: true, Took: report.Millis(end.DurationMS)})
		return r
	}
	if c.once("other tests") {
		r.note(report.Warning, "%s collected other tests than the run's discovery, and does not run any: %s. "+
			"Do ids depend on time, chance or the machine?", report.WorkerName(int(w)), diff)
	}
	c.session(w).over = true
	r.add(Dismissed{})
	r.input(dispatch.WorkerLost{Worker: w, Cause: "it collected other tests: " + diff})
	return r
}

// ambiguous ends a run in which an id names one test here and another one
// there: nobody can say which has run, so that none counts.
func (c *Census) ambiguous(w dispatch.WorkerID, id worker.TestID) (r Ruling) {
	c.broken = fmt.Sprintf("%s has another value on %s than in the run's discovery", report.Clean(string(id)), report.WorkerName(int(w)))
	c.session(w).over = true
	r.tell(report.Fault{Kind: report.Infrastructure, Text: c.broken + ", where that value has another id, so that ids say nothing: " +
		"give the parameters a fixed order (of a set, that of its elements differs from process to process), or collect on one worker with -w 1"})
	r.add(Stop{c.broken})
	r.add(Dismissed{})
	return r
}

// inventory gives the dispatcher the tests of the suite, in place of the hint, and
// settles the claims that waited for them.
func (c *Census) inventory() (r Ruling) {
	if c.broken != "" { // before the tests are known to the dispatcher, which would hand them out
		r.add(Stop{c.broken})
	}
	if gone := c.vanished(); len(gone) > 0 {
		r.tell(dropped(gone))
		r.input(dispatch.TestsDropped{Tests: gone})
	}
	r.input(dispatch.TestsAdded{Tests: c.tests})
	c.lookUp(&r)
	for _, cl := range c.claims { // before the inventory is complete: what is void may be all that was left to do
		if !c.full.confirms(cl.file, cl.list) {
			r = append(r, c.refute(cl)...)
		}
	}
	r.input(dispatch.InventoryComplete{})
	r.add(Planned{})
	c.claims, c.full.ids = nil, nil // of a large suite the ids would take much room, and are hardly asked for again
	return r
}

func dropped(tests []worker.TestID) report.Dropped {
	ids := make([]string, len(tests))
	for i, id := range tests {
		ids[i] = string(id)
	}
	return report.Dropped{Tests: ids}
}

// vanished returns the hinted tests that the suite does not have.
func (c *Census) vanished() (gone []worker.TestID) {
	for _, t := range c.cfg.Hinted {
		if !c.full.has(t.ID) {
			gone = append(gone, t.ID)
		}
	}
	return gone
}

// Unknown records tests that a lazy session was handed and did not find.
func (c *Census) Unknown(w dispatch.WorkerID, ids []worker.TestID) (r Ruling) {
	c.unknown = append(c.unknown, ids...)
	c.lookUp(&r)
	r.input(dispatch.TestsRejected{Worker: w, Tests: ids})
	return r
}

// lookUp checks the tests that lazy sessions did not find against the suite. A test
// that the suite does not have either was only a hint.
func (c *Census) lookUp(r *Ruling) {
	if c.full == nil {
		return
	}
	for _, id := range c.unknown {
		if c.full.has(id) {
			c.distrust(r, "a worker that collects lazily did not find %s", id)
		}
	}
	c.unknown = nil
}

func (c *Census) session(w dispatch.WorkerID) *session {
	if c.sessions[w] == nil {
		c.sessions[w] = &session{}
	}
	return c.sessions[w]
}

func (c *Census) once(what string) bool {
	first := !c.noted[what]
	c.noted[what] = true
	return first
}

// reports returns the collect reports of a full collection.
func reports(end worker.Collected, list *collection) []json.RawMessage {
	all := append([]json.RawMessage{}, end.Reports...)
	for _, f := range list.files {
		all = append(all, f.Reports...)
	}
	return all
}

// Known reports whether the suite is known.
func (c *Census) Known() bool { return c.full != nil }

// Tests returns the suite's, in its own order; none until they are known.
func (c *Census) Tests() []plan.Test { return c.tests }

// Files returns the suite's, with their tests, in its own order; a file whose tests
// are apart comes more than once. None until they are known.
func (c *Census) Files() []worker.Discovered {
	if c.full == nil {
		return nil
	}
	return c.full.inOrder()
}

// Deselected counts tests that the selection left out.
func (c *Census) Deselected() int { return c.deselected }

// Broken says, in words, that files could not be collected, so that as in the
// framework itself no test counts; "" when they could.
func (c *Census) Broken() string { return c.broken }

// Full reports whether the worker collects the whole suite, or has.
func (c *Census) Full(w dispatch.WorkerID) bool { return c.session(w).full }
