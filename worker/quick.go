package worker

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// Quick reads the events that every test has several of: Started, Reported and
// Finished. It reads them as encoding/json does, at a tenth of the cost, and
// leaves to that all that is not plain: escapes, spaces, unknown fields. It is
// for one goroutine. The zero Quick is ready to use.
type Quick struct {
	last  string            // a test's events follow each other
	words map[string]string // kinds and outcomes: there are few
}

// A Tail is what a line says besides its event. Size is "size", Also the name
// of another field, which is true; "" for none.
type Tail struct {
	Size int64
	Also string
}

// Event reads a line. It is not ok when the line is left to encoding/json.
func (q *Quick) Event(line []byte) (e Event, t Tail, ok bool) {
	s := scan{b: line, ok: true}
	s.skip(`{"`)
	switch kind := s.until('"'); string(kind) {
	case "started":
		e.Started = &Started{}
		s.object(func(key []byte) { q.started(&s, key, e.Started) })
	case "reported":
		e.Reported = &Reported{}
		s.object(func(key []byte) { q.reported(&s, key, e.Reported) })
	case "finished":
		e.Finished = &Finished{}
		s.object(func(key []byte) { q.finished(&s, key, e.Finished) })
	default:
		return Event{}, Tail{}, false
	}
	for s.ok && s.next(',') {
		s.skip(`"`)
		switch key := s.until('"'); {
		case string(key) == "size":
			s.skip(":")
			t.Size = s.integer()
		default:
			t.Also = q.word(key)
			s.skip(":true")
		}
	}
	s.skip("}")
	s.next('\n')
	if !s.ok || s.at != len(line) {
		return Event{}, Tail{}, false
	}
	return e, t, true
}

func (q *Quick) started(s *scan, key []byte, to *Started) {
	switch string(key) {
	case "test":
		to.Test = q.test(s)
	case "token":
		to.Token = Token(s.integer())
	case "at_ms":
		to.AtMS = s.number()
	default:
		s.ok = false
	}
}

func (q *Quick) reported(s *scan, key []byte, to *Reported) {
	switch string(key) {
	case "test":
		to.Test = q.test(s)
	case "kind":
		to.Kind = q.word(s.text())
	case "offset":
		to.Offset = s.integer()
	case "more":
		s.skip("true")
		to.More = true
	default:
		s.ok = false
	}
}

func (q *Quick) finished(s *scan, key []byte, to *Finished) {
	switch string(key) {
	case "test":
		to.Test = q.test(s)
	case "token":
		to.Token = Token(s.integer())
	case "outcome":
		to.Outcome = Outcome(q.word(s.text()))
	case "message":
		to.Message = string(s.text())
	case "file":
		to.File = string(s.text())
	case "line":
		to.Line = int(s.integer())
	case "setup_ms":
		to.SetupMS = s.number()
	case "call_ms":
		to.CallMS = s.number()
	case "teardown_ms":
		to.TeardownMS = s.number()
	default:
		s.ok = false
	}
}

// test reads a test's id.
func (q *Quick) test(s *scan) TestID {
	id := s.text()
	if string(id) != q.last {
		q.last = string(id)
	}
	return TestID(q.last)
}

// word returns a string of which there are few.
func (q *Quick) word(b []byte) string {
	if known, ok := q.words[string(b)]; ok {
		return known
	}
	w := string(b)
	if q.words == nil {
		q.words = make(map[string]string)
	}
	if len(q.words) < 64 {
		q.words[w] = w
	}
	return w
}

// A scan goes through a line. Once it is not ok, what it returns is nothing.
type scan struct {
	b  []byte
	at int
	ok bool
}

// next steps over a byte, if it is there.
func (s *scan) next(c byte) bool {
	if s.at < len(s.b) && s.b[s.at] == c {
		s.at++
		return true
	}
	return false
}

// skip steps over what must be there.
func (s *scan) skip(what string) {
	if len(s.b)-s.at < len(what) || string(s.b[s.at:s.at+len(what)]) != what {
		s.ok = false
		return
	}
	s.at += len(what)
}

// until returns what is before a quote, and steps over both: plain characters.
func (s *scan) until(quote byte) []byte {
	from, ascii := s.at, true
	for ; s.at < len(s.b); s.at++ {
		switch c := s.b[s.at]; {
		case c == quote:
			found := s.b[from:s.at]
			s.at++
			s.ok = s.ok && (ascii || utf8.Valid(found))
			return found
		case c < ' ' || c == '\\':
			s.ok = false
			return nil
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	s.ok = false
	return nil
}

// text reads a string.
func (s *scan) text() []byte {
	s.skip(`"`)
	return s.until('"')
}

// object reads `:{"key":value,...}`. Field reads a value.
func (s *scan) object(field func(key []byte)) {
	s.skip(":{")
	for first := true; s.ok && !s.next('}'); first = false {
		if !first {
			s.skip(",")
		}
		s.skip(`"`)
		key := s.until('"')
		s.skip(":")
		if s.ok {
			field(key)
		}
	}
}

// integer reads a number without sign, fraction and exponent.
func (s *scan) integer() (n int64) {
	const most = 15 // digits: those of a float64, and of any int64
	from := s.at
	for ; s.at < len(s.b) && '0' <= s.b[s.at] && s.b[s.at] <= '9'; s.at++ {
		n = 10*n + int64(s.b[s.at]-'0')
		if s.at-from == most {
			s.ok = false
			return 0
		}
	}
	if n := s.at - from; n == 0 || n > 1 && s.b[from] == '0' {
		s.ok = false
	}
	return n
}

// number reads a number without sign and exponent.
func (s *scan) number() float64 {
	from := s.at
	s.integer()
	if s.next('.') {
		digits := s.at
		for s.at < len(s.b) && '0' <= s.b[s.at] && s.b[s.at] <= '9' {
			s.at++
		}
		s.ok = s.ok && s.at > digits
	}
	f, err := strconv.ParseFloat(string(s.b[from:s.at]), 64)
	s.ok = s.ok && err == nil
	return f
}

// length is about how long the line of an event that Quick reads will be.
func (e Event) length() int {
	const rest = 128 // numbers and names
	switch {
	case e.Started != nil:
		return rest + len(e.Started.Test)
	case e.Reported != nil:
		return rest + len(e.Reported.Test)
	case e.Finished != nil:
		return 2*rest + len(e.Finished.Test) + len(e.Finished.Message) + len(e.Finished.File)
	}
	return 0
}

// quick appends the line of an event that Quick reads, as encoding/json writes
// it, without its end: a brace. It is not ok when the line is left to that.
func (e Event) quick(b []byte) (_ []byte, ok bool) {
	switch {
	case e.Started != nil && e == (Event{Started: e.Started}):
		b = append(b, `{"started":{`...)
		b, ok = quote(append(b, `"test":`...), string(e.Started.Test))
		b = strconv.AppendInt(append(b, `,"token":`...), int64(e.Started.Token), 10)
		if at := e.Started.AtMS; at != 0 {
			ok = ok && 1e-6 <= at && at < 1e21
			b = strconv.AppendFloat(append(b, `,"at_ms":`...), at, 'f', -1, 64)
		}
	case e.Reported != nil && e == (Event{Reported: e.Reported}):
		b, ok = e.Reported.quick(append(b, `{"reported":{`...))
	case e.Finished != nil && e == (Event{Finished: e.Finished}):
		b, ok = e.Finished.quick(append(b, `{"finished":{`...))
	}
	return append(b, '}'), ok
}

func (r *Reported) quick(b []byte) (_ []byte, ok bool) {
	if r.Test != "" {
		if b, ok = quote(append(b, `"test":`...), string(r.Test)); !ok {
			return b, false
		}
		b = append(b, ',')
	}
	if b, ok = quote(append(b, `"kind":`...), r.Kind); r.Offset != 0 {
		b = strconv.AppendInt(append(b, `,"offset":`...), r.Offset, 10)
	}
	if r.More {
		b = append(b, `,"more":true`...)
	}
	return b, ok
}

func (f *Finished) quick(b []byte) (_ []byte, ok bool) {
	if f.Cause != "" || f.Code != 0 || f.Tentative || f.Stray || f.Lack != nil {
		return b, false
	}
	b, ok = quote(append(b, `"test":`...), string(f.Test))
	b = strconv.AppendInt(append(b, `,"token":`...), int64(f.Token), 10)
	for _, field := range [...]struct{ key, value string }{{`,"outcome":`, string(f.Outcome)}, {`,"message":`, f.Message}, {`,"file":`, f.File}} {
		if ok && (field.value != "" || field.key == `,"outcome":`) {
			b, ok = quote(append(b, field.key...), field.value)
		}
	}
	if f.Line != 0 {
		b = strconv.AppendInt(append(b, `,"line":`...), int64(f.Line), 10)
	}
	for _, field := range [...]struct {
		key string
		ms  float64
	}{{`,"setup_ms":`, f.SetupMS}, {`,"call_ms":`, f.CallMS}, {`,"teardown_ms":`, f.TeardownMS}} {
		if abs := math.Abs(field.ms); abs != 0 && !(1e-6 <= abs && abs < 1e21) {
			return b, false
		}
		b = strconv.AppendFloat(append(b, field.key...), field.ms, 'f', -1, 64)
	}
	return b, ok
}

// quote appends a string of plain characters.
func quote(b []byte, text string) (_ []byte, ok bool) {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return b, false
		}
	}
	return append(append(append(b, '"'), text...), '"'), true
}
