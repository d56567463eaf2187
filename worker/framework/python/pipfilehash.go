package python

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"

	"github.com/BurntSushi/toml"
)

// pipfileHash returns the hash of a Pipfile that a lock of it records: of JSON with
// sorted keys and without spaces (https://github.com/pypa/pipfile, "Pipfile.lock").
// It returns false for one with other sections, of which versions of Pipenv differ.
func pipfileHash(text string) (string, bool) {
	if strings.IndexFunc(text, func(r rune) bool { return r > 127 }) >= 0 {
		return "", false // Python's JSON has escapes there
	}
	var f map[string]any
	if _, err := toml.Decode(text, &f); err != nil {
		return "", false
	}
	table := func(name string) any {
		if f[name] == nil {
			return map[string]any{}
		}
		return f[name]
	}
	sources := f["source"]
	if sources == nil {
		return "", false
	}
	for name := range f {
		switch name {
		case "source", "packages", "dev-packages", "requires", "scripts", "pipenv":
		default:
			return "", false
		}
	}
	data := map[string]any{
		"_meta":   map[string]any{"sources": sources, "requires": table("requires")},
		"default": table("packages"), "develop": table("dev-packages"),
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(data); err != nil {
		return "", false
	}
	sum := sha256.Sum256(bytes.TrimRight(out.Bytes(), "\n"))
	return hex.EncodeToString(sum[:]), true
}

// lineOfTOML returns the line of a mistake.
func lineOfTOML(err error) int {
	var at toml.ParseError
	if errors.As(err, &at) {
		return at.Position.Line
	}
	return 1
}
