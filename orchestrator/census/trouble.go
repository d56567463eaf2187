package census

import (
	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// Failed records that a session could not go on. A mistake of the user's ends
// the run, and so does what a second worker that collects everything says in
// the same words: an internal error of the framework's would meet all others
// too. Anything else costs this worker; those that come after a lazy one
// collect everything.
func (c *Census) Failed(w dispatch.WorkerID, f worker.Failed) (r Ruling) {
	s := c.session(w)
	again := s.over
	s.over = true
	switch {
	case c.stopped:
	case f.Usage:
		r.tell(report.Fault{Kind: report.Usage, Text: f.Error, Lack: f.Lack})
		r.add(Stop{"the suite cannot be run as asked"})
	case s.full && !again && f.Error == c.failed:
		r.tell(report.Fault{Kind: report.Infrastructure, Text: f.Error, Lack: f.Lack})
		r.add(Stop{"two workers failed in the same way"})
	default:
		r.tell(report.WorkerLost{Worker: int(w), Cause: f.Error})
		if s.full {
			c.failed = f.Error
			break
		}
		c.mode = worker.Full
		c.distrust(&r, "%s could not collect lazily", report.WorkerName(int(w)))
	}
	r.input(dispatch.WorkerLost{Worker: w, Cause: f.Error})
	r.add(Dismissed{})
	return r
}

// Stale records that a session has collected sources that tests had changed, for a
// cause in words. It takes no test, and what it listed counts for nothing.
func (c *Census) Stale(w dispatch.WorkerID, cause string) (r Ruling) {
	s := c.session(w)
	if s.collecting == nil {
		return nil // a later process of the session
	}
	s.over, s.collecting = true, nil
	r.note(report.Info, "%s runs no test: %s; another worker, with a tree of its own, takes its place", report.WorkerName(int(w)), cause)
	r.add(Dismissed{})
	r.input(dispatch.WorkerLost{Worker: w, Cause: cause})
	return r
}

// Gone records that a worker's session has ended. What it had not listed to the
// end counts for nothing.
func (c *Census) Gone(w dispatch.WorkerID) {
	s := c.session(w)
	s.over, s.collecting, s.listed = true, nil, nil
}

// Stopped records that nothing is handed out any more.
func (c *Census) Stopped() { c.stopped = true }

// Orphaned ends the run when the suite is not known and no session is left
// that could collect it, for this cause. Call it after the replacement of a lost
// worker was hired.
func (c *Census) Orphaned(cause string) (r Ruling) {
	if c.stopped || !c.orphaned() {
		return nil
	}
	why := "the tests could not be discovered: " + cause
	r.add(Stop{why})
	r.tell(report.Fault{Kind: report.Infrastructure, Text: why})
	return r
}
