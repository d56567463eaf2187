package pytest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

func TestAdvise(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"docs/conf.py", "src/own/__init__.py", "tests/helper.py", "pkg/__init__.py", "pkg/_version.py", "env/pyvenv.cfg", "env/hidden.py", "empty/README"} {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	desk := framework.Desk{Dir: dir, Config: "shardyard.yaml"}
	for _, x := range []struct {
		kind worker.LackKind
		name string
		want string // is in the sentence; "" for no advice
	}{
		{worker.LackModule, "docs", "it is in the project's directory, which `python -m` and an editor put on the path: set `pythonpath = .`"},
		{worker.LackModule, "own", "it is in src, which"},
		{worker.LackModule, "helper", "shardyard run -- -o pythonpath=tests"},
		{worker.LackModule, "pkg._version", "write `source: {include: [pkg/_version.py]}` to shardyard.yaml"},
		{worker.LackModule, "pkg._speedups", ""},
		{worker.LackModule, "yaml", "no module yaml: add `uv pip install PyYAML` to setup in shardyard.yaml"},
		{worker.LackModule, "hidden", "add `uv pip install hidden`"},
		{worker.LackModule, "empty", "add `uv pip install empty`"},
		{worker.LackModule, "pkg_resources", "add `uv pip install 'setuptools<81'`"},
		{worker.LackModule, "google.protobuf", "add `uv pip install protobuf`"},
		{worker.LackModule, "two_words", "add `uv pip install two-words`"},
		{worker.LackModule, "imp", "Python 3.12 removed it"},
		{worker.LackFixture, "mocker", "no fixture mocker: pytest-mock has it: add `uv pip install pytest-mock`"},
		{worker.LackFixture, "own_fixture", ""},
		{worker.LackMarker, "asyncio", "pytest-asyncio has it"},
		{worker.LackOption, "--reruns", "no option --reruns: pytest-rerunfailures has it"},
		{worker.LackOption, "--unknown", ""},
		{worker.LackProgram, "git", ""}, // no framework's
	} {
		a := Description{}.Advise(worker.Lack{Kind: x.kind, Name: x.name}, desk)
		if got := a.What + ": " + a.Do; x.want == "" && a.Do != "" || !strings.Contains(got, x.want) {
			t.Errorf("%s %s: %q, want %q", x.kind, x.name, got, x.want)
		}
	}
}
