package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// Duration is a time.Duration that is a number of milliseconds in JSON.
type Duration time.Duration

// Millis returns a Duration of so many milliseconds, to the microsecond, as JSON
// has it: what is read from a log equals what was written.
func Millis(ms float64) Duration {
	return Duration(math.Round(ms*1000)) * Duration(time.Microsecond)
}

// Std is d in Go's own type.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// MarshalJSON writes milliseconds, to the microsecond.
func (d Duration) MarshalJSON() ([]byte, error) {
	us := time.Duration(d).Round(time.Microsecond).Microseconds()
	if us%1000 == 0 {
		return strconv.AppendInt(nil, us/1000, 10), nil
	}
	return strconv.AppendFloat(nil, float64(us)/1000, 'f', -1, 64), nil
}

// UnmarshalJSON reads milliseconds.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var ms float64
	if err := json.Unmarshal(b, &ms); err != nil {
		return err
	}
	if math.Abs(ms) > maxMillis {
		return fmt.Errorf("a duration of %g ms is out of range", ms)
	}
	*d = Duration(math.Round(ms*1000)) * Duration(time.Microsecond)
	return nil
}

// maxMillis is about 290 years: what a time.Duration holds.
const maxMillis = 9.2e12

// bodies maps names on the wire to decoders.
var bodies = map[Type]func(json.RawMessage) (Body, error){
	"run_started":     decode[RunStarted],
	"sourced":         decode[Sourced],
	"based":           decode[Based],
	"installed":       decode[Installed],
	"artifacts":       decode[Gathered],
	"staffed":         decode[Staffed],
	"note":            decode[Note],
	"step_started":    decode[StepStarted],
	"step_progress":   decode[StepProgress],
	"step_finished":   decode[StepFinished],
	"worker_started":  decode[WorkerStarted],
	"worker_ready":    decode[WorkerReady],
	"worker_attached": decode[WorkerAttached],
	"stolen":          decode[Stolen],
	"curve":           decode[Curved],
	"worker_lost":     decode[WorkerLost],
	"worker_closed":   decode[WorkerClosed],
	"discovered":      decode[Discovered],
	"inventoried":     decode[Inventoried],
	"planned":         decode[Planned],
	"leased":          decode[Leased],
	"rejected":        decode[Rejected],
	"died":            decode[Died],
	"test_started":    decode[TestStarted],
	"test_finished":   decode[TestFinished],
	"evidence":        decode[Evidence],
	"dropped":         decode[Dropped],
	"output":          decode[Output],
	"verdict":         decode[Judged],
	"carried":         decode[Carried],
	"coverage":        decode[Covered],
	"concluded":       decode[Concluded],
	"stopped":         decode[Stopped],
	"fault":           decode[Fault],
	"advice":          decode[Advised],
	"run_finished":    decode[RunFinished],
}

func decode[B Body](data json.RawMessage) (Body, error) {
	var b B
	err := json.Unmarshal(data, &b)
	return b, err
}

// wireEvent is an event as it is read. MarshalJSON writes the same.
type wireEvent struct {
	Seq  int64           `json:"seq"`
	At   Duration        `json:"at_ms"`
	Type Type            `json:"type"`
	Data json.RawMessage `json:"data"`
}

// MarshalJSON writes {"seq":1,"at_ms":12,"type":"note","data":{...}}.
func (e Event) MarshalJSON() ([]byte, error) {
	var data []byte
	var err error
	if u, ok := e.Body.(Unknown); ok {
		data = u.Data
	} else if data, err = encode(e.Body); err != nil {
		return nil, fmt.Errorf("encode event %q: %w", e.Body.Type(), err)
	}
	kind := string(e.Body.Type())
	if _, plain := bodies[Type(kind)]; plain {
		kind = `"` + kind + `"`
	} else if quoted, err := encode(kind); err != nil {
		return nil, err
	} else {
		kind = string(quoted)
	}
	at, err := Duration(e.At).MarshalJSON()
	if err != nil {
		return nil, err
	}
	// Put together by hand, since the data, which can be long, would be gone
	// through again.
	b := make([]byte, 0, len(data)+len(kind)+64)
	b = strconv.AppendInt(append(b, `{"seq":`...), e.Seq, 10)
	b = append(append(b, `,"at_ms":`...), at...)
	b = append(append(b, `,"type":`...), kind...)
	if len(data) > 0 {
		b = append(append(b, `,"data":`...), data...)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON wrote. A type that this version does
// not know becomes Unknown.
func (e *Event) UnmarshalJSON(b []byte) error {
	var w wireEvent
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	e.Seq, e.At = w.Seq, w.At.Std()
	if w.Type == "" {
		return fmt.Errorf("event %d has no type", w.Seq)
	}
	dec, ok := bodies[w.Type]
	if !ok {
		e.Body = Unknown{Name: w.Type, Data: w.Data}
		return nil
	}
	if len(w.Data) == 0 {
		w.Data = json.RawMessage("{}")
	}
	body, err := dec(w.Data)
	if err != nil {
		return fmt.Errorf("event %d, %s: %w", w.Seq, w.Type, err)
	}
	e.Body = body
	return nil
}

// encode is json.Marshal without escaping <, > and &.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
