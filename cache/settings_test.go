package cache

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker/framework"
	"github.com/shardyard/shardyard/worker/framework/pytest"
)

const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

// machine is a host whose files are below a directory.
type machine struct {
	*testing.T
	root string
	vars map[string]string
}

func newMachine(t *testing.T, files map[string]string) machine {
	t.Helper()
	m := machine{t, t.TempDir(), map[string]string{}}
	for name, content := range files {
		m.write(name, content)
	}
	return m
}

func (m machine) path(name string) string { return filepath.Join(m.root, name) }

func (m machine) write(name, content string) {
	m.Helper()
	if err := os.MkdirAll(filepath.Dir(m.path(name)), 0o755); err != nil {
		m.Fatal(err)
	}
	if err := os.WriteFile(m.path(name), []byte(content), 0o644); err != nil {
		m.Fatal(err)
	}
}

func (m machine) collect(o Options) (Settings, error) {
	var environ []string
	for name, value := range m.vars {
		environ = append(environ, name+"="+value)
	}
	slices.Sort(environ)
	o.Sources = pytest.Description{}
	return Collect(framework.Machine{Environ: environ, Root: m.root, Home: m.path("home")}, o)
}

func TestCollect(t *testing.T) {
	for name, test := range map[string]struct {
		files   map[string]string
		vars    map[string]string // ROOT stands for the machine's directory
		options Options
		set     map[string]string
		ca      string
		dirs    []string
	}{
		"nothing": {},
		"proxies and indexes are passed by themselves": {
			vars: map[string]string{"HTTPS_PROXY": "http://p", "no_proxy": "x", "PIP_INDEX_URL": "https://i/simple", "UV_INDEX_MINE_PASSWORD": "s", "SECRET": "s", "PIP_TRUSTED_HOST": ""},
			set: map[string]string{"HTTPS_PROXY": "http://p", "no_proxy": "x", "PIP_INDEX_URL": "https://i/simple", "UV_DEFAULT_INDEX": "https://i/simple",
				"UV_INDEX_MINE_PASSWORD": "s"},
		},
		"what uv was told wins over what pip was told": {
			vars: map[string]string{"PIP_INDEX_URL": "https://pip", "UV_INDEX_URL": "https://uv", "PIP_EXTRA_INDEX_URL": "https://e", "UV_INDEX": "https://u"},
			set:  map[string]string{"PIP_INDEX_URL": "https://pip", "UV_INDEX_URL": "https://uv", "PIP_EXTRA_INDEX_URL": "https://e", "UV_INDEX": "https://u"},
		},
		"links to directories are mounted": {
			files: map[string]string{"wheels/x": "", "more/x": ""},
			vars:  map[string]string{"PIP_FIND_LINKS": "ROOT/wheels file://ROOT/more https://x/y ROOT/missing", "PIP_NO_INDEX": "true"},
			set: map[string]string{"PIP_FIND_LINKS": "ROOT/wheels file://ROOT/more https://x/y ROOT/missing", "PIP_NO_INDEX": "true", "UV_NO_INDEX": "1",
				"UV_FIND_LINKS": "ROOT/wheels,file://ROOT/more,https://x/y,ROOT/missing"},
			dirs: []string{"ROOT/more", "ROOT/wheels"},
		},
		"pip.conf, the user's over the system's, the environment over both": {
			files: map[string]string{
				"etc/pip.conf":              "[global]\nindex-url = https://system\ntrusted_host = a\n   b\ntimeout = 7\n[freeze]\nindex-url = no\n",
				"home/.config/pip/pip.conf": "# mine\n[install]\nindex-url = https://user\n",
			},
			vars: map[string]string{"PIP_DEFAULT_TIMEOUT": "9"},
			set: map[string]string{"PIP_INDEX_URL": "https://user", "UV_DEFAULT_INDEX": "https://user", "PIP_TRUSTED_HOST": "a b", "UV_INSECURE_HOST": "a b",
				"PIP_DEFAULT_TIMEOUT": "9", "UV_HTTP_TIMEOUT": "9"},
		},
		"no pip.conf when pip reads none": {
			files: map[string]string{"etc/pip.conf": "[global]\nindex-url = https://system\n"},
			vars:  map[string]string{"PIP_CONFIG_FILE": os.DevNull},
		},
		"uv.toml": {
			files: map[string]string{
				"etc/uv/uv.toml": "index-url = 'https://system'\nindex-strategy = 'unsafe-best-match'\n",
				"home/.config/uv/uv.toml": "no-index = true\nfind-links = ['https://a', 'https://b']\nallow-insecure-host = ['h']\n" +
					"[[index]]\nname = 'mine'\nurl = 'https://mine'\n[[index]]\nurl = 'https://first'\ndefault = true\n[pip]\nextra-index-url = ['https://e']\n",
			},
			vars: map[string]string{"PIP_INDEX_URL": "https://pip"},
			set: map[string]string{"UV_DEFAULT_INDEX": "https://first", "UV_INDEX": "mine=https://mine", "UV_INDEX_STRATEGY": "unsafe-best-match", "UV_NO_INDEX": "1",
				"UV_FIND_LINKS": "https://a,https://b", "UV_INSECURE_HOST": "h", "UV_EXTRA_INDEX_URL": "https://e", "PIP_INDEX_URL": "https://pip"},
		},
		"no uv.toml when uv reads none": {
			files: map[string]string{"etc/uv/uv.toml": "index-url = 'https://system'\n"},
			vars:  map[string]string{"UV_NO_CONFIG": "1"},
		},
		"the config's own": {
			vars:    map[string]string{"TOKEN": "t", "PIP_INDEX_URL": "https://host"},
			options: Options{Set: map[string]string{"PIP_INDEX_URL": "https://config", "A": "b"}, Pass: []string{"TOKEN"}},
			set:     map[string]string{"TOKEN": "t", "A": "b", "PIP_INDEX_URL": "https://config", "UV_DEFAULT_INDEX": "https://config"},
		},
		"the system's certificates":      {files: map[string]string{"etc/ssl/certs/ca-certificates.crt": pem}, ca: "etc/ssl/certs/ca-certificates.crt"},
		"other systems' certificates":    {files: map[string]string{"etc/pki/tls/certs/ca-bundle.crt": pem}, ca: "etc/pki/tls/certs/ca-bundle.crt"},
		"certificates by variable":       {files: map[string]string{"my.pem": pem, "etc/ssl/cert.pem": pem}, vars: map[string]string{"SSL_CERT_FILE": "ROOT/my.pem"}, ca: "my.pem"},
		"certificates by pip.conf":       {files: map[string]string{"my.pem": pem, "etc/pip.conf": "[global]\ncert = ROOT/my.pem\n"}, ca: "my.pem"},
		"certificates by config":         {files: map[string]string{"my.pem": pem, "etc/ssl/cert.pem": pem}, options: Options{CA: "ROOT/my.pem"}, ca: "my.pem"},
		"no certificates, by the choice": {files: map[string]string{"etc/ssl/cert.pem": pem}, options: Options{CA: "none"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, nil)
			here := func(s string) string { return strings.ReplaceAll(s, "ROOT", m.root) }
			for name, content := range test.files {
				m.write(name, here(content))
			}
			for name, value := range test.vars {
				m.vars[name] = here(value)
			}
			test.options.CA = here(test.options.CA)
			s, err := m.collect(test.options)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{}
			for name, value := range test.set {
				want[name] = here(value)
			}
			if diff := cmp.Diff(want, s.Set); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
			for i := range test.dirs {
				test.dirs[i] = here(test.dirs[i])
			}
			if diff := cmp.Diff(test.dirs, s.Dirs); diff != "" {
				t.Errorf("directories (-want +got):\n%s", diff)
			}
			if got := strings.TrimPrefix(s.CAFile, m.root+"/"); got != test.ca || (s.CA != nil) != (test.ca != "") {
				t.Errorf("CA from %q, want %q", got, test.ca)
			}
		})
	}
}

func TestCollectSaysWhatIsWrong(t *testing.T) {
	for name, test := range map[string]struct {
		files   map[string]string
		vars    map[string]string
		options Options
		want    string
	}{
		"a variable that is not set": {options: Options{Pass: []string{"TOKEN"}}, want: "builder.env.pass: TOKEN is not set here"},
		"no such bundle":             {options: Options{CA: "/no/such.pem"}, want: "CA bundle that builder.ca names: open /no/such.pem"},
		"a bundle by variable":       {vars: map[string]string{"PIP_CERT": "/no/such.pem"}, want: "CA bundle that the settings of package indexes names"},
		"uv.toml, broken":            {files: map[string]string{"etc/uv/uv.toml": "a = 1\nb ="}, want: "/etc/uv/uv.toml:2: not TOML"},
		"uv.toml, another type":      {files: map[string]string{"etc/uv/uv.toml": "index-url = 1"}, want: "another type than uv's"},
		"no bundle":                  {files: map[string]string{"etc/ssl/cert.pem": "text"}, want: "holds no PEM certificate"},
	} {
		m := newMachine(t, test.files)
		for name, value := range test.vars {
			m.vars[name] = value
		}
		if _, err := m.collect(test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func TestNoValueIsTold(t *testing.T) {
	m := newMachine(t, map[string]string{"etc/pip.conf": "[global]\nextra-index-url = https://u:hunter2@i\n"})
	m.vars["PIP_INDEX_URL"] = "https://u:hunter2@i"
	m.vars["UV_INDEX_X_PASSWORD"] = "hunter2"
	s, err := m.collect(Options{Set: map[string]string{"TOKEN": "hunter2"}})
	if err != nil {
		t.Fatal(err)
	}
	told := fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s.Why)
	if strings.Contains(told, "hunter2") {
		t.Errorf("a secret is told: %s", told)
	}
	for _, name := range []string{"PIP_INDEX_URL", "UV_INDEX_X_PASSWORD", "extra-index-url"} {
		if !slices.ContainsFunc(s.Why, func(why string) bool { return strings.Contains(why, name) }) {
			t.Errorf("nobody is told about %s: %q", name, s.Why)
		}
	}
}
