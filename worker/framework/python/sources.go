package python

import (
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// settings are the package indexes and options of pip, uv and Poetry.
type settings struct {
	framework.Machine
	framework.Sources
}

// Sources reads this machine's settings of package indexes: pip's and uv's files,
// then the environment, then the given variables. The later ones win.
func Sources(m framework.Machine, given map[string]string) (framework.Sources, error) {
	s := settings{Machine: m, Sources: framework.Sources{Set: map[string]string{}}}
	for _, f := range s.pipFiles() {
		if err := s.pipFile(f); err != nil {
			return framework.Sources{}, err
		}
	}
	for _, f := range s.uvFiles() {
		if err := s.uvFile(f); err != nil {
			return framework.Sources{}, err
		}
	}
	s.pass()
	if file, ok := m.Lookup("PIP_CERT"); ok && file != "" {
		s.CA = file
	}
	for name, value := range given {
		s.Set[name] = value
	}
	s.translate()
	s.findLinks()
	s.Key = key(s.Set)
	return s.Sources, nil
}

// passed are the variables that choose a package index. Builders get them although
// no config names them: otherwise nothing could be installed from an index of
// one's own.
var passed = []string{
	"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES", "PIP_PROXY",
	"UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX", "UV_INSECURE_HOST", "UV_INDEX_STRATEGY",
	"UV_HTTP_TIMEOUT", "UV_KEYRING_PROVIDER",
}

// passedPrefixes are families of such variables: credentials by index.
var passedPrefixes = []string{"UV_INDEX_", "POETRY_HTTP_BASIC_", "POETRY_REPOSITORIES_", "POETRY_PYPI_TOKEN_"}

func (s *settings) pass() {
	known := map[string]bool{}
	for _, name := range passed {
		known[name] = true
	}
	for _, kv := range s.Environ {
		name, value, _ := strings.Cut(kv, "=")
		match := known[name]
		for _, prefix := range passedPrefixes {
			match = match || strings.HasPrefix(name, prefix)
		}
		if match && value != "" {
			s.Set[name] = value
			s.because("this machine's " + name)
		}
	}
}

func (s *settings) because(why string) { s.Why = append(s.Why, why) }

// translate sets uv's variables to the values that only pip's have: uv does not
// read pip's.
func (s *settings) translate() {
	for _, pair := range []struct{ pip, uv, older string }{
		{"PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"},
		{"PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL"},
		{"PIP_FIND_LINKS", "UV_FIND_LINKS", ""},
		{"PIP_TRUSTED_HOST", "UV_INSECURE_HOST", ""},
		{"PIP_DEFAULT_TIMEOUT", "UV_HTTP_TIMEOUT", ""},
	} {
		value, said := s.Set[pair.pip]
		_, already := s.Set[pair.uv]
		_, older := s.Set[pair.older]
		if !said || already || older {
			continue
		}
		if pair.uv == "UV_FIND_LINKS" {
			value = strings.Join(strings.Fields(value), ",") // pip parts with spaces, uv with commas
		}
		s.Set[pair.uv] = value
	}
	if no := s.Set["PIP_NO_INDEX"]; truth(no) && s.Set["UV_NO_INDEX"] == "" {
		s.Set["UV_NO_INDEX"] = "1"
	}
}

func truth(v string) bool {
	switch strings.ToLower(v) {
	case "1", "true", "yes", "on", "y", "t":
		return true
	}
	return false
}

// findLinks are directories among the places to look for packages.
func (s *settings) findLinks() {
	seen := map[string]bool{}
	for _, name := range []string{"PIP_FIND_LINKS", "UV_FIND_LINKS"} {
		for _, place := range strings.FieldsFunc(s.Set[name], func(r rune) bool { return r == ' ' || r == ',' || r == '\n' }) {
			place = strings.TrimPrefix(place, "file://")
			if info, err := os.Stat(place); err == nil && info.IsDir() && filepath.IsAbs(place) && !seen[place] {
				seen[place] = true
				s.Dirs = append(s.Dirs, filepath.Clean(place))
			}
		}
	}
	sort.Strings(s.Dirs)
}

// chooses are the variables that change which packages are installed.
var chooses = map[string]bool{
	"PIP_INDEX_URL": true, "PIP_EXTRA_INDEX_URL": true, "PIP_FIND_LINKS": true, "PIP_NO_INDEX": true,
	"UV_INDEX": true, "UV_DEFAULT_INDEX": true, "UV_INDEX_URL": true, "UV_EXTRA_INDEX_URL": true, "UV_FIND_LINKS": true, "UV_NO_INDEX": true,
	"UV_INDEX_STRATEGY": true,
}

// userinfo matches the user and the password in URLs, which may be secret.
var userinfo = regexp.MustCompile(`://[^/@\s,]*@`)

// key returns the settings that change which packages are installed, without
// credentials.
func key(set map[string]string) map[string]string {
	key := map[string]string{}
	for name, value := range set {
		if chooses[name] {
			key[name] = userinfo.ReplaceAllString(value, "://")
		}
	}
	return key
}
