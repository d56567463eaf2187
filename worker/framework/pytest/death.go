package pytest

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// A track follows the tests of a process, to know which one it died of.
type track struct {
	opened     bool
	collecting string  // the last collector
	opening    *answer // the test whose file is being collected
	current    *worker.Started
	finished   *worker.Finished // of current, once it came
	idle       bool             // the plugin waits for a test
	place      json.RawMessage  // of current: the data of its logstart
	called     bool             // its call was reported
}

func (t *track) follow(e *worker.Event) {
	switch {
	case e.Opened != nil:
		t.opened = true
	case e.Started != nil:
		*t = track{opened: true, collecting: t.collecting, current: e.Started}
	case e.Finished != nil:
		t.finished = e.Finished
	case e.Returned != nil:
		t.opening = nil
	case e.Reported != nil && e.Reported.Kind == "logstart" && t.current != nil && e.Reported.Test == t.current.Test:
		t.place = append(t.place[:min(len(t.place), int(e.Reported.Offset))], e.Reported.Data...)
	}
}

// recordDeath sets the cause of a process that ended before its time, and finishes
// the test that it died of.
func (s *session) recordDeath(exit *worker.Exit) {
	if s.ending != nil {
		exit.Code, exit.Stop, exit.Files = s.ending.Code, s.ending.Stop, s.ending.Files
		exit.Unexplained, exit.Closing, exit.Notes, exit.Suspects = s.ending.Unexplained, s.ending.Closing, s.ending.Notes, s.ending.Suspects
		if s.ending.Missing != nil {
			exit.Missing = *s.ending.Missing
		}
		if !s.watch.fired {
			return
		}
	}
	switch {
	case s.watch.fired && s.finishing:
		exit.Cause = worker.Hung
		exit.Missing = cmp.Or(exit.Missing, hungMissing(s.ending))
		return
	case s.watch.fired:
		exit.Cause = "timeout"
	case exit.Signal != "":
		exit.Cause = "signal"
	default:
		exit.Cause = "exited"
	}
	if !s.track.opened {
		return
	}
	victim, token := s.victim()
	if victim == "" {
		exit.Unexplained, exit.Closing = exit.Cause == "exited" && exit.Code != 0, s.output.Stderr()
		return
	}
	if s.track.opening != nil {
		s.track = track{opened: true, collecting: s.track.collecting, opening: s.track.opening}
		s.stream.Emit(worker.Event{Started: &worker.Started{Test: victim, Token: token}})
	}
	exit.Test = victim
	finished := worker.Finished{Test: victim, Token: token, Outcome: worker.Failing, Cause: exit.Cause, Code: exit.Code}
	if s.track.finished != nil {
		late := s.track.finished
		finished.SetupMS, finished.CallMS, finished.TeardownMS = late.SetupMS, late.CallMS, late.TeardownMS
	}
	finished.Message = s.message(*exit)
	s.reportDeath(victim, finished.Message)
	s.stream.Emit(worker.Event{Finished: &finished})
}

// hungMissing says what a session leaves behind that did not end: all its files
// where it did not come to the point of naming them.
func hungMissing(e *ending) string {
	if e != nil {
		return ""
	}
	return "its session did not end"
}

// victim returns the test that the process died of: the one that ran; the one
// whose file was being collected; or the last one, when its wider fixtures
// were being torn down. A process that waited for work died of none.
func (s *session) victim() (worker.TestID, worker.Token) {
	t := &s.track
	switch {
	case t.current != nil && t.finished == nil:
		return t.current.Test, t.current.Token
	case t.opening != nil:
		return t.opening.Test, t.opening.Token
	case t.idle:
		return "", 0
	case t.current != nil:
		return t.current.Test, t.current.Token
	default:
		return "", 0
	}
}

func (s *session) message(exit worker.Exit) string {
	during := "the test"
	switch {
	case s.track.opening != nil:
		during = "collecting " + s.track.collecting
	case s.track.finished != nil:
		during = "after the test, while fixtures of wider scope were torn down, something"
	}
	switch exit.Cause {
	case "timeout":
		return "timed out after " + s.watch.limit.Round(time.Millisecond).String()
	case "signal":
		return "killed by " + endOf(exit)
	default:
		return fmt.Sprintf("%s ended its process with status %d", during, exit.Code)
	}
}

// endOf returns the end of a process in words.
func endOf(exit worker.Exit) string {
	if exit.Code > 128 && exit.Signal != "" {
		name := signalName(exit.Code)
		if name == "" {
			name = exit.Signal
		}
		return fmt.Sprintf("signal %d (%s)", exit.Code-128, name)
	}
	return fmt.Sprintf("status %d", exit.Code)
}

// reportDeath reports the death as pytest would report a failure, so that it is one
// in the replay too.
func (s *session) reportDeath(test worker.TestID, message string) {
	t := &s.track
	place := struct {
		NodeID   string `json:"nodeid"`
		Location []any  `json:"location"`
	}{string(test), []any{"", nil, string(test)}}
	if t.place == nil || json.Unmarshal(t.place, &place) != nil {
		s.reported(test, "logstart", place)
	}
	report := func(when, outcome string, longrepr any) map[string]any {
		return map[string]any{
			"nodeid": place.NodeID, "location": place.Location, "keywords": map[string]int{},
			"outcome": outcome, "longrepr": longrepr, "when": when, "user_properties": []any{},
			"sections": []any{}, "duration": 0, "start": 0, "stop": 0, "$report_type": "TestReport",
		}
	}
	switch {
	case t.finished != nil:
		s.reported(test, "amend", report("teardown", "failed", message))
		return
	case t.called:
		s.reported(test, "report", report("teardown", "failed", message))
	default:
		s.reported(test, "report", report("call", "failed", message))
		s.reported(test, "report", report("teardown", "passed", nil))
	}
	s.reported(test, "logfinish", place)
}

func (s *session) reported(test worker.TestID, kind string, data any) {
	s.stream.Emit(worker.Event{Reported: &worker.Reported{Test: test, Kind: kind, Data: worker.Raw(data)}})
}

// isPipe reports whether nobody reads any more.
func isPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}
