package cache

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strings"
)

// Settings are what builders need of this machine to reach package indexes:
// certificates, proxies, indexes. Values may hold credentials: they are sent to
// builders and nowhere else, and never logged. String tells the names only.
type Settings struct {
	// CA is a PEM bundle; nil for none. The engine puts it into builders.
	CA []byte
	// CAFile is where CA was read from.
	CAFile string
	// Dirs are directories of this machine that builders read at the same path:
	// local package indexes.
	Dirs []string
	// Set is for every command of a builder, where it does not depend on where
	// things are inside.
	Set map[string]string
	// Why says where the settings came from, by name and without values.
	Why []string
}

// Options are the user's choices.
type Options struct {
	CA   string            // "host", "none", or a PEM file
	Set  map[string]string // builder.env.set
	Pass []string          // builder.env.pass
}

// Host is this machine, as far as it matters here.
type Host struct {
	Lookup func(string) (string, bool) // os.LookupEnv
	Root   string                      // "" for /: where system files are looked for
	Home   string
}

// ThisHost is the machine that the program runs on.
func ThisHost() Host {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "" // no files of the user's then
	}
	return Host{Lookup: os.LookupEnv, Home: home}
}

// passed are the variables that say where packages come from. They are passed
// to builders without being asked for: without them nothing installs behind a
// proxy or with an index of one's own.
var passed = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
	"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES", "PIP_PROXY",
	"UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX", "UV_INSECURE_HOST", "UV_INDEX_STRATEGY",
	"UV_HTTP_TIMEOUT", "UV_KEYRING_PROVIDER",
}

// passedPrefixes are families of such variables: credentials by index.
var passedPrefixes = []string{"UV_INDEX_", "POETRY_HTTP_BASIC_", "POETRY_REPOSITORIES_", "POETRY_PYPI_TOKEN_"}

// caVariables name a bundle, the most particular first.
var caVariables = []string{"PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NIX_SSL_CERT_FILE"}

// bundles are where systems keep theirs.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
}

// Collect puts the settings together. environ is os.Environ. Errors name the
// file or variable and never a value.
func Collect(h Host, environ []string, o Options) (Settings, error) {
	s := Settings{Set: map[string]string{}}
	for _, f := range h.pipFiles() {
		if err := s.pipFile(f); err != nil {
			return Settings{}, err
		}
	}
	for _, f := range h.uvFiles() {
		if err := s.uvFile(f); err != nil {
			return Settings{}, err
		}
	}
	s.pass(environ)
	for _, name := range o.Pass {
		value, ok := h.Lookup(name)
		if !ok {
			return Settings{}, fmt.Errorf("builder.env.pass: %s is not set here: set it, or take it out", name)
		}
		s.Set[name] = value
	}
	for name, value := range o.Set {
		s.Set[name] = value
	}
	if err := s.ca(h, o.CA); err != nil {
		return Settings{}, err
	}
	s.translate()
	s.findLinks()
	return s, nil
}

func (s *Settings) pass(environ []string) {
	known := map[string]bool{}
	for _, name := range passed {
		known[name] = true
	}
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		match := known[name]
		for _, prefix := range passedPrefixes {
			match = match || strings.HasPrefix(name, prefix)
		}
		if match && value != "" {
			s.Set[name] = value
			s.because("builders get this machine's " + name)
		}
	}
}

func (s *Settings) because(why string) { s.Why = append(s.Why, why) }

// ca reads the bundle.
func (s *Settings) ca(h Host, choice string) error {
	switch choice {
	case "none":
		return nil
	case "", "host":
		for _, name := range caVariables {
			if file, ok := h.Lookup(name); ok && file != "" {
				return s.readCA(file, name)
			}
		}
		if file := s.CAFile; file != "" { // pip's configuration named it
			return s.readCA(file, "pip's configuration")
		}
		if runtime.GOOS != "linux" && h.Root == "" {
			return nil // bundles of other systems are not files
		}
		for _, file := range bundles {
			if _, err := os.Stat(filepath.Join(h.Root, file)); err == nil {
				return s.readCA(filepath.Join(h.Root, file), "the system")
			}
		}
		return nil
	}
	return s.readCA(choice, "builder.ca")
}

func (s *Settings) readCA(file, named string) error {
	pem, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("CA bundle that %s names: %w", named, err)
	}
	if !strings.Contains(string(pem), "-----BEGIN CERTIFICATE-----") {
		return fmt.Errorf("CA bundle %s, which %s names, holds no PEM certificate", file, named)
	}
	s.CA, s.CAFile = pem, file
	s.because("builders get the CA bundle " + file + " (" + named + ")")
	return nil
}

// translate says to uv what was said to pip only: uv does not read pip's
// variables.
func (s *Settings) translate() {
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
func (s *Settings) findLinks() {
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

// userinfo is what may be secret in the URLs of a value: user and password.
var userinfo = regexp.MustCompile(`://[^/@\s,]*@`)

// Key is what of the settings changes which packages are installed, without
// credentials: for Environment.Settings.
func (s Settings) Key() map[string]string {
	key := map[string]string{}
	for name, value := range s.Set {
		if chooses[name] {
			key[name] = userinfo.ReplaceAllString(value, "://")
		}
	}
	return key
}

// String names what is set, and tells no value.
func (s Settings) String() string {
	names := sortedKeys(s.Set)
	return fmt.Sprintf("%d settings (%s), CA %t, %d directories", len(names), strings.Join(names, ", "), s.CA != nil, len(s.Dirs))
}

// GoString is String: no value is told by any verb.
func (s Settings) GoString() string { return s.String() }
