package orchestrator

import (
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/source"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework/python"
)

// Which edit of a project that is installed in place has it installed again.
func TestFootprint(t *testing.T) {
	project := map[string]string{
		"pyproject.toml": "[build-system]\nrequires = [\"hatchling\"]\n[project]\nname = \"shop\"\ndynamic = [\"version\"]\n[tool.hatch.version]\npath = \"src/shop/numbers.py\"\n",
		"README.md":      "shop", "src/shop/__init__.py": "", "src/shop/cart.py": "a", "src/shop/numbers.py": "1", "src/shop/_version.py": "1",
		"tests/test_cart.py": "a", "tests/data/cart.json": "a", "tests/data/ext.c": "a",
	}
	editable := []string{"uv sync --frozen --all-extras || { uv sync --frozen; }", "uv pip install --no-deps -e '.[test]'"}
	of := func(change map[string]string, commands ...string) footprint {
		t.Helper()
		dir := t.TempDir()
		files := maps.Clone(project)
		maps.Copy(files, change)
		for name, text := range files {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		src, err := source.Snapshot(t.Context(), dir, source.Options{Temp: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := src.Close(); err != nil {
				t.Error(err)
			}
		}()
		read, err := footprintOf(t.Context(), src, python.Toolchain("").Reads, commands)
		if err != nil {
			t.Fatal(err)
		}
		return read
	}
	before := of(nil, editable...)
	if before.id == "" {
		t.Fatal("an editable install may read anything")
	}
	for file, counts := range map[string]bool{
		"src/shop/cart.py": false, "tests/test_cart.py": false, "tests/data/cart.json": false, "tests/data/ext.c": false,
		"src/shop/numbers.py": true, "src/shop/__init__.py": true, "src/shop/_version.py": true, "README.md": true, "pyproject.toml": true,
		"tests/test_new.py": true, "src/shop/data.json": true,
	} {
		if after := of(map[string]string{file: project[file] + "\n# edited\n"}, editable...); (after.id != before.id) != counts {
			t.Errorf("after an edit of %s the project is installed again: %t", file, !counts)
		}
	}
	for what, read := range map[string]footprint{
		"a copy":               of(nil, "uv pip install ."),
		"a copy beside it":     of(nil, "uv pip install -e . ./other"),
		"one command of two":   of(nil, "uv sync && make generated"),
		"a command of its own": of(nil, append(editable, "make generated")...),
		"not in place":         of(nil, "uv sync --frozen --no-editable"),
		"a directory locked":   of(map[string]string{"uv.lock": `source = { directory = "libs/a" }`}, editable...),
		"a hook":               of(map[string]string{"pyproject.toml": "[tool.hatch.build.hooks.custom]"}, editable...),
	} {
		if read.id != "" {
			t.Errorf("%s: only part of the tree is said to be read", what)
		}
	}
	for what, compiles := range map[string]map[string]string{
		"C":       {"src/shop/fast.c": "a"},
		"Cython":  {"setup.py": "ext_modules=cythonize('src/shop/*.py'), cmdclass={}"},
		"maturin": {"pyproject.toml": "[build-system]\nrequires = [\"maturin\"]\n"},
	} {
		before := of(compiles, editable...)
		for file, counts := range map[string]bool{
			"tests/test_cart.py": false, "tests/data/cart.json": false, "conftest.py": true, // a new file
			"src/shop/cart.py": true, "tests/data/ext.c": true, "README.md": true,
		} {
			change := maps.Clone(compiles)
			change[file] = project[file] + "\n# edited\n"
			if after := of(change, editable...); before.id == "" || (after.id != before.id) != counts {
				t.Errorf("%s: after an edit of %s the project is installed again: %t", what, file, !counts)
			}
		}
	}
	for _, c := range []struct {
		wrote worker.Changed
		holds bool
	}{
		{worker.Changed{Files: []worker.ChangedFile{{Path: "src/shop.egg-info/PKG-INFO"}}}, true},
		{worker.Changed{Files: []worker.ChangedFile{{Path: "src/shop/cart.py"}}}, false},
		{worker.Changed{Files: []worker.ChangedFile{{Path: "src/shop/__pycache__/cart.cpython-311.pyc"}}}, false},
		{worker.Changed{Cut: true}, false},
		{worker.Changed{Error: "no"}, false},
	} {
		if before.holds(c.wrote) != c.holds {
			t.Errorf("a layer that wrote %v goes with other trees: %t", c.wrote, !c.holds)
		}
	}
}
