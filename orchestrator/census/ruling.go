package census

import (
	"encoding/json"
	"fmt"

	"github.com/shardyard/shardyard/orchestrator/dispatch"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// A Ruling lists what to do after a session's report, in order: a stop comes before
// the inventory that would be handed out otherwise, a refuted list before the
// inventory is complete, a ready worker last.
type Ruling []Act

// An Act is one thing to do.
type Act interface{ act() }

type (
	// Tell emits an event.
	Tell struct{ report.Body }
	// Input tells the dispatcher something.
	Input struct{ dispatch.Input }
	// Begun reports that the worker's session takes part. It comes once for a
	// worker, however many processes its session needs.
	Begun struct{ worker.Opened }
	// Ready reports that the worker takes tests. Full is set when it has
	// collected the whole suite, which took so long.
	Ready struct {
		Full bool
		Took report.Duration
	}
	// Dismissed reports that the worker gets no tests, and its session is to end.
	Dismissed struct{}
	// Known reports that the suite is known. Reports are the framework's collect
	// reports, those that belong to no file first.
	Known struct{ Reports []json.RawMessage }
	// Planned reports that the dispatcher has the inventory, and so the first
	// plan.
	Planned struct{}
	// Stop ends handing out.
	Stop struct{ Reason string }
)

func (Tell) act()      {}
func (Input) act()     {}
func (Begun) act()     {}
func (Ready) act()     {}
func (Dismissed) act() {}
func (Known) act()     {}
func (Planned) act()   {}
func (Stop) act()      {}

func (r *Ruling) tell(b report.Body)      { *r = append(*r, Tell{b}) }
func (r *Ruling) input(in dispatch.Input) { *r = append(*r, Input{in}) }
func (r *Ruling) add(a Act)               { *r = append(*r, a) }

func (r *Ruling) note(level report.Level, format string, args ...any) {
	r.tell(report.Note{Text: fmt.Sprintf(format, args...), Level: level})
}
