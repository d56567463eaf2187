package cache

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// Settings are what builders need of this machine to reach what they install:
// certificates, proxies, and where packages come from. Values may hold
// credentials: they are sent to builders and nowhere else, and never logged.
// String tells the names only.
type Settings struct {
	// CA is a PEM bundle; nil for none. The engine puts it into builders.
	CA []byte
	// CAFile is where CA was read from.
	CAFile string
	// Dirs are directories of this machine that builders read at the same path:
	// local package indexes.
	Dirs []string
	// Set is for every command of a builder.
	Set map[string]string
	// Key is what of Set changes what is installed, without credentials: for
	// Environment.Settings.
	Key map[string]string
	// Why names the settings and where they came from, without values: "this
	// machine's HTTPS_PROXY".
	Why []string
}

// Options are the user's choices.
type Options struct {
	CA   string            // "host", "none", or a PEM file
	Set  map[string]string // builder.env.set
	Pass []string          // builder.env.pass
	// Sources knows where packages come from; nil for no toolchain that does.
	Sources framework.Sourcer
}

// proxies are passed to builders without being asked for: without them nothing
// installs behind one.
var proxies = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
}

// caVariables name a bundle.
var caVariables = []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NIX_SSL_CERT_FILE"}

// bundles are where systems keep theirs.
var bundles = []string{
	"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
}

// Collect puts the settings together. Errors name the file or variable and never
// a value.
func Collect(m framework.Machine, o Options) (Settings, error) {
	s := Settings{Set: map[string]string{}}
	given := map[string]string{}
	for _, name := range o.Pass {
		value, ok := m.Lookup(name)
		if !ok {
			return Settings{}, fmt.Errorf("builder.env.pass: %s is not set here: set it, or take it out", name)
		}
		given[name] = value
	}
	maps.Copy(given, o.Set)
	for _, name := range proxies {
		if value, ok := m.Lookup(name); ok && value != "" {
			s.Set[name] = value
			s.because("this machine's " + name)
		}
	}
	maps.Copy(s.Set, given)
	var named string
	if o.Sources != nil {
		from, err := o.Sources.Sources(m, given)
		if err != nil {
			return Settings{}, err
		}
		maps.Copy(s.Set, from.Set)
		s.Key, s.Dirs, named = from.Key, from.Dirs, from.CA
		s.Why = append(s.Why, from.Why...)
	}
	if err := s.ca(m, o.CA, named); err != nil {
		return Settings{}, err
	}
	return s, nil
}

func (s *Settings) because(why string) { s.Why = append(s.Why, why) }

// ca reads the bundle: the one that the toolchain's settings name comes first.
func (s *Settings) ca(m framework.Machine, choice, named string) error {
	switch choice {
	case "none":
		return nil
	case "", "host":
		if named != "" {
			return s.readCA(named, "the settings of package indexes")
		}
		for _, name := range caVariables {
			if file, ok := m.Lookup(name); ok && file != "" {
				return s.readCA(file, name)
			}
		}
		if runtime.GOOS != "linux" && m.Root == "" {
			return nil // bundles of other systems are not files
		}
		for _, file := range bundles {
			if _, err := os.Stat(filepath.Join(m.Root, file)); err == nil {
				return s.readCA(filepath.Join(m.Root, file), "the system")
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
	s.because("the CA bundle " + file + " (" + named + ")")
	return nil
}

// String names what is set, and tells no value.
func (s Settings) String() string {
	names := sortedKeys(s.Set)
	return fmt.Sprintf("%d settings (%s), CA %t, %d directories", len(names), strings.Join(names, ", "), s.CA != nil, len(s.Dirs))
}

// GoString is String: no value is told by any verb.
func (s Settings) GoString() string { return s.String() }
