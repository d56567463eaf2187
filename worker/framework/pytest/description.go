package pytest

import (
	"github.com/shardyard/shardyard/worker/framework"
	"github.com/shardyard/shardyard/worker/framework/python"
)

// Name is what `framework:` says for pytest.
const Name = "pytest"

// Description implements [framework.Description] for pytest.
type Description struct{}

// Name implements [framework.Description].
func (Description) Name() string { return Name }

// Keys implements [framework.Description]: what a suite of pytest needs is said
// in its arguments.
func (Description) Keys() []framework.Key { return nil }

// Sources implements [framework.Sourcer] for pip and uv.
func (Description) Sources(m framework.Machine, given map[string]string) (framework.Sources, error) {
	return python.Sources(m, given)
}
