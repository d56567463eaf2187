package telemetry

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A receiver takes what a collector takes, and reads it with the protocol's own
// package.
type receiver struct {
	mu      sync.Mutex
	spans   []*spans.Span
	service string
	metrics map[string]float64 // by name, and verdict
	labels  map[string]string
	headers http.Header
	broken  error
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	in := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		packed, err := gzip.NewReader(req.Body)
		if err != nil {
			r.broken = err
			return
		}
		in = packed
	}
	body, err := io.ReadAll(in)
	if err != nil {
		r.broken = err
	}
	r.headers = req.Header
	switch req.URL.Path {
	case "/v1/traces":
		var all tracepb.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &all); err != nil {
			r.broken = err
		}
		for _, of := range all.ResourceSpans {
			r.service = values(of.Resource.Attributes)["service.name"]
			for _, scope := range of.ScopeSpans {
				r.spans = append(r.spans, scope.Spans...)
			}
		}
	case "/v1/metrics":
		var all metricspb.ExportMetricsServiceRequest
		if err := proto.Unmarshal(body, &all); err != nil {
			r.broken = err
		}
		for _, of := range all.ResourceMetrics {
			for _, scope := range of.ScopeMetrics {
				for _, m := range scope.Metrics {
					for _, p := range m.GetGauge().DataPoints {
						r.labels = values(p.Attributes)
						r.metrics[m.Name+r.labels["verdict"]] = p.GetAsDouble()
					}
				}
			}
		}
	default:
		http.NotFound(w, req)
	}
}

func values(list []*common.KeyValue) map[string]string {
	all := map[string]string{}
	for _, kv := range list {
		all[kv.Key] = kv.Value.GetStringValue()
	}
	return all
}

// sample is a run with a failed test, a slow one and a quick one.
func sample() *report.Report {
	ms := report.Millis
	attempt := func(n int, outcome worker.Outcome, took float64) []report.Attempt {
		return []report.Attempt{{Attempt: 1, Worker: n, Outcome: outcome, Started: ms(1000), Call: ms(took), At: ms(1000 + took)}}
	}
	failed := attempt(1, worker.Failing, 50)
	failed[0].Message = "assert 1 == 2\xff"
	return &report.Report{
		Run: "20261128-001500-abcde", Project: "/home/ada/shop", Suite: "unit", Branch: "main", Commit: "c0ffee", StartedAt: time.Now().Add(-time.Minute).Truncate(time.Millisecond), Exit: 1,
		Reasons: []report.Reason{{Code: report.ReasonFailed, Exit: 1, Text: "1 test failed"}}, Totals: report.Totals{Discovered: 3, Passed: 2, Failed: 1},
		Times: report.Times{Duration: ms(9000), Predicted: ms(8000)}, Coverage: &report.Coverage{Percent: 87.5, Complete: true},
		Steps:   []report.Step{{Name: "snapshot", Duration: ms(300), Done: true}},
		Workers: []report.Worker{{Worker: 1, Name: "worker-1", Started: ms(700), Ended: ms(8000)}},
		Tests: []report.Test{
			{Test: "a.py::test_quick", Verdict: report.Pass, Attempts: attempt(1, worker.Passed, 20)},
			{Test: "a.py::test_wrong", File: "a.py", Line: 7, Verdict: report.Fail, Attempts: failed},
			{Test: "a.py::test_slow", Verdict: report.Pass, Attempts: attempt(1, worker.Passed, 3000)},
		},
	}
}

// sent opens, sends and closes as a run does. The SDK reads the environment itself.
func sent(t *testing.T, set map[string]string, runs ...*report.Report) error {
	t.Helper()
	for name, value := range set {
		t.Setenv(name, value)
	}
	c, err := Open(t.Context(), func(name string) string { return set[name] }, "1.2.3")
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Send(t.Context(), runs...)
}

func TestSpansAndMeasuresArrive(t *testing.T) {
	got := &receiver{metrics: map[string]float64{}}
	server := httptest.NewServer(got)
	defer server.Close()
	defer http.DefaultClient.CloseIdleConnections()
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	err := sent(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "TRACEPARENT": parent, "OTEL_EXPORTER_OTLP_HEADERS": "key=secret", "OTEL_SERVICE_NAME": "tests-of-shop"}, sample())
	if err != nil || got.broken != nil {
		t.Fatal(err, got.broken)
	}
	if got.headers.Get("key") != "secret" || got.service != "tests-of-shop" {
		t.Errorf("headers %v, service %q", got.headers, got.service)
	}
	by := map[string]*spans.Span{}
	for _, s := range got.spans {
		by[s.Name] = s
		if trace := s.TraceId; string(trace) != "\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c" {
			t.Errorf("%s is of another trace", s.Name)
		}
	}
	root := by["RUN shop/unit"]
	if root == nil || by["a.py::test_wrong"] == nil || by["a.py::test_slow"] == nil || by["snapshot"] == nil || by["worker-1"] == nil || len(by) != 5 {
		t.Fatalf("the spans are %v", by)
	}
	about := values(root.Attributes)
	for key, want := range map[string]string{"cicd.pipeline.name": "shop/unit", "cicd.pipeline.run.id": "20261128-001500-abcde", "cicd.pipeline.result": "failure", "vcs.ref.head.name": "main"} {
		if about[key] != want {
			t.Errorf("%s is %q, want %q", key, about[key], want)
		}
	}
	if string(root.ParentSpanId) != "\xb7\xad\x6b\x71\x69\x20\x33\x31" || root.EndTimeUnixNano-root.StartTimeUnixNano != 9e9 {
		t.Errorf("parent %x, %d ns", root.ParentSpanId, root.EndTimeUnixNano-root.StartTimeUnixNano)
	}
	wrong := by["a.py::test_wrong"]
	if about := values(wrong.Attributes); about["test.case.name"] != "a.py::test_wrong" || about["test.case.result.status"] != "fail" || about["test.suite.name"] != "unit" ||
		wrong.Status.Code != spans.Status_STATUS_CODE_ERROR || wrong.Status.Message != "assert 1 == 2\uFFFD" || string(wrong.ParentSpanId) != string(by["worker-1"].SpanId) {
		t.Errorf("%v", wrong)
	}
	for name, want := range map[string]float64{"shardyard.run.duration": 9, "shardyard.run.predicted": 8, "shardyard.run.testspassed": 2, "shardyard.run.testsfailed": 1, "shardyard.run.coverage": 0.875} {
		if got.metrics[name] != want {
			t.Errorf("%s is %g, want %g", name, got.metrics[name], want)
		}
	}
	if l := got.labels; l["project"] != "shop" || l["suite"] != "unit" || l["branch"] != "main" {
		t.Errorf("labels %v", l)
	}
}

// TestWhatTheEnvironmentSays: which variables send what, and which are mistakes.
func TestWhatTheEnvironmentSays(t *testing.T) {
	for _, c := range []struct {
		name    string
		set     map[string]string
		spans   int
		metrics bool
		wrong   string
	}{
		{"always on", map[string]string{"OTEL_TRACES_SAMPLER": "always_on"}, 6, true, ""},
		{"off", map[string]string{"OTEL_SDK_DISABLED": "true"}, 0, false, ""},
		{"no traces", map[string]string{"OTEL_TRACES_EXPORTER": "none"}, 0, true, ""},
		{"no metrics", map[string]string{"OTEL_METRICS_EXPORTER": "none"}, 5, false, ""},
		{"parent not sampled", map[string]string{"TRACEPARENT": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}, 0, true, ""},
		{"parent forged", map[string]string{"TRACEPARENT": "nonsense"}, 5, true, ""},
		{"packed", map[string]string{"OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}, 5, true, ""},
		{"another exporter", map[string]string{"OTEL_TRACES_EXPORTER": "console"}, 0, false, "OTEL_TRACES_EXPORTER=console: shardyard sends otlp, or none"},
		{"another protocol", map[string]string{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, 0, false, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"},
		{"no address", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "collector:4318"}, 0, false, "write the address"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := &receiver{metrics: map[string]float64{}}
			server := httptest.NewServer(got)
			defer server.Close()
			set := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL + "/"}
			for k, v := range c.set {
				set[k] = v
			}
			err := sent(t, set, sample())
			if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
				t.Errorf("said %v", err)
			}
			if len(got.spans) != c.spans || len(got.metrics) > 0 != c.metrics || got.broken != nil {
				t.Errorf("%d spans, metrics %v, %v", len(got.spans), got.metrics, got.broken)
			}
		})
	}
	if err := sent(t, map[string]string{}, sample()); err != nil {
		t.Errorf("without any variable: %v", err)
	}
}

// TestManySpans: more than one request's.
func TestManySpans(t *testing.T) {
	got := &receiver{metrics: map[string]float64{}}
	server := httptest.NewServer(got)
	defer server.Close()
	r := sample()
	for range 3 * atOnce {
		r.Tests = append(r.Tests, r.Tests[1])
	}
	if err := sent(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL}, r); err != nil || len(got.spans) != 3*atOnce+5 {
		t.Errorf("%v, %d spans", err, len(got.spans))
	}
}

// TestNobodyAnswers: a run that has taken a while waits for no collector, and says so
// in one sentence.
func TestNobodyAnswers(t *testing.T) {
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0") // takes connections, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for _, address := range []string{"http://user:secret@" + silent.Addr().String(), gone.URL} {
		set := map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": address}
		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
		c, err := Open(t.Context(), func(name string) string { return set[name] }, "1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		stopped, stop := context.WithCancel(t.Context())
		stop() // as by Ctrl-C: else this takes five seconds
		began := time.Now()
		err = c.Send(stopped, sample())
		c.Close()
		if took := time.Since(began); err == nil || strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n") || took > 2*time.Second {
			t.Errorf("%s: %v after %s", address, err, took)
		}
	}
}
