package python

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
)

// uvFiles are uv's configuration files, the ones that win last
// (https://docs.astral.sh/uv/concepts/configuration-files/).
func (s *settings) uvFiles() []string {
	if no, ok := s.Lookup("UV_NO_CONFIG"); ok && truth(no) {
		return nil
	}
	if file, ok := s.Lookup("UV_CONFIG_FILE"); ok && file != "" {
		return []string{file}
	}
	files := []string{filepath.Join(s.Root, "/etc/uv/uv.toml")}
	if config := s.config(); config != "" {
		files = append(files, filepath.Join(config, "uv", "uv.toml"))
	}
	return files
}

// config returns the user's directory for configuration; "" for none.
func (s *settings) config() string {
	if dir, ok := s.Lookup("XDG_CONFIG_HOME"); ok && dir != "" {
		return dir
	}
	if s.Home == "" {
		return ""
	}
	return filepath.Join(s.Home, ".config")
}

// uvConfig is what a uv.toml says about where packages come from.
type uvConfig struct {
	Index []struct {
		Name    string `toml:"name"`
		URL     string `toml:"url"`
		Default bool   `toml:"default"`
	} `toml:"index"`
	IndexURL      string   `toml:"index-url"`
	ExtraIndexURL []string `toml:"extra-index-url"`
	FindLinks     []string `toml:"find-links"`
	NoIndex       bool     `toml:"no-index"`
	IndexStrategy string   `toml:"index-strategy"`
	InsecureHost  []string `toml:"allow-insecure-host"`
	Pip           *uvPip   `toml:"pip"`
}

// uvPip is the table that only "uv pip" reads.
type uvPip struct {
	IndexURL      string   `toml:"index-url"`
	ExtraIndexURL []string `toml:"extra-index-url"`
	FindLinks     []string `toml:"find-links"`
	NoIndex       bool     `toml:"no-index"`
	IndexStrategy string   `toml:"index-strategy"`
}

// uvFile takes the options of one file. Errors do not quote it: its values may
// be secrets.
func (s *settings) uvFile(file string) error {
	var c uvConfig
	if _, err := toml.DecodeFile(file, &c); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if at := (toml.ParseError{}); errors.As(err, &at) {
		return fmt.Errorf("uv's configuration: %s:%d: not TOML", file, at.Position.Line)
	} else if err != nil {
		return fmt.Errorf("uv's configuration: %s cannot be read, or one of its values has another type than uv's", file)
	}
	took := map[string]bool{}
	take := func(option, variable, value string) {
		if value != "" {
			s.Set[variable] = value
			took[option] = true
		}
	}
	var named []string
	for _, index := range c.Index {
		switch {
		case index.Default:
			take("index", "UV_DEFAULT_INDEX", index.URL)
		case index.Name != "":
			named = append(named, index.Name+"="+index.URL)
		default:
			named = append(named, index.URL)
		}
	}
	take("index", "UV_INDEX", strings.Join(named, " "))
	take("allow-insecure-host", "UV_INSECURE_HOST", strings.Join(c.InsecureHost, " "))
	tables := []uvPip{{c.IndexURL, c.ExtraIndexURL, c.FindLinks, c.NoIndex, c.IndexStrategy}}
	if c.Pip != nil {
		tables = append(tables, *c.Pip)
	}
	for _, t := range tables {
		take("index-url", "UV_DEFAULT_INDEX", t.IndexURL)
		take("extra-index-url", "UV_EXTRA_INDEX_URL", strings.Join(t.ExtraIndexURL, " "))
		take("find-links", "UV_FIND_LINKS", strings.Join(t.FindLinks, ","))
		take("index-strategy", "UV_INDEX_STRATEGY", t.IndexStrategy)
		if t.NoIndex {
			take("no-index", "UV_NO_INDEX", "1")
		}
	}
	if len(took) > 0 {
		s.because(strings.Join(sortedNames(took), ", ") + " of " + file)
	}
	return nil
}
