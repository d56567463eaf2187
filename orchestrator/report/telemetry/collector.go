// Package telemetry hands runs to an OpenTelemetry collector: a trace of each, and its
// measures. The environment says where to, by the variables that OpenTelemetry
// specifies. A collector that does not answer costs a run nothing but a warning: it is
// greeted when the run begins, and who has not answered by its end gets nothing.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// patience is how long a collector may take: to answer a greeting, and to take what it
// is sent.
const patience = 5 * time.Second

// A Collector is where runs go. The Collector of an environment that names none does
// nothing.
type Collector struct {
	env     func(string) string
	version string
	traces  otlptrace.Client         // nil for none
	metrics *otlpmetrichttp.Exporter // nil for none
	to      []string                 // addresses, without secrets
	cancel  context.CancelFunc       // ends the greeting
	greeted chan error               // what came of it; nil where nobody was greeted
}

// Open greets the collector that the environment names. env looks a variable up as
// os.Getenv does; version is shardyard's own. Close ends the greeting.
func Open(ctx context.Context, env func(string) string, version string) (*Collector, error) {
	c := &Collector{env: env, version: version, cancel: func() {}}
	if strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") {
		return c, nil
	}
	spans, err := c.wanted("TRACES")
	if err != nil {
		return c, err
	}
	measures, err := c.wanted("METRICS")
	if err != nil {
		return c, err
	}
	if spans == "" && measures == "" {
		return c, nil
	}
	ctx, c.cancel = context.WithTimeout(context.WithoutCancel(ctx), patience)
	if spans != "" {
		c.traces = otlptracehttp.NewClient(otlptracehttp.WithEndpointURL(spans))
		c.to = append(c.to, spans)
	}
	if measures != "" {
		if c.metrics, err = otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpointURL(measures)); err != nil {
			return c, fmt.Errorf("send measures to OpenTelemetry: %w", err)
		}
		c.to = append(c.to, measures)
	}
	c.greeted = make(chan error, 1)
	go func() { c.greeted <- greet(ctx, c.to[0]) }()
	return c, nil
}

// greet sends nothing to an address, and returns an error if nobody answers there.
func greet(ctx context.Context, address string) error {
	once := otlptracehttp.NewClient(otlptracehttp.WithEndpointURL(address), otlptracehttp.WithRetry(otlptracehttp.RetryConfig{}))
	err := once.UploadTraces(ctx, nil)
	if unanswered := new(url.Error); errors.As(err, &unanswered) || ctx.Err() != nil {
		return err
	}
	return nil // somebody did, whatever was said
}

// wanted returns the address for a kind of signals, TRACES or METRICS; "" if the
// environment wants none sent.
func (c *Collector) wanted(kind string) (address string, err error) {
	variable := func(format string) (name, value string) {
		name = fmt.Sprintf(format, "_"+kind)
		if value = c.env(name); value == "" {
			name = fmt.Sprintf(format, "")
			value = c.env(name)
		}
		return name, value
	}
	name, address := variable("OTEL_EXPORTER_OTLP%s_ENDPOINT")
	exporter := "OTEL_" + kind + "_EXPORTER"
	switch named := strings.ReplaceAll(c.env(exporter), " ", ""); {
	case named == "none", named == "" && address == "":
		return "", nil
	case named != "" && !slices.Contains(strings.Split(named, ","), "otlp"):
		return "", fmt.Errorf("%s=%s: shardyard sends otlp, or none", exporter, report.Clean(named))
	}
	if name, protocol := variable("OTEL_EXPORTER_OTLP%s_PROTOCOL"); protocol != "" && !strings.HasPrefix(protocol, "http/") {
		return "", fmt.Errorf("%s=%s: shardyard speaks http/protobuf, at a collector's port 4318", name, report.Clean(protocol))
	}
	path := "/v1/" + strings.ToLower(kind)
	if address == "" {
		return "http://localhost:4318" + path, nil
	}
	at, err := url.Parse(address)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return "", fmt.Errorf("%s: write the address of a collector, as in http://localhost:4318", name)
	}
	if !strings.Contains(name, kind) {
		at.Path = strings.TrimSuffix(at.Path, "/") + path
	}
	return at.String(), nil
}

// Send hands runs to the collector. The error is one sentence on why it does not have
// them.
func (c *Collector) Send(ctx context.Context, runs ...*report.Report) error {
	if c.greeted == nil || len(runs) == 0 {
		return nil
	}
	if ctx.Err() != nil {
		c.cancel() // who stops a run does not wait for a collector
	}
	err := <-c.greeted
	c.greeted <- err
	if err == nil {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		err = errors.Join(c.sendSpans(limited, runs), c.sendMeasures(limited, runs))
	}
	if err == nil {
		return nil
	}
	said := strings.ReplaceAll(err.Error(), "\n", "; ")
	return fmt.Errorf("what became of the run is not sent to %s: %s (OTEL_SDK_DISABLED=true sends nothing)", c.address(), report.Clean(said))
}

// address is where runs go, in words.
func (c *Collector) address() string {
	at, err := url.Parse(c.to[0])
	if err != nil {
		return "the collector"
	}
	return at.Redacted()
}

// Close ends the greeting.
func (c *Collector) Close() {
	c.cancel()
	if c.greeted != nil {
		<-c.greeted //nolint:errcheck // Send has said it
	}
}
