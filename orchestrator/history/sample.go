package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// errSample means that a column of samples is not what this package writes.
var errSample = errors.New("samples cannot be read")

// appendSample adds one sample, as a JSON array.
func appendSample(b []byte, s Sample) []byte {
	b = append(b, '[')
	b = strconv.AppendInt(b, s.Run, 10)
	b = appendInt(b, int64(s.Worker))
	b = appendInt(b, int64(s.Attempt))
	b = appendText(append(b, ','), string(s.Outcome))
	for _, d := range []time.Duration{s.Setup, s.Call, s.Teardown} {
		b = appendInt(b, d.Microseconds())
	}
	b = appendInt(b, bit(s.First))
	b = appendInt(b, bit(s.Tentative))
	b = appendText(append(b, ','), s.Host)
	return append(b, ']')
}

func appendInt(b []byte, n int64) []byte { return strconv.AppendInt(append(b, ','), n, 10) }

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// appendText writes a JSON string; what needs escaping is rare.
func appendText(b []byte, s string) []byte {
	for _, c := range []byte(s) {
		if c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			q, err := json.Marshal(s)
			if err != nil { // a string always has an encoding
				panic(err)
			}
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// addSamples adds to the text of a test's samples ("" for none) and drops the
// oldest beyond keep. Each sample is a line, and a line feed stands nowhere
// else in JSON, so that nothing has to be decoded.
func addSamples(text string, more []Sample, keep int) string {
	b := []byte(strings.TrimSuffix(text, "]"))
	for _, s := range more {
		if len(b) == 0 {
			b = append(b, '[')
		} else {
			b = append(b, ",\n"...)
		}
		b = appendSample(b, s)
	}
	return lastSamples(string(append(b, ']')), keep)
}

// lastSamples drops all but the newest.
func lastSamples(text string, keep int) string {
	drop := strings.Count(text, "\n") + 1 - keep
	if drop <= 0 {
		return text
	}
	for ; drop > 0; drop-- {
		text = text[strings.IndexByte(text, '\n')+1:]
	}
	return "[" + text
}

// decodeSamples reads what addSamples wrote. It reads that form itself,
// because a suite has a quarter of a million of them; any other JSON of the
// same shape is read the slow way.
func decodeSamples(text string) ([]Sample, error) {
	r := reader{rest: text}
	out := make([]Sample, 0, strings.Count(text, "\n")+1)
	r.expect('[')
	for n := 0; !r.bad && r.peek() != ']'; n++ {
		if n > 0 {
			r.expect(',')
			r.expect('\n')
		}
		out = append(out, r.sample())
	}
	r.expect(']')
	if !r.bad && r.rest == "" {
		return out, nil
	}
	return decodeAny(text)
}

func decodeAny(text string) ([]Sample, error) {
	var out []Sample
	var rows [][10]any
	if err := json.Unmarshal([]byte(text), &rows); err != nil {
		return nil, fmt.Errorf("%w: %w", errSample, err)
	}
	for _, row := range rows {
		var n [10]int64
		for _, i := range []int{0, 1, 2, 4, 5, 6, 7, 8} {
			f, ok := row[i].(float64)
			if !ok || f < 0 || f > 1<<53 {
				return nil, fmt.Errorf("%w: field %d is not a number in range", errSample, i)
			}
			n[i] = int64(f)
		}
		outcome, ok1 := row[3].(string)
		host, ok2 := row[9].(string)
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("%w: outcome and host must be text", errSample)
		}
		out = append(out, sampleOf(n, outcome, host))
	}
	return out, nil
}

func sampleOf(n [10]int64, outcome, host string) Sample {
	return Sample{
		Run: n[0], Worker: int(n[1]), Attempt: int(n[2]), Outcome: worker.Outcome(outcome),
		Setup: micros(n[4]), Call: micros(n[5]), Teardown: micros(n[6]),
		First: n[7] != 0, Tentative: n[8] != 0, Host: host,
	}
}

func micros(n int64) time.Duration { return time.Duration(min(n, maxMicros)) * time.Microsecond }

const maxMicros = int64(1<<63-1) / int64(time.Microsecond)

// reader reads the form that appendSample writes.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) peek() byte {
	if r.rest == "" {
		return 0
	}
	return r.rest[0]
}

func (r *reader) expect(c byte) {
	if r.peek() != c {
		r.bad = true
		r.rest = ""
		return
	}
	r.rest = r.rest[1:]
}

func (r *reader) number() (n int64) {
	i := 0
	for i < len(r.rest) && i < 18 && r.rest[i] >= '0' && r.rest[i] <= '9' {
		n = n*10 + int64(r.rest[i]-'0')
		i++
	}
	if i == 0 {
		r.bad = true
	}
	r.rest = r.rest[i:]
	return n
}

func (r *reader) text() string {
	r.expect('"')
	i := strings.IndexByte(r.rest, '"')
	if i < 0 || strings.IndexByte(r.rest[:i], '\\') >= 0 {
		r.bad = true
		return ""
	}
	s := r.rest[:i]
	r.rest = r.rest[i+1:]
	return s
}

func (r *reader) sample() Sample {
	var n [10]int64
	var outcome, host string
	r.expect('[')
	for i := range n {
		if i > 0 {
			r.expect(',')
		}
		switch i {
		case 3:
			outcome = r.text()
		case 9:
			host = r.text()
		default:
			n[i] = r.number()
		}
	}
	r.expect(']')
	return sampleOf(n, outcome, host)
}
