package python

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// pipFiles are pip's configuration files, the ones that win last
// (https://pip.pypa.io/en/stable/topics/configuration/).
func (s *settings) pipFiles() []string {
	files := []string{filepath.Join(s.Root, "/etc/xdg/pip/pip.conf"), filepath.Join(s.Root, "/etc/pip.conf")}
	if s.Home != "" {
		files = append(files, filepath.Join(s.Home, ".pip", "pip.conf"))
	}
	if config := s.config(); config != "" {
		files = append(files, filepath.Join(config, "pip", "pip.conf"))
	}
	if file, ok := s.Lookup("PIP_CONFIG_FILE"); ok {
		if file == os.DevNull {
			return nil // pip reads none then
		}
		files = append(files, file)
	}
	return files
}

// pipOptions are the options of pip.conf that say where packages come from,
// and their variables.
var pipOptions = map[string]string{
	"index-url": "PIP_INDEX_URL", "extra-index-url": "PIP_EXTRA_INDEX_URL", "find-links": "PIP_FIND_LINKS", "no-index": "PIP_NO_INDEX",
	"trusted-host": "PIP_TRUSTED_HOST", "timeout": "PIP_DEFAULT_TIMEOUT", "proxy": "PIP_PROXY", "retries": "PIP_RETRIES",
}

// pipFile reads the options of one file. Values may be secrets: messages have only
// names.
func (s *settings) pipFile(file string) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("pip's configuration: %w", err)
	}
	section, key := "", ""
	took := map[string]bool{}
	for _, line := range strings.Split(string(text), "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
			continue
		case trimmed[0] == '[':
			section, key = strings.Trim(trimmed, "[]"), ""
			continue
		case section != "global" && section != "install":
			continue
		case (line[0] == ' ' || line[0] == '\t') && key != "":
			s.Set[key] = strings.TrimSpace(s.Set[key] + " " + trimmed)
			continue
		}
		name, value, _ := strings.Cut(trimmed, "=")
		name, value = strings.ReplaceAll(strings.TrimSpace(name), "_", "-"), strings.TrimSpace(value)
		key = pipOptions[name]
		switch {
		case name == "cert":
			s.CA = value
			took["cert"] = true
		case key != "":
			s.Set[key] = value
			took[name] = true
		}
	}
	if len(took) > 0 {
		s.because(strings.Join(sortedNames(took), ", ") + " of " + file)
	}
	return nil
}
