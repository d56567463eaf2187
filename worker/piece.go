package worker

import (
	"errors"
	"fmt"
	"iter"
)

// errPieces means that an agent's pieces of a report do not fit together.
var errPieces = errors.New("pieces of reports do not fit together")

// pieces cuts a report, or a piece of one, or output into what fits into frames.
func (e Event) pieces() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		for data, at := *e.data(), 0; ; at += MaxFrame {
			n := min(len(data)-at, MaxFrame)
			last := at+n == len(data)
			if !yield(e.piece(data[at:at+n], at, last)) || last {
				return
			}
		}
	}
}

// piece returns the event with a part of its data.
func (e Event) piece(data []byte, at int, last bool) Event {
	if e.Output != nil {
		o := *e.Output
		if o.Data = data; !last {
			o.Dropped = 0
		}
		return Event{Output: &o}
	}
	r := *e.Reported
	r.Data, r.Offset, r.More = data, r.Offset+int64(at), r.More || !last
	return Event{Reported: &r}
}

// A joint follows the pieces that one worker sends.
type joint struct {
	open Reported // the last piece, when it has More
}

// check holds a piece against the one before.
func (j *joint) check(r Reported) error {
	end := r.Offset + int64(len(r.Data))
	switch {
	case r.Offset < 0 || end > MaxReport:
		return fmt.Errorf("%w: a report of %q ends at %d bytes, the longest has %d", errPieces, r.Test, end, MaxReport)
	case r.Offset > 0 && (!j.open.More || r.Test != j.open.Test || r.Kind != j.open.Kind || r.Offset != j.open.Offset):
		return fmt.Errorf("%w: one of %q begins at %d bytes", errPieces, r.Test, r.Offset)
	}
	j.open = Reported{Test: r.Test, Kind: r.Kind, Offset: end, More: r.More}
	return nil
}
