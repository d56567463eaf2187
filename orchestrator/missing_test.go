package orchestrator

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsMissingIsSaidOnce(t *testing.T) {
	got := inWords([]missing{{10, "it was lost: x"}, {2, "a: b"}, {1, "it was lost: x"}, {3, "a: b"}})
	if diff := cmp.Diff([]string{"worker-1, worker-10: it was lost: x", "worker-2, worker-3: a: b"}, got); diff != "" {
		t.Error(diff)
	}
	if got := inWords(nil); len(got) != 0 {
		t.Errorf("nothing is missing, and it says %q", got)
	}
}
