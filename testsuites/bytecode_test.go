package testsuites

import (
	"path/filepath"
	"strings"
	"testing"
)

// brought says which bytecode was there before the worker could have made any.
const brought = `
import glob, os, shop

def test_it():
    there = sorted(os.path.basename(f).split(".")[0] for f in glob.glob("__pycache__/*.pyc") if os.stat(f).st_mtime == 946684802)
    assert False, "price %d, brought: %s." % (shop.PRICE, " ".join(there))
`

// What workers of earlier runs compiled is there in those of later ones, but
// not for a source that has changed: also when its size has not.
func TestBytecodeIsKeptBetweenRuns(t *testing.T) {
	bin := build(t)
	dir := project(t, brought)
	for i, c := range []struct{ shop, want string }{
		{"PRICE = 1\n", "price 1, brought: ."},
		{"PRICE = 1\n", "price 1, brought: shop test_it."},
		{"PRICE = 2\n", "price 2, brought: test_it."},
		{"PRICE = 2\n", "price 2, brought: shop test_it."},
	} {
		write(t, filepath.Join(dir, "shop.py"), c.shop)
		r := finish(t, start(t, bin, dir, "--bytecode", "--engine", "docker", "-w", "1"), 1)
		if _, _, message, _ := r.test(t, "test_it"); !strings.Contains(message, c.want) {
			t.Errorf("run %d: %q, want %q", i+1, message, c.want)
		}
	}
}
