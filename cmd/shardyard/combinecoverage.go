package main

import (
	"context"
	"io"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/shards"
	"github.com/shardyard/shardyard/worker/framework"
)

// combined implements shards.Combiner with a framework's.
type combined struct {
	framework.Combiner
	project string
	program string
	say     io.Writer // what the framework's tool prints
}

// Combine implements shards.Combiner.
func (c combined) Combine(ctx context.Context, data shards.Coverage, emit func(report.Body)) error {
	cover, err := c.Combiner.Combine(ctx, framework.Combination{
		Program: c.program, Project: c.project, Out: data.Out, Files: data.Files, Missing: data.Missing, FailUnder: data.Limit,
		Say:  func(p []byte) { _, _ = c.say.Write(p) }, // what is said besides the data is no result
		Note: func(text string) { emit(report.Note{Text: text}) },
	})
	if err != nil {
		return err
	}
	emit(report.Covered(cover))
	return nil
}
