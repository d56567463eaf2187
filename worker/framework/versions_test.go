package framework_test

import (
	"testing"

	"github.com/shardyard/shardyard/worker/framework"
)

func TestVersions(t *testing.T) {
	at := func(op string, series bool, v ...int) framework.Bound {
		return framework.Bound{Op: op, Version: v, Series: series}
	}
	for _, x := range []struct {
		version string
		bounds  framework.Versions
		want    bool
	}{
		{"3.11.7", nil, true},
		{"3.11.7", framework.Versions{{at(">=", false, 3, 11)}}, true},
		{"3.11.7", framework.Versions{{at("==", false, 3, 11)}}, false},
		{"3.11.7", framework.Versions{{at("==", true, 3, 11)}}, true},
		{"3.11", framework.Versions{{at("==", false, 3, 11, 0)}}, true},
		{"3.9.1", framework.Versions{{at(">=", false, 3, 11)}, {at("<", false, 3, 10)}}, true},
		{"3.10.1", framework.Versions{{at(">=", false, 3, 11)}, {at("<", false, 3, 10)}}, false},
		{"3.14.0rc1", framework.Versions{{at(">=", false, 3, 14)}}, true},
		{"3.13.0+", framework.Versions{{at("<=", true, 3, 12)}}, false},
		{"3.13.2", framework.Versions{{at(">", false, 3, 13), at("!=", false, 3, 13, 2)}}, false},
	} {
		if got := x.bounds.Allow(x.version); got != x.want {
			t.Errorf("%v allows %s: %v", x.bounds, x.version, got)
		}
	}
}
