package main

import (
	"slices"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
	"github.com/shardyard/shardyard/worker/framework/command"
	"github.com/shardyard/shardyard/worker/framework/pytest"
)

// A known framework has two halves, what the coordinator asks, and what an agent
// runs; and, if it can combine coverage, what does.
type known struct {
	framework.Description
	agent    worker.Framework
	combiner framework.Combiner
}

// frameworks returns all frameworks; the first one is that of suites that name none.
// A new framework is one line here.
func frameworks() []known {
	return []known{
		{pytest.Description{}, pytest.New(), pytest.Combiner{}},
		{command.Description{}, command.New(), nil},
	}
}

// descriptions returns the coordinator's halves.
func descriptions() []framework.Description {
	var all []framework.Description
	for _, f := range frameworks() {
		all = append(all, f.Description)
	}
	return all
}

// description returns the description of the framework with a name; nil for an
// unknown name.
func description(name string) framework.Description {
	for _, f := range frameworks() {
		if f.Name() == name {
			return f.Description
		}
	}
	return nil
}

// combining returns the first framework that combines coverage of shards.
func combining() known {
	all := frameworks()
	return all[slices.IndexFunc(all, func(f known) bool { return f.combiner != nil })]
}

// agents returns the agents' halves.
func agents() []worker.Framework {
	var all []worker.Framework
	for _, f := range frameworks() {
		all = append(all, f.agent)
	}
	return all
}
