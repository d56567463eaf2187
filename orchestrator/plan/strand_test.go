package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/plan"
)

func TestStrands(t *testing.T) {
	for order, want := range map[string]string{
		"a a b b":       "map[a:a b:b]",
		"a b a b c":     "map[a:a b:a c:c]",
		"a b b a c d c": "map[a:a b:a c:c d:c]",
		"a b c b d a e": "map[a:a b:a c:a d:a e:e]",
		"- a - a -":     "map[a:a]",
	} {
		var tests []plan.Test
		for i, file := range strings.Fields(order) {
			tests = append(tests, plan.Test{File: strings.Trim(file, "-"), Index: i})
		}
		if got := fmt.Sprint(plan.Strands(tests)); got != want {
			t.Errorf("%s: %s, want %s", order, got, want)
		}
	}
}
