package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/runs"
)

// follow shows a run of another process, from its log, until it has ended or ctx has.
func follow(ctx context.Context, run *runs.Run, out io.Writer, color bool) (err error) {
	f, err := os.Open(run.Path(runs.Log))
	if err != nil {
		return infraError{fmt.Errorf("follow run %s: %w", run.ID(), err)}
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var began atomic.Pointer[time.Time] // while the first event is taken in: the run's clock is not ours
	c, stop, err := show(ctx, "auto", out, color, func() time.Time {
		if at := began.Load(); at != nil {
			return *at
		}
		return time.Now()
	})
	if err != nil {
		return err
	}
	defer stop()
	in := bufio.NewReader(f)
	var line []byte
	for {
		alive := run.Alive() // before reading: what a run writes last is read
		part, err := in.ReadBytes('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			var e report.Event
			if err := json.Unmarshal(bytes.TrimSpace(line), &e); err != nil {
				return infraError{fmt.Errorf("follow run %s: %w", run.ID(), err)}
			}
			line = nil
			if b, ok := e.Body.(report.RunStarted); ok {
				began.Store(&b.StartedAt)
			}
			c.Handle(e)
			began.Store(nil)
			if _, over := e.Body.(report.RunFinished); over {
				return nil
			}
			continue
		case !errors.Is(err, io.EOF):
			return infraError{fmt.Errorf("follow run %s: %w", run.ID(), err)}
		case !alive:
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// settled waits a moment until a run that has ended has its record.
func settled(ctx context.Context, run *runs.Run) {
	for range 50 {
		if _, err := os.Stat(run.Path(runs.Record)); err == nil || !run.Alive() || ctx.Err() != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}
