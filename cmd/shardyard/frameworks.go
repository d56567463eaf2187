package main

import (
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
	"github.com/shardyard/shardyard/worker/framework/pytest"
)

// A known framework has two halves: what the coordinator asks, and what an agent
// runs.
type known struct {
	framework.Description
	agent worker.Framework
}

// frameworks are all that there are, the first one for suites that name none. To
// add one is one line here.
func frameworks() []known {
	return []known{
		{pytest.Description{}, pytest.New()},
	}
}

// descriptions are the coordinator's halves.
func descriptions() []framework.Description {
	var all []framework.Description
	for _, f := range frameworks() {
		all = append(all, f.Description)
	}
	return all
}

// description is the one of a framework's name; nil when there is none.
func description(name string) framework.Description {
	for _, f := range frameworks() {
		if f.Name() == name {
			return f.Description
		}
	}
	return nil
}

// agents are the agents' halves.
func agents() []worker.Framework {
	var all []worker.Framework
	for _, f := range frameworks() {
		all = append(all, f.agent)
	}
	return all
}
