// Package collector sends a real run to the receiver of OpenTelemetry's own collector.
// It is a module of its own: shardyard needs none of what a collector does.
package collector

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

// listen starts a collector's receiver, as its own configuration says, and returns the
// address of it and what it has received.
func listen(t *testing.T) (address string, spans *consumertest.TracesSink, measures *consumertest.MetricsSink) {
	t.Helper()
	free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	factory := otlpreceiver.NewFactory()
	cfg := factory.CreateDefaultConfig()
	err = confmap.NewFromStringMap(map[string]any{"protocols": map[string]any{"http": map[string]any{"endpoint": at}}}).Unmarshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	spans, measures = new(consumertest.TracesSink), new(consumertest.MetricsSink)
	settings := receivertest.NewNopSettings(factory.Type())
	forSpans, err := factory.CreateTraces(t.Context(), settings, cfg, spans)
	if err != nil {
		t.Fatal(err)
	}
	forMeasures, err := factory.CreateMetrics(t.Context(), settings, cfg, measures)
	if err != nil {
		t.Fatal(err)
	}
	host := componenttest.NewNopHost()
	if err := errors.Join(forSpans.Start(t.Context(), host), forMeasures.Start(t.Context(), host)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(forSpans.Shutdown(context.Background()), forMeasures.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return "http://" + at, spans, measures
}

// project is a suite of three scripts, one of which fails, and one is slow.
func project(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	for name, text := range map[string]string{
		"shardyard.yaml": "version: 1\nimage: host\nsetup: []\nprepare: []\nsuites:\n  unit: { framework: command, list: ls t/*.sh, run: \"sh {units}\" }\n",
		"t/bad.sh":       "echo got 1, want 2\nexit 3\n",
		"t/quick.sh":     "true\n",
		"t/slow.sh":      "sleep 1.2\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestARunArrives: its spans below the parent that the environment names, each within
// its parent's time, and its measures.
func TestARunArrives(t *testing.T) {
	bin := os.Getenv("SHARDYARD_BIN")
	if bin == "" {
		t.Skip("SKIPPED, needs a shardyard: SHARDYARD_BIN=/path/to/shardyard runs it")
	}
	for _, packed := range []string{"", "gzip"} {
		t.Run("compression "+packed, func(t *testing.T) {
			address, spans, measures := listen(t)
			home := t.TempDir()
			cmd := exec.CommandContext(t.Context(), bin, "run", "--engine", "process", "-w", "2", "-C", project(t))
			cmd.Env = append(os.Environ(), "CI=", "XDG_STATE_HOME="+filepath.Join(home, "state"), "XDG_CACHE_HOME="+filepath.Join(home, "cache"),
				"OTEL_EXPORTER_OTLP_ENDPOINT="+address, "OTEL_EXPORTER_OTLP_COMPRESSION="+packed, "OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test",
				"TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "GITHUB_REF_NAME=main")
			said, err := cmd.CombinedOutput()
			if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Fatalf("%v\n%s", err, said)
			}
			arrived(t, spans.AllTraces())
			all := map[string]float64{}
			for _, batch := range measures.AllMetrics() {
				for _, of := range batch.ResourceMetrics().All() {
					for _, scope := range of.ScopeMetrics().All() {
						for _, m := range scope.Metrics().All() {
							for _, p := range m.Gauge().DataPoints().All() {
								all[m.Name()+value(p.Attributes(), "verdict")] = p.DoubleValue()
								for name, want := range map[string]string{"project": "shop", "suite": "unit", "branch": "main"} {
									if got := value(p.Attributes(), name); got != want {
										t.Errorf("%s of %s is %q, want %q", name, m.Name(), got, want)
									}
								}
							}
						}
					}
				}
			}
			if all["shardyard.run.duration"] < 1.2 || all["shardyard.run.testspassed"] != 2 || all["shardyard.run.testsfailed"] != 1 {
				t.Errorf("measures %v", all)
			}
		})
	}
}

func value(of pcommon.Map, name string) string {
	v, ok := of.Get(name)
	if !ok {
		return ""
	}
	return v.AsString()
}

// arrived looks at the spans of the run.
func arrived(t *testing.T, batches []ptrace.Traces) {
	t.Helper()
	by, ids := map[string]ptrace.Span{}, map[pcommon.SpanID]ptrace.Span{}
	for _, batch := range batches {
		for _, of := range batch.ResourceSpans().All() {
			if value(of.Resource().Attributes(), "service.name") != "shardyard" || value(of.Resource().Attributes(), "deployment.environment.name") != "test" {
				t.Errorf("they are of %v", of.Resource().Attributes().AsRaw())
			}
			for _, scope := range of.ScopeSpans().All() {
				for _, s := range scope.Spans().All() {
					by[s.Name()], ids[s.SpanID()] = s, s
				}
			}
		}
	}
	for _, name := range []string{"RUN shop/unit", "worker-1", "worker-2", "t/bad.sh", "t/slow.sh"} {
		if _, ok := by[name]; !ok {
			t.Fatalf("there is no span %s of %d", name, len(by))
		}
	}
	if _, ok := by["t/quick.sh"]; ok {
		t.Error("a quick test that passed has a span")
	}
	root := by["RUN shop/unit"]
	if fmt.Sprint(root.ParentSpanID()) != "b7ad6b7169203331" || value(root.Attributes(), "cicd.pipeline.result") != "failure" {
		t.Errorf("the root is below %s: %v", root.ParentSpanID(), root.Attributes().AsRaw())
	}
	if bad := by["t/bad.sh"]; bad.Status().Code() != ptrace.StatusCodeError || value(bad.Attributes(), "test.case.result.status") != "fail" {
		t.Errorf("%s %v", bad.Status().Message(), bad.Attributes().AsRaw())
	}
	for _, s := range by {
		if s.TraceID() != root.TraceID() || s.EndTimestamp() < s.StartTimestamp() {
			t.Errorf("%s: trace %s, from %s to %s", s.Name(), s.TraceID(), s.StartTimestamp(), s.EndTimestamp())
		}
		if s == root {
			continue
		}
		if above, ok := ids[s.ParentSpanID()]; !ok || s.StartTimestamp() < above.StartTimestamp() || s.EndTimestamp() > above.EndTimestamp() {
			t.Errorf("%s is not within %s", s.Name(), above.Name())
		}
	}
}
