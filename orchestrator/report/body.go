package report

import (
	"encoding/json"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// The bodies of events, in the order in which a run has them.
type (
	// RunStarted opens the log.
	RunStarted struct {
		Run       string    `json:"run,omitempty"`
		Version   string    `json:"version,omitempty"` // of shardyard
		Suite     string    `json:"suite,omitempty"`
		Project   string    `json:"project,omitempty"` // its directory
		ProjectID string    `json:"project_id,omitempty"`
		Args      []string  `json:"args,omitempty"`
		Selection string    `json:"selection,omitempty"` // the history's name for what Args choose
		Framework string    `json:"framework,omitempty"` // its name; WorkerStarted has the version
		StartedAt time.Time `json:"started_at,omitzero"`
		Variables string    `json:"variables,omitempty"` // names the variables that tests see, with their values
		// Invocation is how the user asked for the run: flags, and what follows --.
		Invocation []string `json:"invocation,omitempty"`
		// Untrusted says that the code under test may be anybody's: later runs learn
		// nothing of this one.
		Untrusted bool `json:"untrusted,omitempty"`
		// Again is the run of which verdicts are taken over, where they hold.
		Again string `json:"again,omitempty"`
		// FailOn names what else fails the run: "flaky".
		FailOn []string `json:"fail_on,omitempty"`
	}
	// Sourced names the sources under test.
	Sourced struct {
		Tree   string `json:"tree"`
		Root   string `json:"root,omitempty"` // the suite's directory, relative to the repository's root
		Commit string `json:"commit,omitempty"`
		Dirty  bool   `json:"dirty,omitempty"` // the tree differs from the commit
		// Branch is what is checked out, Subject and Author are the commit's.
		Branch  string `json:"branch,omitempty"`
		Subject string `json:"subject,omitempty"`
		Author  string `json:"author,omitempty"`
	}
	// Based names the engine that runs the tests, and the image.
	Based struct {
		Engine    string `json:"engine"` // "docker 20.10.24"
		Image     string `json:"image,omitempty"`
		ImageNote string `json:"image_note,omitempty"` // what was taken instead, and why
		Host      bool   `json:"host,omitempty"`       // the programs are this machine's own
		Isolated  bool   `json:"isolated,omitempty"`   // see engine.Info
		// CPUs and Memory are the engine's, Load this machine's mean of the last
		// minute; zero is unknown.
		CPUs   int     `json:"cpus,omitempty"`
		Memory int64   `json:"memory,omitempty"` // bytes
		Load   float64 `json:"load,omitempty"`
	}
	// Gathered says which of the files that workers wrote are kept. Unkept counts
	// the others, and UnkeptFiles are the first of these; Missing says, in words,
	// why artifacts are not there.
	Gathered struct {
		Artifacts   []Artifact `json:"artifacts,omitempty"`
		Unkept      int        `json:"unkept,omitempty"`
		UnkeptFiles []string   `json:"unkept_files,omitempty"`
		Missing     []string   `json:"missing,omitempty"`
	}
	// Artifact is a file that workers wrote. Name is below the run's directory
	// artifacts, Path below the project; Placed says that it is in the checkout too, under
	// its name.
	Artifact struct {
		Name   string   `json:"name"`
		Path   string   `json:"path"`
		From   []string `json:"from"` // workers
		Bytes  int64    `json:"bytes"`
		Placed bool     `json:"placed,omitempty"`
	}
	// Installed says under which keys the layers are kept that the workers
	// start from; "" for a layer that is not made.
	// What is installed is in Packages, where the toolchain can list it; Loose says
	// what of it nothing pins.
	Installed struct {
		Environment string    `json:"environment,omitempty"`
		Prepared    string    `json:"prepared,omitempty"`
		BuiltAt     time.Time `json:"built_at,omitzero"`
		Loose       string    `json:"loose,omitempty"`
		Packages    []Package `json:"packages,omitempty"`
	}
	// Package is one that is installed, and its version.
	Package struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	}
	// Staffed has the number of workers that the run asks for, and for how many of
	// them a place has waited.
	Staffed struct {
		Workers int `json:"workers"`
		Waited  int `json:"waited,omitempty"`
	}
	// Note is a line for the user.
	Note struct {
		Text  string `json:"text"`
		Level Level  `json:"level,omitempty"` // "" is Info
	}
	// StepStarted begins a step of the pipeline: snapshot, environment,
	// prepare, start, discover, plan, conclude.
	StepStarted struct {
		Name string `json:"name"`
	}
	// StepProgress is a line of a step's own progress (an installer's output). Doing
	// is set where Text is what the step does from now on, such as a command.
	StepProgress struct {
		Name  string `json:"name"`
		Text  string `json:"text"`
		Doing bool   `json:"doing,omitempty"`
	}
	// StepFinished ends a step.
	StepFinished struct {
		Name     string   `json:"name"`
		Cached   bool     `json:"cached,omitempty"`
		Duration Duration `json:"duration_ms"`
		// Saved is what the step took when it was not cached; 0 is unknown.
		Saved  Duration `json:"saved_ms,omitempty"`
		Detail string   `json:"detail,omitempty"`    // "5 204 files, 63 MB"
		Error  string   `json:"error,omitempty"`     // the step failed
		Waited Duration `json:"waited_ms,omitempty"` // for another run
	}
	// WorkerAttached reports that a worker's agent is there: when the engine was
	// asked for the worker, had made it, and the agent had greeted. It comes before
	// WorkerStarted.
	WorkerAttached struct {
		Worker  int      `json:"worker"`
		Asked   Duration `json:"asked_ms"`
		Created Duration `json:"created_ms"`
		Greeted Duration `json:"hello_ms"`
	}
	// Stolen reports that a worker that would be idle took tests from another one's
	// queue.
	Stolen struct {
		From  int `json:"from"`
		To    int `json:"to"`
		Tests int `json:"tests"`
	}
	// Curved is what other numbers of workers would have given, by this run's times.
	Curved struct {
		Points []Point `json:"points"`
	}
	// Point is one of these: the wall clock, and the time of all workers.
	Point struct {
		Workers int      `json:"workers"`
		Wall    Duration `json:"wall_ms"`
		Total   Duration `json:"total_ms"`
	}
	// WorkerStarted reports that a worker takes tests, and with what it runs
	// them.
	WorkerStarted struct {
		Worker    int    `json:"worker"` // from 1
		Mode      string `json:"mode,omitempty"`
		Framework string `json:"framework,omitempty"` // with its version
		Runtime   string `json:"runtime,omitempty"`   // likewise
		Host      string `json:"host,omitempty"`
	}
	// WorkerReady reports that a worker has collected what it must before its
	// first test.
	WorkerReady struct {
		Worker int `json:"worker"`
		// Collected is how long it collected the whole suite; 0 if it did not.
		Collected Duration `json:"collected_ms,omitempty"`
	}
	// WorkerLost reports that a worker is gone before its time.
	WorkerLost struct {
		Worker int    `json:"worker"`
		Cause  string `json:"cause"`
		Code   int    `json:"code,omitempty"`
		OOM    bool   `json:"oom,omitempty"`
		Test   string `json:"test,omitempty"` // that it was running
	}
	// WorkerClosed ends a worker in order. Unexplained is set if no test explains
	// Code, the status of its session; Closing then has the session's last output.
	WorkerClosed struct {
		Worker      int    `json:"worker"`
		Code        int    `json:"code"`
		Unexplained bool   `json:"unexplained,omitempty"`
		Closing     string `json:"closing,omitempty"`
		PeakMemory  int64  `json:"peak_memory,omitempty"` // of one process, in bytes; 0 is unknown
	}
	// Discovered ends discovery. Stop is set if its errors mean that no test
	// counts, as in the framework itself.
	Discovered struct {
		Tests      int      `json:"tests"`
		Deselected int      `json:"deselected,omitempty"`
		Errors     int      `json:"errors,omitempty"`
		Stop       bool     `json:"stop,omitempty"`
		Duration   Duration `json:"duration_ms,omitempty"`
		// Broken names the first of the files that could not be collected, and Lacks
		// are what these files say is not there.
		Broken []string      `json:"broken,omitempty"`
		Lacks  []worker.Lack `json:"lacks,omitempty"`
	}
	// Inventoried names the file of the run's directory that lists the tests of the
	// suite: a line for each file, in the suite's order.
	Inventoried struct {
		File  string `json:"file"`
		Tests int    `json:"tests"`
	}
	// Planned is the prediction of the run. Zero is unknown.
	Planned struct {
		Workers    int      `json:"workers"`
		Predicted  Duration `json:"predicted_ms,omitempty"` // wall clock of the whole run
		Start      Duration `json:"start_ms,omitempty"`     // of that, until the first test
		Makespan   Duration `json:"makespan_ms,omitempty"`  // of the tests alone
		LowerBound Duration `json:"lower_bound_ms,omitempty"`
		Serial     Duration `json:"serial_ms,omitempty"` // one worker's wall clock
		// SerialMeasured is true if Serial was measured by a run with one worker.
		SerialMeasured bool `json:"serial_measured,omitempty"`
		Unknown        int  `json:"unknown,omitempty"` // tests without history
		// Shards are the workers' shares, when their times are known.
		Shards []Shard `json:"shards,omitempty"`
		// PerTest is what the shards count for each test besides its setup, call
		// and teardown.
		PerTest Duration `json:"per_test_ms,omitempty"`
	}
	// Shard is a worker's share of the plan.
	Shard struct {
		Worker int      `json:"worker"`
		Tests  int      `json:"tests"`
		Load   Duration `json:"load_ms"` // tests and fixtures, and Planned.PerTest, at the worker's speed
	}
	// Leased reports that a worker is handed tests, in the order in which it runs
	// them. No token comes twice in a run.
	Leased struct {
		Worker int      `json:"worker"`
		Token  int64    `json:"token"`
		Tests  []string `json:"tests"`
	}
	// Rejected voids what a worker ran of these tests: it had found something
	// else there than discovery. Tests that are not known are ignored.
	Rejected struct {
		Worker int      `json:"worker"`
		Tests  []string `json:"tests"`
	}
	// Died reports that a process of a worker's session ended before its time.
	Died struct {
		Worker int    `json:"worker"`
		Test   string `json:"test,omitempty"`  // that ran, if any
		Cause  string `json:"cause"`           // "timeout", "exited", "signal", "hung"
		Code   int    `json:"code"`            // exit status, or 128 + signal
		Again  bool   `json:"again,omitempty"` // another process goes on
	}
	// TestStarted reports that a test runs. File, when known, is where it is
	// defined, relative to the repository's root.
	TestStarted struct {
		Worker  int    `json:"worker"`
		Test    string `json:"test"`
		Attempt int    `json:"attempt,omitempty"` // from 1
		Token   int64  `json:"token,omitempty"`   // of the lease
		File    string `json:"file,omitempty"`
		// Collected is how long the worker collected files since its last test.
		Collected Duration `json:"collected_ms,omitempty"`
		// Began is when it started by the worker's clock, since the start of the run;
		// 0 is unknown.
		Began Duration `json:"began_ms,omitempty"`
	}
	// TestFinished ends an attempt. The same test, worker and attempt may
	// come again: the later one holds.
	TestFinished struct {
		Worker   int            `json:"worker"`
		Test     string         `json:"test"`
		Attempt  int            `json:"attempt"` // from 1; 0 is taken as 1
		Outcome  worker.Outcome `json:"outcome"`
		Message  string         `json:"message,omitempty"`
		Setup    Duration       `json:"setup_ms"`
		Call     Duration       `json:"call_ms"`
		Teardown Duration       `json:"teardown_ms"`
		Expected
		// Cause and Code are set when the framework had no say: "timeout",
		// "exited", "signal", "lost".
		Cause string `json:"cause,omitempty"`
		Code  int    `json:"code,omitempty"`
		// Lack is what the failure says is not there.
		Lack *worker.Lack `json:"lack,omitempty"`
		// Tentative attempts are evidence, not a verdict.
		Tentative bool `json:"tentative,omitempty"`
		// First is true if no test of this file had started on this worker
		// before.
		First bool `json:"first,omitempty"`
		// File and Line, from 1, are where to look for a failure, relative to
		// the suite's directory; Line is 0 when that is not known.
		File string `json:"file,omitempty"`
		Line int    `json:"line,omitempty"`
	}
	// Evidence is a worker's report on a test that it has no live lease of: the
	// lease was withdrawn meanwhile, or there never was one. It has no effect on
	// verdicts. Outcome is "" for a start.
	Evidence struct {
		Worker   int            `json:"worker"`
		Test     string         `json:"test"`
		Outcome  worker.Outcome `json:"outcome,omitempty"`
		Message  string         `json:"message,omitempty"`
		Setup    Duration       `json:"setup_ms,omitempty"`
		Call     Duration       `json:"call_ms,omitempty"`
		Teardown Duration       `json:"teardown_ms,omitempty"`
	}
	// Dropped names tests that do not exist: the last run's list had them, and
	// discovery did not find them. Their attempts do not count.
	Dropped struct {
		Tests []string `json:"tests"`
	}
	// Expected is the plan's estimate of an attempt, at its worker's speed; zero
	// is unknown.
	Expected struct {
		Estimate Duration `json:"estimate_ms,omitempty"` // setup, call and teardown, without Fixtures
		// Fixtures is the part of the setup that opening the file took, as far
		// as other setups of the file tell, and FixturesEstimate what that was
		// expected to take. Both are zero but for a file's first test on a worker.
		Fixtures         Duration `json:"fixtures_ms,omitempty"`
		FixturesEstimate Duration `json:"fixtures_estimate_ms,omitempty"`
	}
	// Output is what a worker's session printed. Dropped counts the bytes that
	// were left out because the session printed more than it may.
	Output struct {
		Worker  int    `json:"worker"`
		Text    string `json:"text"`
		Dropped int64  `json:"dropped,omitempty"`
	}
	// Judged gives a test its verdict, or replaces it. With "" it takes the
	// verdict back: the test runs again.
	Judged struct {
		Test     string  `json:"test"`
		Verdict  Verdict `json:"verdict"`
		Reason   string  `json:"reason,omitempty"`
		Attempts int     `json:"attempts,omitempty"`
		// Reports is where the framework's reports of the attempt are that the
		// verdict rests on.
		Reports []Extent `json:"reports,omitempty"`
	}
	// Extent is a stretch of reports.jsonl: offset and length in bytes.
	Extent [2]int64
	// Carried takes over the verdict that an earlier run came to.
	Carried struct {
		Run     string   `json:"run"`
		Of      Test     `json:"of"`
		Reports []Extent `json:"reports,omitempty"` // in this run's reports.jsonl
	}
	// Covered is the combined coverage.
	Covered struct {
		Percent   float64 `json:"percent"`
		FailUnder float64 `json:"fail_under,omitempty"` // 0 is no limit
		Under     bool    `json:"under,omitempty"`      // Percent misses the limit
		Complete  bool    `json:"complete"`
		Reason    string  `json:"reason,omitempty"` // why it is not complete
	}
	// Concluded is the framework's own end of the run. Code is its exit
	// status when it saw all reports; Error is set if it could not conclude.
	// Excused are workers whose sessions ended as they did because they saw a
	// share of the tests only. Forgiven: tests failed, or there were none, and
	// hooks of the project have set Code to 0 all the same.
	Concluded struct {
		Code     int      `json:"code"`
		Files    []string `json:"files,omitempty"`
		Error    string   `json:"error,omitempty"`
		Excused  []string `json:"excused,omitempty"`
		Forgiven bool     `json:"forgiven,omitempty"`
	}
	// Stopped reports that no more tests are handed out, and why. Signal is
	// "interrupt" or "terminated" when a person or a system asked.
	Stopped struct {
		Reason string `json:"reason"`
		Signal string `json:"signal,omitempty"`
		// Grace is how long running tests get to end; 0 is to their end.
		Grace Duration `json:"grace_ms,omitempty"`
	}
	// Fault reports that machinery broke: the run is not green.
	Fault struct {
		Kind FaultKind    `json:"kind"`
		Text string       `json:"text"`
		Lack *worker.Lack `json:"lack,omitempty"` // what it says is not there
	}
	// Advised says of something that is not there, as failures say, what to do about
	// it. Tests and Files count the failed tests, and the files that could not be
	// collected, whose failures say so; both are 0 when the run could not start.
	Advised struct {
		Lack  worker.Lack `json:"lack"`
		Tests int         `json:"tests,omitempty"`
		Files int         `json:"files,omitempty"`
		// What is not there, and what to write or type: two parts of a sentence for people.
		What string `json:"what"`
		Do   string `json:"do"`
	}
	// RunFinished closes the log.
	RunFinished struct {
		Exit     int      `json:"exit"`
		Reasons  []Reason `json:"reasons,omitempty"`
		Duration Duration `json:"duration_ms"`
	}
	// Unknown is an event of a later version of shardyard, kept as it was.
	Unknown struct {
		Name Type
		Data json.RawMessage
	}
)
