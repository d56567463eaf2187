package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// sendMeasures sends the measures of each run.
func (c *Collector) sendMeasures(ctx context.Context, runs []*report.Report) error {
	if c.metrics == nil {
		return nil
	}
	about, err := c.resource(ctx)
	if err != nil {
		return err
	}
	reader := sdk.NewManualReader()
	meter := sdk.NewMeterProvider(sdk.WithResource(about), sdk.WithReader(reader)).Meter("github.com/shardyard/shardyard", metric.WithInstrumentationVersion(c.version))
	for _, r := range runs {
		for _, m := range r.Measures() {
			gauge, err := meter.Float64Gauge(m.Name, metric.WithUnit(m.Unit), metric.WithDescription(m.Help))
			if err != nil {
				return err
			}
			var labels []attribute.KeyValue
			for name, value := range r.Labels() {
				labels = append(labels, attribute.String(name, value))
			}
			if m.Verdict != "" {
				labels = append(labels, attribute.String("verdict", m.Verdict.Word()))
			}
			gauge.Record(ctx, m.Value, metric.WithAttributes(labels...))
		}
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &all); err != nil {
		return err
	}
	return c.metrics.Export(ctx, &all)
}
