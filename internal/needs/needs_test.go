package needs_test

import (
	"errors"
	"testing"

	"github.com/shardyard/shardyard/internal/needs"
)

func TestNothingIsSkippedWhenAllIsAskedFor(t *testing.T) {
	for value, skipped := range map[string]bool{"": true, "some": true, "all": false} {
		t.Run(value, func(t *testing.T) {
			t.Setenv(needs.Variable, value)
			ran := false
			t.Run("more", func(t *testing.T) {
				defer func() { ran = !t.Skipped() }()
				needs.More(t, "something")
			})
			if ran == skipped {
				t.Errorf("%q: the test ran: %v", value, ran)
			}
		})
	}
	t.Setenv(needs.Variable, "")
	lacking := false
	t.Run("lacks", func(t *testing.T) {
		defer func() { lacking = t.Skipped() }()
		needs.Lacks(t, "something", errors.New("there is none"))
	})
	if !lacking {
		t.Error("a test went on without what it needs")
	}
}
