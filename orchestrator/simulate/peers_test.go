package simulate_test

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/simulate"
)

// testdata/peers.json holds what the tools' own code gives, run by
// testdata/peers.py.
func TestThePeersAreWhatTheirOwnCodeIs(t *testing.T) {
	data, err := os.ReadFile("testdata/peers.json")
	if err != nil {
		t.Fatal(err)
	}
	var own map[string]map[string]map[string]float64 // suite, workers, policy: seconds
	if err := json.Unmarshal(data, &own); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for suite, byWorkers := range own {
		s := simulate.Known(suite, recorded(t, suite))
		for workers, byPolicy := range byWorkers {
			n, err := strconv.Atoi(workers)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range simulate.Peers {
				want, ok := byPolicy[p.Name]
				if !ok {
					continue
				}
				compared++
				got := p.Run(s, simulate.World{Workers: n}).Makespan.Seconds()
				if math.Abs(got-want) > 1e-3*want {
					t.Errorf("%s, %s workers, %s: %.3f s, its own code %.3f s", suite, workers, p.Name, got, want)
				}
			}
		}
	}
	if compared != 4*6*5 {
		t.Errorf("%d comparisons, want %d", compared, 4*6*5)
	}
}
