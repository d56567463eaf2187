package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/orchestrator/census"
	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/orchestrator/plan"
	"github.com/shardyard/shardyard/orchestrator/report"
)

// grace is how long running tests get to end when the run is stopped.
const grace = 3 * time.Second

// A loop starts the workers of a run, and folds their messages into the dispatcher
// and the log until every test has its verdict. Only its own goroutine touches its
// fields.
type loop struct {
	*recorder
	req      *Request
	log      hclog.Logger
	site     *site
	past     past
	dir      runDir
	compiled *compiled
	gathered *gatherer
	spool    *spool
	finish   *finisher
	pool     *pool
	carried  *carried
	workers  int // how many were asked for
	manner   manner
	starts   *engine.Queue

	d       *dispatch.Dispatcher
	inbox   chan message
	members map[dispatch.WorkerID]*member
	started int // members that are not gone
	// removals are of workers that are gone and not yet removed.
	removals sync.WaitGroup

	census *census.Census // which tests there are
	ran    *attempts

	done    bool
	stopped bool
	killed  bool
	parted  bool             // workers that do not go are left behind
	timer   <-chan time.Time // ends the grace period
	tardy   <-chan time.Time // ends the wait for workers that are not ready yet
	// discoverOnly stops the run once the tests are known.
	discoverOnly bool

	settings   *settings
	spoolNoted bool            // the user knows that reports cannot be kept
	missing    []missing       // files of workers
	noted      map[string]bool // what sessions said to the user at their end
	// Files whose tests would have had to run again had not everything been collected,
	// where a run foresees that.
	suspects map[string]bool
	// Ends of sessions that no test explains.
	unexplained []report.WorkerClosed
	together    []string            // files that depend on the order of their tests
	hung        []dispatch.WorkerID // whose session did not end by itself

	starting    *step
	discovering *step
	hired       time.Duration // when workers were asked for
	leased      time.Duration // when the first test was handed out; zero before
	collecting  time.Duration // what discovery took
	collected   time.Duration // of that, the collection itself
}

// newLoop makes the loop and the files that the workers of a run need on this
// machine. The caller clears the loop.
func newLoop(ctx context.Context, req *Request, deps Deps, rec *recorder, at *site, known past, again *carried) (*loop, error) {
	dir := runDir(req.Out)
	l := &loop{
		recorder: rec, req: req, log: deps.Logger, site: at, past: known, dir: dir, workers: again.fleet(fleet(req, at.info, &known, rec), known.hinted), starts: engine.NewQueue(at.info.Starts),
		compiled: newCompiled(req, deps, at, dir.scratch()), finish: newFinisher(at, "finisher"), inbox: make(chan message, 64), members: map[dispatch.WorkerID]*member{},
		ran: newAttempts(), carried: again, noted: map[string]bool{}, suspects: map[string]bool{}, together: slices.Clone(known.together),
	}
	l.manner = req.collects(&known, l.workers)
	if n := known.trust.Rest; n > 0 && !l.manner.full {
		l.note(report.Info, "every worker collects the whole suite, in this run and %d more: earlier runs found that lazy collection may not be the same here, or costs more", n-1)
	}
	if said := l.manner.says(l.workers); said != "" {
		l.note(report.Info, "%s", said)
	}
	l.pool = newPool(ctx, at, l.workers, deps.Logger)
	l.emit(report.Staffed{Workers: l.workers, Waited: len(l.pool.claimed)})
	l.d = dispatch.New(dispatch.Config{
		Workers: l.workers, Split: req.split(), Runner: req.runner(), BatchCost: known.batchCost(req.Session.Batch), Static: req.Static, Retries: req.Retries, MaxReplacements: l.workers, Reorder: req.reorder(),
		Fixtures: known.estimates.Fixtures, PerTest: known.estimates.PerTest, Speeds: known.samples.Hosts,
	})
	err := dir.make()
	if err == nil {
		l.gathered, err = newGatherer(req, rec, at, dir)
	}
	if err == nil {
		l.spool, err = newSpool(filepath.Join(string(dir), reportsFile))
	}
	if err != nil {
		l.pool.close(ctx)
		return nil, errors.Join(err, dir.clear())
	}
	if err := l.compiled.recall(); err != nil {
		l.note(report.Warning, "the kept bytecode cannot be read, so this run compiles the sources again: %v", err)
	}
	return l, nil
}

// clear waits until every place of the run is removed, and removes what only
// the run needed here.
func (l *loop) clear(ctx context.Context) error {
	err := l.spool.finish()
	removed := make(chan error, 1)
	if within(ctx, removal, func() {
		err := l.finish.remove(ctx)
		l.removals.Wait()
		l.pool.close(ctx)
		removed <- err
	}) {
		err = errors.Join(err, <-removed)
	} else {
		l.note(report.Warning, "not all workers could be removed in time: the next run removes what is left of them")
	}
	return errors.Join(err, l.spool.close(), l.dir.clear())
}

// dispatch starts the workers and runs the loop until every test has its
// verdict and every worker is gone.
func (l *loop) dispatch(ctx context.Context) *outcome {
	// Workers outlive ctx for the grace period.
	hard, kill := outliving(ctx)
	defer kill()
	l.census = census.New(census.Config{
		Full: l.manner.full, Trust: l.past.trust, Hinted: l.hinted(), Estimate: l.past.tests, Only: l.discoverOnly,
	})
	l.hired = l.elapsed()
	l.starting = l.step("start")
	for i := range l.workers {
		l.hire(hard, dispatch.WorkerID(i+1), i == 0)
	}
	if hinted := l.hinted(); len(hinted) > 0 && !l.discoverOnly {
		l.input(hard, dispatch.TestsAdded{Tests: hinted, Hinted: true})
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	var deadline <-chan time.Time
	if l.req.RunTimeout > 0 {
		t := time.NewTimer(l.req.RunTimeout)
		defer t.Stop()
		deadline = t.C
	}
	interrupt, atOnce := ctx.Done(), killed(ctx).Done()
	var parted <-chan time.Time
	for (l.started > 0 || !l.done) && !l.parted {
		inbox := l.inbox
		if interrupt != nil && ctx.Err() != nil {
			inbox = nil // what workers said before is taken, and answered, after it
		}
		select {
		case m := <-inbox:
			l.take(hard, m)
		case <-interrupt:
			interrupt = nil
			if killed(ctx).Err() != nil {
				continue // asked twice: there is no grace
			}
			l.stop(hard, report.Stopped{Reason: "interrupted", Signal: signalOf(ctx), Grace: report.Duration(grace)})
			l.hurry()
		case <-deadline:
			deadline = nil
			l.stop(hard, report.Stopped{Reason: fmt.Sprintf("the run took longer than --run-timeout %s", l.req.RunTimeout), Grace: report.Duration(grace)})
			l.hurry()
		case <-second.C:
			l.measure(hard)
			l.input(hard, dispatch.Ticked{})
			l.look()
			if err := l.spool.flush(); err != nil {
				l.spoolBroke(hard, err)
			}
		case <-l.tardy:
			l.tardy = nil
			l.abandon()
		case <-l.timer:
			l.timer, l.killed, parted = nil, true, time.After(parting)
			kill()
		case <-atOnce:
			atOnce, l.timer, l.killed, parted = nil, nil, true, time.After(grace/3)
			l.stop(hard, report.Stopped{Reason: "interrupted", Signal: signalOf(ctx)})
		case <-parted:
			l.parted = true
		}
	}
	l.close(hard)
	return l.outcome()
}

// hinted are the tests that are taken for the suite's until discovery has found
// them. Where verdicts are taken over, discovery says first what is left to run.
func (l *loop) hinted() []plan.Test {
	if l.carried != nil {
		return nil
	}
	return l.past.hinted
}

// abandon gives up the workers that are not ready: they have run nothing, and there
// is nothing left to run.
func (l *loop) abandon() {
	for _, id := range slices.Sorted(maps.Keys(l.members)) {
		if m := l.members[id]; m.client != nil && !m.ready && !m.gone {
			m.abandoned.Store(true)
			m.client.Close()
			l.note(report.Warning, "%s was given up: all tests were done, and it had not been ready to run one a minute later", m.name())
		}
	}
}

// hurry gives running tests their last seconds.
func (l *loop) hurry() {
	if l.timer == nil && !l.killed {
		l.timer = time.After(grace)
	}
}

// stop ends handing out.
func (l *loop) stop(ctx context.Context, s report.Stopped) {
	if l.stopped {
		return
	}
	l.stopped = true
	l.census.Stopped()
	l.emit(s)
	l.input(ctx, dispatch.Stopped{Reason: s.Reason})
}
