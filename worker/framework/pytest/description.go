package pytest

import (
	"github.com/shardyard/shardyard/worker/framework"
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
