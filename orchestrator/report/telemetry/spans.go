package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// slow is from which time on a test has a span although it passed.
const slow = time.Second

// atOnce is how many spans a request has.
const atOnce = 2000

// A gatherer keeps spans that have ended.
type gatherer struct{ spans []sdk.ReadOnlySpan }

func (g *gatherer) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (g *gatherer) OnEnd(s sdk.ReadOnlySpan)                   { g.spans = append(g.spans, s) }
func (g *gatherer) Shutdown(context.Context) error             { return nil }
func (g *gatherer) ForceFlush(context.Context) error           { return nil }

// sendSpans sends a trace of each run, below the span that the environment names.
func (c *Collector) sendSpans(ctx context.Context, runs []*report.Report) error {
	if c.traces == nil {
		return nil
	}
	about, err := c.resource(ctx)
	if err != nil {
		return err
	}
	var done gatherer
	provider := sdk.NewTracerProvider(sdk.WithResource(about), sdk.WithSpanProcessor(&done)) // the environment names the sampler
	tracer := provider.Tracer("github.com/shardyard/shardyard", trace.WithInstrumentationVersion(c.version), trace.WithSchemaURL(semconv.SchemaURL))
	parent := propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": c.env("TRACEPARENT"), "tracestate": c.env("TRACESTATE")})
	for _, r := range runs {
		d := drawing{tracer: tracer, report: r, all: strings.TrimSpace(c.env("OTEL_TRACES_SAMPLER")) == "always_on"}
		d.draw(parent)
	}
	slices.SortStableFunc(done.spans, func(a, b sdk.ReadOnlySpan) int { return a.StartTime().Compare(b.StartTime()) })
	exporter, err := otlptrace.New(ctx, c.traces)
	for some := range slices.Chunk(done.spans, atOnce) {
		if err == nil {
			err = exporter.ExportSpans(ctx, some)
		}
	}
	return err
}

// resource is who sends.
func (c *Collector) resource(ctx context.Context) (*resource.Resource, error) {
	r, err := resource.New(ctx,
		resource.WithSchemaURL(semconv.SchemaURL), resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName("shardyard"), semconv.ServiceVersion(c.version)),
		resource.WithFromEnv()) // which may name the service otherwise
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return r, nil
}

// A drawing makes the spans of one run.
type drawing struct {
	tracer trace.Tracer
	report *report.Report
	all    bool // of every test, not only of those that failed or were slow
}

func (d *drawing) at(since time.Duration) time.Time { return d.report.StartedAt.Add(since) }

// span makes a span that has ended, and returns the context of what is below it.
func (d *drawing) span(in context.Context, name string, from, took time.Duration, failure string, about ...attribute.KeyValue) context.Context {
	return d.kind(in, trace.SpanKindInternal, name, from, took, failure, about...)
}

func (d *drawing) kind(in context.Context, kind trace.SpanKind, name string, from, took time.Duration, failure string, about ...attribute.KeyValue) context.Context {
	for i, a := range about {
		if a.Value.Type() == attribute.STRING {
			about[i] = a.Key.String(text(a.Value.AsString()))
		}
	}
	below, span := d.tracer.Start(in, text(name), trace.WithTimestamp(d.at(from)), trace.WithSpanKind(kind), trace.WithAttributes(about...))
	if failure != "" {
		span.SetStatus(codes.Error, text(failure))
	}
	span.End(trace.WithTimestamp(d.at(from + max(took, 0))))
	return below
}

// text is what protobuf takes for text.
func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// name is the pipeline's: its project, and the suite where there are several.
func (d *drawing) name() string {
	name := filepath.Base(d.report.Project)
	if d.report.Suite != "" {
		name += "/" + d.report.Suite
	}
	return name
}

// result is the run's, in the words of the conventions.
func result(exit int) attribute.KeyValue {
	switch exit {
	case report.ExitGreen:
		return semconv.CICDPipelineResultSuccess
	case report.ExitFailed, report.ExitGate, report.ExitEmpty:
		return semconv.CICDPipelineResultFailure
	case report.ExitInterrupted, report.ExitTerminated:
		return semconv.CICDPipelineResultCancellation
	}
	return semconv.CICDPipelineResultError
}

// draw makes the run's span, and below it those of its steps and its workers.
func (d *drawing) draw(parent context.Context) {
	r := d.report
	failure := ""
	if r.Exit != report.ExitGreen && len(r.Reasons) > 0 {
		failure = report.Clean(r.Reasons[0].Text)
	}
	about := []attribute.KeyValue{semconv.CICDPipelineActionNameRun, semconv.CICDPipelineName(d.name()), semconv.CICDPipelineRunID(r.Run), result(r.Exit)}
	for key, value := range map[attribute.Key]string{semconv.VCSRefHeadNameKey: r.Branch, semconv.VCSRefHeadRevisionKey: r.Commit, semconv.TestSuiteNameKey: r.Suite} {
		if value != "" {
			about = append(about, key.String(value))
		}
	}
	below := d.kind(parent, trace.SpanKindServer, "RUN "+d.name(), 0, r.Times.Duration.Std(), failure, about...)
	for _, s := range r.Steps {
		came := semconv.CICDPipelineTaskRunResultSuccess
		if s.Error != "" {
			came = semconv.CICDPipelineTaskRunResultError
		}
		d.span(below, s.Name, s.Started.Std(), s.Duration.Std(), report.Clean(s.Error), semconv.CICDPipelineTaskName(s.Name), semconv.CICDPipelineTaskRunID(r.Run+"/"+s.Name), came)
	}
	d.workers(below)
}

// workers makes a span of each worker, and below it those of its tests.
func (d *drawing) workers(below context.Context) {
	lanes := map[int]context.Context{}
	for i := range d.report.Workers {
		w := &d.report.Workers[i]
		from, lost := w.Started, ""
		if w.Asked > 0 {
			from = min(from, w.Asked)
		}
		if w.Lost != "" {
			lost = report.Clean("lost: " + w.Lost)
		}
		end := w.Ended
		if end == 0 {
			end = d.report.Times.Duration
		}
		lanes[w.Worker] = d.span(below, w.Name, from.Std(), (end - from).Std(), lost, semconv.CICDWorkerID(fmt.Sprint(w.Worker)), semconv.CICDWorkerName(w.Name))
	}
	for i := range d.report.Tests {
		t := &d.report.Tests[i]
		for k := range t.Attempts {
			a := &t.Attempts[k]
			lane, known := lanes[a.Worker]
			failed := report.VerdictOf(a.Outcome) == report.Fail
			if known && a.Run == "" && (d.all || failed || a.Total() > slow) {
				d.test(lane, t, a) //nolint:contextcheck // a lane's context is below the run's
			}
		}
	}
}

func (d *drawing) test(lane context.Context, t *report.Test, a *report.Attempt) {
	about := []attribute.KeyValue{semconv.TestCaseName(t.Test), attribute.Int("shardyard.test.attempt", a.Attempt)}
	failure := ""
	switch report.VerdictOf(a.Outcome) {
	case report.Pass:
		about = append(about, semconv.TestCaseResultStatusPass)
	case report.Fail:
		about = append(about, semconv.TestCaseResultStatusFail)
		failure = report.Clean(cmp.Or(a.Message, report.Ending(a.Cause), "failed"))
	case report.Skip, report.Flaky, report.NotRun: // the conventions have no word for them
	}
	if d.report.Suite != "" {
		about = append(about, semconv.TestSuiteName(d.report.Suite))
	}
	if t.File != "" {
		about = append(about, semconv.CodeFilePath(t.File))
	}
	if t.Line > 0 {
		about = append(about, semconv.CodeLineNumber(t.Line))
	}
	d.span(lane, t.Test, a.Began(), a.Total(), failure, about...)
}
