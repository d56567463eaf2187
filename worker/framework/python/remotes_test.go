package python

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker/framework"
)

// TestRemotes: the hosts that dependencies are cloned from, each once, by the file
// that decides what is installed.
func TestRemotes(t *testing.T) {
	const project = "[project]\nname = 'a'\n"
	web := func(host, file string, line int) framework.Remote {
		return framework.Remote{Host: host, Port: "443", Web: true, File: file, Line: line}
	}
	for name, x := range map[string]struct {
		files map[string]string
		want  []framework.Remote
	}{
		"requirements": {map[string]string{
			"requirements.txt": "# git+https://no.example/x\na @ git+https://u:p@git.example/a.git@v1\n-r more.txt\n", "more.txt": "git+ssh://git@ssh.example:2222/b#egg=b\n-e git+https://git.example/c\n",
		}, []framework.Remote{web("git.example", "requirements.txt", 2), {Host: "ssh.example", Port: "2222", File: "more.txt", Line: 1}}},
		"pyproject": {map[string]string{"pyproject.toml": project + "dependencies = ['b @ git+https://git.example/b']\n"}, []framework.Remote{web("git.example", "pyproject.toml", 3)}},
		"uv": {map[string]string{"pyproject.toml": project, "uv.lock": "[[package]]\nsource = { git = \"https://git.example/b?rev=1#2\" }\n"},
			[]framework.Remote{web("git.example", "uv.lock", 2)}},
		"poetry": {map[string]string{"pyproject.toml": "[tool.poetry]\nname='a'\n", "poetry.lock": "[package.source]\ntype = \"git\"\nurl = \"git@git.example:a/b.git\"\n[package.source]\ntype = \"legacy\"\nurl = \"https://index.example\"\n"},
			[]framework.Remote{{Host: "git.example", Port: "22", File: "poetry.lock", Line: 3}}},
		"pdm":    {map[string]string{"pyproject.toml": project, "pdm.lock": "git = \"https://git.example/b\"\n"}, []framework.Remote{web("git.example", "pdm.lock", 1)}},
		"pipenv": {map[string]string{"Pipfile": "[packages]\n", "Pipfile.lock": "{\"default\": {\"b\": {\n\"git\": \"https://git.example/b\"}}}\n"}, []framework.Remote{web("git.example", "Pipfile.lock", 2)}},
		"none":   {map[string]string{"pyproject.toml": project + "dependencies = ['b>=1']\nurls = {x='https://github.example'}\n"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(x.want, detectFiles(t, x.files).Remotes); diff != "" {
				t.Errorf("remotes (-want +got):\n%s", diff)
			}
		})
	}
}
