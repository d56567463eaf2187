package worker_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/shardyard/shardyard/worker"
)

// TestQuickLines holds what is read by hand against encoding/json.
func TestQuickLines(t *testing.T) {
	for _, tt := range []struct {
		line string
		ok   bool
		tail worker.Tail
	}{
		{`{"started":{"test":"a.py::b","token":12}}` + "\n", true, worker.Tail{}},
		{`{"reported":{"test":"é","kind":"report","offset":65536,"more":true},"size":7,"called":true}`, true, worker.Tail{Size: 7, Also: "called"}},
		{`{"reported":{"kind":"settings"},"size":7}`, true, worker.Tail{Size: 7}},
		{`{"finished":{"test":"a","token":1,"outcome":"failed","message":"m","file":"f","line":3,"setup_ms":0.125,"call_ms":0,"teardown_ms":10}}`, true, worker.Tail{}},
		{`{"started":{}}`, true, worker.Tail{}},
		{`{"started":{"test":"a\u00e9"}}`, false, worker.Tail{}},
		{"{\"started\":{\"test\":\"\xff\"}}", false, worker.Tail{}},
		{"{\"started\":{\"test\":\"a\tb\"}}", false, worker.Tail{}},
		{`{"started":{"token":-1}}`, false, worker.Tail{}},
		{`{"started":{"token":01}}`, false, worker.Tail{}},
		{`{"started":{"token":1234567890123456789}}`, false, worker.Tail{}},
		{`{"started":{"token":null}}`, false, worker.Tail{}},
		{`{"started":{"token":1}} `, false, worker.Tail{}},
		{`{"started":{"token":1}`, false, worker.Tail{}},
		{`{"started":{"token":1,}}`, false, worker.Tail{}},
		{`{"started":{,"token":1}}`, false, worker.Tail{}},
		{`{"started":null}`, false, worker.Tail{}},
		{`{"Started":{"token":1}}`, false, worker.Tail{}},
		{`{"started":{"token":1},"finished":{"token":1}}`, false, worker.Tail{}},
		{`{"finished":{"call_ms":1e3}}`, false, worker.Tail{}},
		{`{"finished":{"call_ms":1.}}`, false, worker.Tail{}},
		{`{"finished":{"call_ms":.5}}`, false, worker.Tail{}},
		{`{"finished":{"cause":"exited"}}`, false, worker.Tail{}},
		{`{"collected":{"tests":1}}`, false, worker.Tail{}},
		{``, false, worker.Tail{}},
		{`{"`, false, worker.Tail{}},
	} {
		var q worker.Quick
		got, tail, ok := q.Event([]byte(tt.line))
		if ok != tt.ok || tail != tt.tail {
			t.Errorf("%s: %v, %+v", tt.line, ok, tail)
		}
		var want worker.Event
		if err := json.Unmarshal([]byte(tt.line), &want); ok && (err != nil || !reflect.DeepEqual(got, want)) {
			t.Errorf("%s: %+v, encoding/json: %+v, %v", tt.line, got, want, err)
		}
	}
}

// TestQuickWrites holds what is written by hand against encoding/json, and
// reads it again.
func TestQuickWrites(t *testing.T) {
	id := rapid.OneOf(rapid.StringMatching(`[a-z/]{1,9}\.py::[a-z<&\[\]0-9"]{0,9}`), rapid.String())
	ms := rapid.OneOf(rapid.Float64Range(0, 1e4), rapid.Float64(), rapid.SampledFrom([]float64{0, 1, 0.001, 1e21, 1e-7, 1234.567}))
	rapid.Check(t, func(t *rapid.T) {
		test, token := worker.TestID(id.Draw(t, "id")), worker.Token(rapid.Int64Range(0, 1<<40).Draw(t, "token"))
		e := rapid.SampledFrom([]worker.Event{
			{Started: &worker.Started{Test: test, Token: token, AtMS: ms.Draw(t, "at")}},
			{Reported: &worker.Reported{Test: test, Kind: "report", Offset: int64(token), More: token%2 == 1, Data: []byte("{}")}},
			{Finished: &worker.Finished{
				Test: test, Token: token, Outcome: worker.Failing, Message: id.Draw(t, "message"), File: id.Draw(t, "file"),
				Line: rapid.IntRange(0, 9).Draw(t, "line"), Tentative: rapid.Bool().Draw(t, "tentative"), SetupMS: ms.Draw(t, "setup"), CallMS: ms.Draw(t, "call"), TeardownMS: ms.Draw(t, "teardown"),
			}},
		}).Draw(t, "event")
		line, _, _ := bytes.Cut(written(t, e), []byte("\n"))
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(e); err != nil {
			t.Fatal(err)
		}
		plain := bytes.Replace(line, []byte(`,"size":2}`), []byte("}"), 1)
		if !bytes.Equal(plain, bytes.TrimSpace(want.Bytes())) {
			t.Fatalf("%s, encoding/json: %s", plain, want.Bytes())
		}
		var q worker.Quick
		var again worker.Event
		if err := json.Unmarshal(line, &again); err != nil {
			t.Fatal(err)
		}
		if got, _, ok := q.Event(line); ok && !reflect.DeepEqual(got, again) {
			t.Fatalf("%s: %+v, encoding/json: %+v", line, got, again)
		}
	})
}

// TestQuickKnowsEveryField sets each field of the events that are written by
// hand, one at a time: a field that is added later must not be lost on its way.
func TestQuickKnowsEveryField(t *testing.T) {
	for _, body := range []any{worker.Started{}, worker.Reported{}, worker.Finished{}} {
		kind := reflect.TypeOf(body)
		for i := range kind.NumField() {
			name, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			if name == "-" {
				continue // travels beside the line
			}
			value := reflect.New(kind)
			switch field := value.Elem().Field(i); field.Kind() {
			case reflect.String:
				field.SetString("x")
			case reflect.Bool:
				field.SetBool(true)
			case reflect.Int, reflect.Int64:
				field.SetInt(7)
			case reflect.Float64:
				field.SetFloat(7.5)
			case reflect.Pointer:
				field.Set(reflect.New(field.Type().Elem()))
			default:
				t.Fatalf("%s.%s is a %s: teach this test how to set it", kind.Name(), kind.Field(i).Name, field.Kind())
			}
			var e worker.Event
			reflect.ValueOf(&e).Elem().FieldByName(kind.Name()).Set(value)
			line, _, _ := bytes.Cut(written(t, e), []byte("\n"))
			if !bytes.Contains(line, []byte(`"`+name+`":`)) {
				t.Errorf("%s.%s is not written: %s", kind.Name(), kind.Field(i).Name, line)
			}
			var want worker.Event
			if err := json.Unmarshal(line, &want); err != nil {
				t.Fatal(err)
			}
			var q worker.Quick
			if got, _, ok := q.Event(line); ok && !reflect.DeepEqual(got, want) {
				t.Errorf("%s.%s is read as %+v, by encoding/json as %+v", kind.Name(), kind.Field(i).Name, got, want)
			}
		}
	}
}
