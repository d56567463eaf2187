package worker

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
)

// MaxFrame is the length in bytes of the longest line on the wire, and of the
// longest data behind a line.
const MaxFrame = 64 << 10

// MaxMessage is the length in bytes of the longest message without its data,
// put together of its parts.
const MaxMessage = 16 << 20

// maxValues bounds the values of a message whose line is longer than a frame. An
// agent sends lists in pieces of 1 MiB, where each test counts for at least 64
// bytes and has up to eight values; a line of nothing but empty ones would take
// twenty times its length once it is read.
const maxValues = 1 << 18

// dense returns an error for a line that has more values.
func dense(line []byte) error {
	if len(line) <= MaxFrame {
		return nil
	}
	values, quoted := 0, false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '"':
			quoted = !quoted
		case '\\':
			i++
		case ',':
			if !quoted {
				values++
			}
		}
	}
	if values > maxValues {
		return fmt.Errorf("read message: %d values, more than %d, in %s", values, maxValues, begin(line))
	}
	return nil
}

// message is a Request or an Event.
type message interface {
	Request | Event
	// urgent messages go ahead of those that wait.
	urgent() bool
	// data returns what travels behind the line as it is; nil for kinds that
	// have none.
	data() *[]byte
}

func (r Request) urgent() bool { return r.Ping != nil || r.Hello != nil }
func (e Event) urgent() bool   { return e.Pong != nil || e.Hello != nil }

func (r Request) data() *[]byte {
	if r.Put != nil {
		return &r.Put.Data
	}
	return nil
}

func (e Event) data() *[]byte {
	switch {
	case e.Reported != nil:
		return &e.Reported.Data
	case e.Output != nil:
		return &e.Output.Data
	case e.File != nil:
		return &e.File.Data
	}
	return nil
}

// A frame is a message as it is written: a line of JSON, and where that has a
// "size", so many bytes of data and a line end:
//
//	{"reported":{"test":"test_a.py::test_b","kind":"report"},"size":15}
//	{"when":"call"}
//
// A line longer than MaxFrame is cut into parts, which follow each other; only
// urgent messages come between them. The data is behind the last one.
//
//	{"part":{},"size":65536}
//	{"discovered":{"file":"test_a.py","items":[...
//	{"part":{"last":true},"size":3141}
//	...]}}
type frame struct {
	bytes []byte
	head  int  // the length of the line
	cut   bool // it is the rest of a line
}

// A part is the line in front of a piece of a long line.
type part struct {
	Part struct {
		Last bool `json:"last,omitempty"`
	} `json:"part"`
	Size int `json:"size"`
}

const partHead = `{"part":`

// encode makes a frame. It keeps nothing of the message.
func encode[T message](msg T) (frame, error) {
	var data []byte
	if at := msg.data(); at != nil {
		data = *at
	}
	line, err := encodeLine(msg, len(data))
	if err != nil {
		return frame{}, fmt.Errorf("encode message: %w", err)
	}
	if len(data) > 0 {
		line = strconv.AppendInt(append(line, `,"size":`...), int64(len(data)), 10)
	}
	line = append(line, "}\n"...)
	if len(line) > MaxMessage || len(data) > MaxFrame {
		return frame{}, fmt.Errorf("encode message: %d bytes and %d of data, more than %d and %d, in %s", len(line), len(data), MaxMessage, MaxFrame, begin(line))
	}
	f := frame{bytes: line, head: len(line)}
	if len(data) > 0 {
		f.bytes = append(append(line, data...), '\n')
	}
	return f, nil
}

// encodeLine makes a line without its end: a brace. It has room for so much data.
func encodeLine[T message](msg T, room int) ([]byte, error) {
	if e, ok := any(msg).(Event); ok {
		if line, ok := e.quick(make([]byte, 0, e.length()+room)); ok {
			return line, nil
		}
	}
	var buf bytes.Buffer
	buf.Grow(256 + room)
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(msg)
	return bytes.TrimSuffix(buf.Bytes(), []byte("}\n")), err
}

// writePart writes the beginning of a long line as a part, and with the last
// one the data. It returns the rest.
func (f frame) writePart(w io.Writer) (rest frame, err error) {
	n := min(MaxFrame, f.head)
	last := ""
	if n == f.head {
		last = `"last":true`
	}
	if _, err := fmt.Fprintf(w, "%s{%s},\"size\":%d}\n%s\n", partHead, last, n, f.bytes[:n]); err != nil {
		return frame{}, err
	}
	if n < f.head {
		return frame{f.bytes[n:], f.head - n, true}, nil
	}
	_, err = w.Write(f.bytes[n:])
	return frame{}, err
}

func decodePart(line []byte) (p part, err error) {
	if err := json.Unmarshal(line, &p); err != nil {
		return p, fmt.Errorf("read message: %w in %s", err, begin(line))
	}
	return p, checkSize(p.Size, line)
}

// decode reads a line. The size is that of the data behind it.
func decode[T message](line []byte, q *Quick) (msg T, size int, err error) {
	var zero, plain T
	if to, ok := any(&plain).(*Event); ok {
		if e, t, ok := q.Event(line); ok && t.Also == "" {
			*to, size = e, int(t.Size)
			return plain, size, checkData(plain, size, line)
		}
	}
	switch m := any(&msg).(type) {
	case *Event:
		var f = struct {
			*Event
			Size int `json:"size"`
		}{Event: m}
		err = json.Unmarshal(line, &f)
		size = f.Size
	case *Request:
		var f = struct {
			*Request
			Size int `json:"size"`
		}{Request: m}
		err = json.Unmarshal(line, &f)
		size = f.Size
	}
	if err != nil {
		return zero, 0, fmt.Errorf("read message: %w in %s", err, begin(line))
	}
	if n := fields(msg); n != 1 {
		return zero, 0, fmt.Errorf("read message: %d known kinds instead of one in %s", n, begin(line))
	}
	return msg, size, checkData(msg, size, line)
}

func checkData[T message](msg T, size int, line []byte) error {
	if size != 0 && msg.data() == nil {
		return fmt.Errorf("read message: data behind %s, which has none", begin(line))
	}
	return checkSize(size, line)
}

func checkSize(size int, line []byte) error {
	if size < 0 || size > MaxFrame {
		return fmt.Errorf("read message: %d bytes of data, more than %d, behind %s", size, MaxFrame, begin(line))
	}
	return nil
}

// readData reads what is behind a line, with its own line end.
func readData(r *bufio.Reader, size int) ([]byte, error) {
	data := make([]byte, size+1)
	n, err := io.ReadFull(r, data)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("read message: %w after %d of %d bytes of data", err, n, size)
	}
	if data[size] != '\n' {
		return nil, fmt.Errorf("read message: more than %d bytes of data, which begin %s", size, begin(data))
	}
	return data[:size:size], nil
}

// fields counts the kinds that are set in a message.
func fields[T message](msg T) int {
	v, n := reflect.ValueOf(msg), 0
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			n++
		}
	}
	return n
}

// begin quotes the first bytes of a line, for an error.
func begin(line []byte) string {
	const most = 80
	if len(line) > most {
		return fmt.Sprintf("%q...", line[:most])
	}
	return fmt.Sprintf("%q", line)
}
