package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// Format is the version of run.json. It grows when a field changes its
// meaning, not when one is added.
const Format = 2

// A Report is a run as known now: run.json, and all that people see. It
// shares nothing with the State that it came from. Fields that are not known
// are zero and left out of the JSON.
type Report struct {
	Format    int       `json:"format"`
	Run       string    `json:"run"`
	Version   string    `json:"version,omitempty"`
	Suite     string    `json:"suite,omitempty"`
	Project   string    `json:"project,omitempty"`
	Root      string    `json:"root,omitempty"`
	Args      []string  `json:"args,omitempty"`
	Engine    string    `json:"engine,omitempty"`
	Image     string    `json:"image,omitempty"`
	ImageNote string    `json:"image_note,omitempty"`
	Tree      string    `json:"tree,omitempty"`
	Commit    string    `json:"commit,omitempty"`
	Dirty     bool      `json:"dirty,omitempty"`
	Branch    string    `json:"branch,omitempty"`
	Subject   string    `json:"subject,omitempty"`
	Author    string    `json:"author,omitempty"`
	CPUs      int       `json:"cpus,omitempty"`      // of the engine
	Memory    int64     `json:"memory,omitempty"`    // likewise, in bytes
	Load      float64   `json:"load,omitempty"`      // of this machine, in the minute before the run
	Framework string    `json:"framework,omitempty"` // with its version
	Runtime   string    `json:"runtime,omitempty"`   // likewise
	StartedAt time.Time `json:"started_at,omitzero"`
	FailOn    []string  `json:"fail_on,omitempty"`

	Finished bool     `json:"finished"` // the log has its end
	Exit     int      `json:"exit"`
	Reasons  []Reason `json:"reasons,omitempty"`

	Totals Totals `json:"totals"`
	Times  Times  `json:"times"`
	// Forecast is nil when nothing was predicted, or not every test has run.
	Forecast *Forecast `json:"forecast,omitempty"`
	// Plan is nil when the tests were never planned.
	Plan *Plan `json:"plan,omitempty"`
	// Curve is what other numbers of workers would have given, by this run's times.
	Curve []Point `json:"curve,omitempty"`
	// Installed is nil when nothing was installed.
	Installed *Installed `json:"installed,omitempty"`
	// Steals are in the order in which they happened.
	Steals []Steal `json:"steals,omitempty"`

	Coverage  *Coverage  `json:"coverage,omitempty"`
	Concluded *Concluded `json:"concluded,omitempty"`
	Artifacts []Artifact `json:"artifacts,omitempty"`
	Advice    []Advised  `json:"advice,omitempty"`
	Stopped   *Stopped   `json:"stopped,omitempty"`
	Faults    []Fault    `json:"faults,omitempty"`
	Notes     []Note     `json:"notes,omitempty"`
	Steps     []Step     `json:"steps,omitempty"`
	Workers   []Worker   `json:"workers,omitempty"`
	Tests     []Test     `json:"tests,omitempty"`
}

// Plan is how the tests were shared out before the first one was moved.
type Plan struct {
	Workers int     `json:"workers"`
	Shards  []Shard `json:"shards,omitempty"` // when their times were known
}

// Steal is tests that a worker took over, and when.
type Steal struct {
	At Duration `json:"at_ms"`
	Stolen
}

// Collection is a file that a worker collected between its tests.
type Collection struct {
	At       Duration `json:"at_ms"` // its start
	Duration Duration `json:"duration_ms"`
	File     string   `json:"file,omitempty"`
}

// Totals count tests by verdict. Discovered less the sum of the five is what
// has no verdict yet.
type Totals struct {
	Discovered int `json:"discovered"`
	Passed     int `json:"passed"`
	Failed     int `json:"failed"`
	Skipped    int `json:"skipped"`
	Flaky      int `json:"flaky"`
	NotRun     int `json:"not_run"`
	// Outcomes count the last attempts by the framework's own word.
	Outcomes   map[worker.Outcome]int `json:"outcomes,omitempty"`
	Deselected int                    `json:"deselected,omitempty"`
	// CollectErrors counts files that could not be collected; Uncollected are the
	// first of them.
	CollectErrors int      `json:"collect_errors,omitempty"`
	Uncollected   []string `json:"uncollected,omitempty"`
	// CollectStop is true if because of them no test counts.
	CollectStop bool `json:"collect_stop,omitempty"`
	// Unknown counts tests that had no history when the run was planned.
	Unknown int `json:"unknown,omitempty"`
}

// Judged returns how many tests have a verdict.
func (t Totals) Judged() int { return t.Passed + t.Failed + t.Skipped + t.Flaky + t.NotRun }

// Times are the run's measures. Speedup is Serial / Installed().
type Times struct {
	Duration   Duration `json:"duration_ms"`
	Predicted  Duration `json:"predicted_ms,omitempty"`
	Makespan   Duration `json:"planned_makespan_ms,omitempty"`
	LowerBound Duration `json:"lower_bound_ms,omitempty"` // max(Total / workers, longest test), of this run's own times
	Longest    Duration `json:"longest_ms,omitempty"`     // the longest attempt
	Serial     Duration `json:"serial_ms,omitempty"`
	// SerialMeasured: Serial is the wall clock of a run with one worker, not
	// an estimate.
	SerialMeasured bool    `json:"serial_measured,omitempty"`
	Speedup        float64 `json:"speedup,omitempty"`
	// Total is the sum of setup, call and teardown over every attempt.
	Total Duration `json:"total_ms,omitempty"`
	// Installing is what making the environment and installing the project took,
	// and Collecting what collecting the whole suite took one worker.
	Installing Duration `json:"installing_ms,omitempty"`
	Collecting Duration `json:"collecting_ms,omitempty"`
	// PerTest is what a test took a worker besides its setup, call and
	// teardown, in the mean: the framework's own work, and the messages.
	PerTest Duration `json:"per_test_ms,omitempty"`
	// Alive is the sum over the workers of the time from taking tests to
	// their end: what a matrix of jobs would be billed for.
	Alive Duration `json:"alive_ms,omitempty"`
	// Balance is Total / (workers * the busiest worker's share), 0 to 1.
	Balance float64 `json:"balance,omitempty"`
	// Cache is "warm" when every cacheable step was cached, "cold" when none
	// was, "partly warm" in between. Saved is what that spared.
	Cache string   `json:"cache,omitempty"`
	Saved Duration `json:"saved_ms,omitempty"`
	// Waited is the time in which another run built what this one needed.
	Waited Duration `json:"waited_ms,omitempty"`
}

// Installed is the run's wall clock without what installing took: what a warm run has, and
// what Serial and Predicted are of.
func (t *Times) Installed() Duration { return t.Duration - t.Installing }

// Coverage is the combined coverage. Percent and Under are the word of the tool
// that measured: it rounds as its users know it.
type Coverage struct {
	Percent   float64 `json:"percent"`
	FailUnder float64 `json:"fail_under,omitempty"` // 0 is no limit
	Under     bool    `json:"under,omitempty"`      // Percent misses the limit
	Complete  bool    `json:"complete"`
	Reason    string  `json:"reason,omitempty"`
}

// Below reports whether a complete coverage is under its limit.
func (c *Coverage) Below() bool {
	return c != nil && c.Complete && c.Under
}

// Step is a step of the pipeline.
type Step struct {
	Name     string   `json:"name"`
	Started  Duration `json:"started_ms"` // since the start of the run
	Duration Duration `json:"duration_ms"`
	Done     bool     `json:"done"`
	Cached   bool     `json:"cached,omitempty"`
	Saved    Duration `json:"saved_ms,omitempty"`
	Detail   string   `json:"detail,omitempty"`
	Error    string   `json:"error,omitempty"`
	Waited   Duration `json:"waited_ms,omitempty"` // for another run
}

// Worker is what one worker did.
type Worker struct {
	Worker int    `json:"worker"`
	Name   string `json:"name"` // "worker-3"
	Mode   string `json:"mode,omitempty"`
	Host   string `json:"host,omitempty"`
	// Asked is when the engine was asked for it, Created when that had made it,
	// Greeted when its agent was there.
	Asked   Duration `json:"asked_ms,omitempty"`
	Created Duration `json:"created_ms,omitempty"`
	Greeted Duration `json:"hello_ms,omitempty"`
	Started Duration `json:"started_ms"`
	Ready   Duration `json:"ready_ms,omitempty"` // when it took tests
	// Collected is how long it collected the whole suite, until Ready.
	Collected  Duration     `json:"collected_ms,omitempty"`
	Ended      Duration     `json:"ended_ms"`
	Busy       Duration     `json:"busy_ms"`               // setup, call and teardown of its attempts
	Collect    Duration     `json:"collect_ms,omitempty"`  // of single files, between its tests
	Collects   []Collection `json:"collects,omitempty"`    // these, one by one
	PeakMemory int64        `json:"peak_memory,omitempty"` // of one of its processes, in bytes
	Lost       string       `json:"lost,omitempty"`
	Code       int          `json:"code,omitempty"`
	OOM        bool         `json:"oom,omitempty"`
	// Unexplained: Code is not what its tests make it. Closing is what its
	// session said then.
	Unexplained bool   `json:"unexplained,omitempty"`
	Closing     string `json:"closing,omitempty"`

	Running string `json:"running,omitempty"` // when it was lost, or now
	// Died are the ends of its session's processes before their time.
	Died []Died `json:"died,omitempty"`
	// Dropped counts the bytes that it printed beyond what is kept.
	Dropped int64 `json:"output_dropped,omitempty"`
	// Order is every test that it started, in that order.
	Order []string `json:"order"`

	gaps  gaps
	runs  string   // its last test
	began Duration // of that, by its own clock
	since Duration // when Running began
}

// Test is one test with its verdict ("" while it has none) and its attempts.
type Test struct {
	Test     string    `json:"test"`
	File     string    `json:"file,omitempty"`
	Line     int       `json:"line,omitempty"`
	Verdict  Verdict   `json:"verdict,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Message  string    `json:"message,omitempty"` // of the last attempt that failed
	Attempts []Attempt `json:"attempts,omitempty"`
	// Before is how a test that failed ended in earlier runs; nil if there are none.
	Before *Before `json:"before,omitempty"`
	// Reports is where the framework's reports are that the verdict rests on.
	Reports []Extent `json:"-"`
}

// Last returns the attempt that the verdict rests on, or nil: the last one that
// is neither tentative nor void.
func (t *Test) Last() *Attempt {
	for i := len(t.Attempts) - 1; i >= 0; i-- {
		if !t.Attempts[i].Tentative && !t.Attempts[i].Void {
			return &t.Attempts[i]
		}
	}
	return nil
}

// counting returns the number of attempts that are neither tentative nor void.
func (t *Test) counting() int {
	n := 0
	for _, a := range t.Attempts {
		if !a.Tentative && !a.Void {
			n++
		}
	}
	return n
}

// Why returns the reason of the failure in one line; "" if none is known.
func (t *Test) Why() string {
	last := t.Last()
	if t.Message != "" || last == nil {
		return cmp.Or(t.Message, t.Reason)
	}
	return cmp.Or(Ending(last.Cause), t.Reason)
}

// Ending returns a sentence on how an attempt ended for which the framework gave no
// result; "" for no cause.
func Ending(cause string) string {
	switch cause {
	case "timeout":
		return "it took longer than a test may"
	case "exited":
		return "its process ended"
	case "signal":
		return "its process was killed"
	case "lost":
		return "its worker was lost"
	}
	return cause
}

// A Before counts the runs before this one, as far as they are kept, in which a test
// ran: the zero Before is that of a new test.
type Before struct {
	Runs   int `json:"runs"`
	Failed int `json:"failed"` // flaky ones too
}

// Attempt is one execution of one test on one worker.
type Attempt struct {
	Attempt  int            `json:"attempt"`
	Worker   int            `json:"worker"`
	Outcome  worker.Outcome `json:"outcome"`
	Message  string         `json:"message,omitempty"`
	At       Duration       `json:"at_ms"`                // its end, since the start of the run
	Started  Duration       `json:"started_ms,omitempty"` // likewise, by its worker's clock
	Setup    Duration       `json:"setup_ms"`
	Call     Duration       `json:"call_ms"`
	Teardown Duration       `json:"teardown_ms"`
	Expected
	Cause     string `json:"cause,omitempty"`
	Code      int    `json:"code,omitempty"`
	Tentative bool   `json:"tentative,omitempty"`
	// Lack is what the failure says is not there.
	Lack *worker.Lack `json:"lack,omitempty"`
	// Run is the earlier run that made it; "" for this one.
	Run string `json:"run,omitempty"`
	// First is true if no test of the file had started on the worker before.
	First bool `json:"first,omitempty"`
	// Void is true if the worker ran something else than what was discovered.
	Void bool `json:"void,omitempty"`
}

// Total is setup, call and teardown.
func (a Attempt) Total() time.Duration { return (a.Setup + a.Call + a.Teardown).Std() }

// Began returns when the attempt began, since the start of the run: by its worker's
// clock, or, where that is not known, so long before its end was heard of as it took.
func (a Attempt) Began() time.Duration {
	if a.Started > 0 {
		return a.Started.Std()
	}
	return max(a.At.Std()-a.Total(), 0)
}

// WorkerName returns what people call a worker: "worker-3".
func WorkerName(n int) string { return fmt.Sprintf("worker-%d", n) }

// WriteJSON writes run.json.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("write report of run %s: %w", r.Run, err)
	}
	return nil
}
