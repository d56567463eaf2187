package advice_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/orchestrator/advice"
	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// TestOn has a row for each cause that is known, and each kind of place.
func TestOn(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"data/big.bin": "x", ".github/workflows/ci.yml": "steps:\n- run: mkdir -p 'var/cache' && pytest\n", ".gitmodules": "[submodule \"x\"]\n\tpath = tests/data\n\turl = https://example.org\n", "Makefile": "test:\n\tmkdir out; pytest\nall:\n\tcython -3 pkg/_fast.pyx\n", "pkg/_fast.pyx": "",
	} {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	set := map[string]string{"TOKEN": "x", "REQUESTS_CA_BUNDLE": "/x.pem", "HTTPS_PROXY": "http://proxy", "EMPTY": ""}
	desk := framework.Desk{Dir: dir, Config: "shardyard.yaml", Variable: func(n string) (string, bool) { v, ok := set[n]; return v, ok }}
	processes, host, image := desk, desk, desk
	processes.Host = true
	host.Host, host.Isolated = true, true
	image.Isolated = true
	for _, x := range []struct {
		kind worker.LackKind
		name string
		desk framework.Desk
		want string // is in the sentence; "" for no advice
	}{
		{worker.LackFile, "pkg/_fast.c", host, "no file pkg/_fast.c: Makefile makes it: write `cython -3 pkg/_fast.pyx` to prepare in shardyard.yaml, before the project is installed"},
		{worker.LackFile, "pkg/_slow.c", host, ""},
		{worker.LackFile, "libpq-fe.h", host, "no file libpq-fe.h: tests run this machine's programs: sudo apt-get install libpq-dev"},
		{worker.LackProgram, "git", host, "no program git: tests run this machine's programs: sudo apt-get install git"},
		{worker.LackProgram, "/usr/bin/msgfmt", image, "apt-get install -y --no-install-recommends gettext` to the front of setup in shardyard.yaml"},
		{worker.LackProgram, "frobnicate", image, "install it by a command of setup"},
		{worker.LackProgram, "frobnicate", processes, "env: {set: {PATH: ...}}"},
		{worker.LackProgram, "/opt/frobnicate", image, ""},
		{worker.LackLibrary, "libGL.so.1", image, "apt-get install -y --no-install-recommends libgl1`"},
		{worker.LackLibrary, "libpango-1.0-0", host, "sudo apt-get install libpango-1.0-0"},
		{worker.LackLibrary, "libown.so.3", host, "install the one that has it"},
		{worker.LackVariable, "TOKEN", image, "write `env: {pass: [TOKEN]}` to shardyard.yaml"},
		{worker.LackVariable, "OTHER", image, "write `env: {set: {OTHER: ...}}` to shardyard.yaml"},
		{worker.LackVariable, "DISPLAY", image, "no display: "},
		{worker.LackFile, "data/big.bin", image, "write `source: {include: [data/big.bin]}` to shardyard.yaml"},
		{worker.LackFile, "out/result.txt", image, "Makefile makes it: add `mkdir -p out` to prepare in shardyard.yaml"},
		{worker.LackFile, "var/cache/", image, ".github/workflows/ci.yml makes it: add `mkdir -p var/cache` to prepare"},
		{worker.LackFile, "tests/data/list.txt", image, "tests/data is a submodule that is not checked out: git submodule update --init"},
		{worker.LackFile, "tests/database", image, ""},
		{worker.LackFile, "nobody/makes", image, ""},
		{worker.LackFile, "/etc/nothing", image, ""},
		{worker.LackService, "localhost:5432", processes, "no PostgreSQL at localhost:5432: start it first"},
		{worker.LackService, "localhost:6379", image, "write `network: host` to shardyard.yaml"},
		{worker.LackService, "db:5432", image, "write `network: NAME` to shardyard.yaml"},
		{worker.LackService, "/var/run/mysqld.sock", image, "containers do not see this machine's sockets"},
		{worker.LackHost, "redis", image, "write `network: NAME` to shardyard.yaml"},
		{worker.LackHost, "redis", processes, ""},
		{worker.LackHost, "example.org", image, "write `env: {pass: [HTTPS_PROXY]}` to shardyard.yaml"},
		{worker.LackAddress, "::1", image, "have no IPv6"},
		{worker.LackAddress, "::1", processes, ""},
		{worker.LackCertificate, "", host, "write `env: {pass: [REQUESTS_CA_BUNDLE]}` to shardyard.yaml"},
		{worker.LackCertificate, "", image, "and put the file into the image"},
		{worker.LackLocale, "de_DE.UTF-8", host, "sudo localedef -i de_DE -f UTF-8 de_DE.UTF-8"},
		{worker.LackLocale, "de_DE", image, "install -y locales && localedef -i de_DE -f UTF-8 de_DE.UTF-8` to setup"},
		{worker.LackZone, "Europe/Berlin", image, "tzdata"},
		{worker.LackSpace, "/dev/shm/x", image, "/dev/shm of a container holds 1 GiB"},
		{worker.LackPermission, "/etc/passwd", image, "write `user: root` to shardyard.yaml"},
		{worker.LackPermission, "/etc/passwd", processes, ""},
		{worker.LackRepository, "", image, "write `source: {git: true}` to shardyard.yaml"},
		{worker.LackRepository, "history", image, "no files of earlier commits in git: the .git in workers has the commits"},
		{worker.LackModule, "yaml", image, ""}, // the framework's
	} {
		a := advice.On(worker.Lack{Kind: x.kind, Name: x.name}, x.desk, nil)
		if got := a.What + ": " + a.Do; x.want == "" && a != (framework.Advice{}) || !strings.Contains(got, x.want) {
			t.Errorf("%s %q: %q, want %q", x.kind, x.name, got, x.want)
		}
	}
}

// first knows one thing.
type first struct{}

func (first) Advise(l worker.Lack, _ framework.Desk) framework.Advice {
	if l.Name != "git" {
		return framework.Advice{What: "x"} // and nothing to do about it
	}
	return framework.Advice{What: "no git", Do: "ask me"}
}

// TestFrameworkFirst: what the framework does not know is looked up.
func TestFrameworkFirst(t *testing.T) {
	d := framework.Desk{Config: "shardyard.yaml"}
	if a := advice.On(worker.Lack{Kind: worker.LackProgram, Name: "git"}, d, first{}); a.Do != "ask me" {
		t.Errorf("%+v", a)
	}
	if a := advice.On(worker.Lack{Kind: worker.LackProgram, Name: "make"}, d, first{}); !strings.Contains(a.Do, "apt-get") {
		t.Errorf("%+v", a)
	}
}
