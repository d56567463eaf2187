package orchestrator

import (
	"fmt"
	"strings"
	"sync"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// What one worker may send. Tests decide what is in it, so that without a bound
// they decide how much memory and disk the run takes on this machine.
const (
	// maxTests is how many tests a worker may list: twice the largest suites there
	// are. Each takes up to a kilobyte here.
	maxTests = 500_000
	// maxListed bounds the lists of tests, with what the framework says of files
	// that cannot be collected, in bytes: so many ids of 500 characters.
	maxListed = 256 << 20
	// maxReports bounds the framework's reports, in bytes: the largest suites
	// leave 200 MB, and one test alone may print 256 MiB that are kept.
	maxReports = 2 << 30
	// maxSaid bounds all other messages, in bytes, and maxSaidOfTest what each
	// test that the worker is handed adds to that: an ordinary test takes less
	// than a tenth.
	maxSaid, maxSaidOfTest = 64 << 20, 16 << 10
	// maxMessage bounds a failure in one line, in bytes; frameworks say it in less.
	maxMessage = 4 << 10
	// outputTimes limits.output is what is kept of a worker's output, which its
	// agent bounds for each process: a session may have several.
	outputTimes = 16
	// maxFiles and maxFileBytes bound the result files (coverage data) of a
	// worker: what is measured of the largest projects takes some 100 MB.
	maxFiles, maxFileBytes = 1000, 2 << 30
	// maxResults and maxResultBytes bound what the conclusion makes: of the largest
	// projects a page of coverage for each source, and a JUnit file of all output.
	maxResults, maxResultBytes = 100_000, 8 << 30
	// maxText bounds the framework's closing text that is shown, in bytes: a
	// failure may have a message of 40 MB.
	maxText = 256 << 20
)

// A BudgetError says that a worker has sent more than it may.
type BudgetError struct{ What string }

func (e *BudgetError) Error() string {
	return "it sent " + e.What + ", which no suite needs: its tests may have forged messages, or print without end"
}

// A budget is what one place has sent. It may be used concurrently.
type budget struct {
	mu      sync.Mutex
	tests   int   // listed
	listed  int64 // bytes
	reports int64
	said    int64
	leased  int   // tests that it was handed
	allowed int64 // of said, beyond maxSaid: for these
	output  int64 // bytes that may still come
	dropped int64 // bytes of output that were left out here
}

func newBudget(limit int64) *budget {
	return &budget{output: outputTimes * max(limit, 1<<20)}
}

// handed lets a worker speak of the tests that it is handed.
func (b *budget) handed(tests []worker.Ref) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leased += len(tests)
	for _, t := range tests {
		b.allowed += maxSaidOfTest + 8*int64(len(t.ID))
	}
}

// charge is a [worker.ClientOptions.Charge].
func (b *budget) charge(e *worker.Event, line int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case e.Discovered != nil:
		b.tests += len(e.Discovered.Items)
		b.listed += int64(line)
	case e.Collected != nil:
		b.listed += int64(line)
	case e.Reported != nil:
		b.reports += int64(len(e.Reported.Data))
		b.said += int64(line)
	case e.Output != nil:
		b.keep(e.Output)
	case e.Finished != nil && len(e.Finished.Message) > maxMessage:
		b.said += int64(line)
		e.Finished.Message = strings.ToValidUTF8(e.Finished.Message[:maxMessage], "") + "..."
	default:
		b.said += int64(line)
	}
	switch {
	case b.tests > maxTests:
		return &BudgetError{fmt.Sprintf("lists of more than %s tests", report.Number(maxTests))}
	case b.listed > maxListed:
		return &BudgetError{fmt.Sprintf("lists of tests longer than %s", report.Bytes(maxListed))}
	case b.reports > maxReports:
		return &BudgetError{fmt.Sprintf("reports of more than %s", report.Bytes(maxReports))}
	case b.said > maxSaid+b.allowed:
		return &BudgetError{fmt.Sprintf("%s of messages for the %s that it was handed", report.Bytes(b.said), report.Count(b.leased, "test", "tests"))}
	}
	return nil
}

// keep cuts output that is beyond the budget.
func (b *budget) keep(o *worker.Output) {
	n := min(int64(len(o.Data)), b.output)
	b.output -= n
	b.dropped += int64(len(o.Data)) - n
	o.Data = o.Data[:n]
}

// cut returns how many bytes of output were left out here.
func (b *budget) cut() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dropped
}
