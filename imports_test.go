package shardyard_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/shardyard/shardyard"

// TestImports holds the import rules of docs/architecture.md: imports point
// one way.
func TestImports(t *testing.T) {
	allowed := func(from, to string) bool {
		switch {
		case strings.HasPrefix(from, "internal/"):
			return false // know nothing of ours
		case to == "internal/shell": // text for a shell
			return from == "cmd/shardyard" || strings.HasPrefix(from, "worker/framework/") || strings.HasPrefix(from, "orchestrator/report/")
		case from == "orchestrator/engine/enginetest" && to == "internal/needs":
			return true
		case from == "cmd/shardyard", strings.HasPrefix(from, "testsuites"):
			return true // wires everything
		case from == "worker", from == "orchestrator/source":
			return false // know nothing of ours
		case from == "worker/framework", from == "orchestrator/history", from == "orchestrator/report":
			return to == "worker"
		case strings.HasPrefix(from, "worker/framework/"):
			return to == "worker" || strings.HasPrefix(to, "worker/framework")
		case from == "configs", from == "cache":
			return to == "worker/framework"
		case strings.HasPrefix(from, "orchestrator/report/"), from == "orchestrator/runs", from == "orchestrator/shards":
			return to == "worker" || strings.HasPrefix(to, "orchestrator/report") || to == "orchestrator/runs"
		case from == "orchestrator/advice":
			return to == "worker" || to == "worker/framework"
		case from == "orchestrator/doctor":
			return to == "orchestrator/engine" || to == "worker/framework"
		case from == "orchestrator/artifacts":
			return to == "worker"
		case from == "orchestrator":
			return to == "worker" || to == "worker/framework" || to == "cache" ||
				strings.HasPrefix(to, "orchestrator/") && !strings.HasPrefix(to, "orchestrator/engine/")
		case from == "orchestrator/census":
			return to == "worker" || to == "orchestrator/plan" || to == "orchestrator/dispatch" || to == "orchestrator/report"
		case from == "orchestrator/plan", from == "orchestrator/dispatch", from == "orchestrator/simulate":
			return to == "worker" || to == "orchestrator/plan" || to == "orchestrator/dispatch"
		case strings.HasPrefix(from, "orchestrator/engine"):
			return to == "worker" || to == "worker/framework" || to == "cache" || to == "orchestrator/engine" ||
				to == "orchestrator/doctor" && from != "orchestrator/engine" // engines bring checks of their own
		default: // a new package gets a rule of its own
			return false
		}
	}
	for _, p := range packages(t) {
		from := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		for _, imp := range p.Imports {
			if to, ours := strings.CutPrefix(imp, module+"/"); ours && !allowed(from, to) {
				t.Errorf("%s imports %s", from, to)
			}
			if strings.HasPrefix(imp, "github.com/docker/") && from != "orchestrator/engine/docker" {
				t.Errorf("%s imports %s: only orchestrator/engine/docker may know the SDK", from, imp)
			}
		}
	}
}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list found only %d packages", len(all))
	}
	return all
}
