package configs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v4"

	"github.com/shardyard/shardyard/worker/framework"
)

// Find looks for shardyard.yaml in dir and upwards, as far as the root of the
// git repository, or of the file system's tree where there is none. ok is false
// when there is none.
func Find(dir string) (path string, ok bool, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", false, fmt.Errorf("find %s: %w", FileName, err)
	}
	for {
		path = filepath.Join(dir, FileName)
		info, err := os.Stat(path)
		switch {
		case err == nil && info.IsDir():
			return "", false, fmt.Errorf("%s is a directory: it must be a file", path)
		case err == nil:
			return path, true, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", false, fmt.Errorf("find %s: %w", FileName, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "shardyard.yml")); err == nil {
			return "", false, fmt.Errorf("%s: the file must be called %s: rename it", filepath.Join(dir, "shardyard.yml"), FileName)
		}
		parent := filepath.Dir(dir)
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil || parent == dir {
			return "", false, nil
		}
		dir = parent
	}
}

// maxFile is more than any configuration needs, and little enough to parse.
const maxFile = 1 << 20

// Load reads a file over the defaults. Mistakes in the file are Errors, all of them.
// A suite must name one of the given frameworks, and may have that one's keys.
func Load(path string, frameworks []framework.Description) (*Config, error) {
	data, err := content(path)
	if err != nil {
		return nil, err
	}
	c, err := Parse(path, data, frameworks)
	if err != nil {
		return nil, err
	}
	c.File = path
	return c, nil
}

// content reads a file that may be a configuration.
func content(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read config %s: %w", path, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("read config %s: larger than 1 MiB", path)
	}
	return data, nil
}

// Parse is Load for a file's content. name is how errors call the file.
func Parse(name string, data []byte, frameworks []framework.Description) (*Config, error) {
	r := &reader{file: name, frameworks: frameworks}
	c := Default(frameworks)
	r.document(data, func(root *yaml.Node) { r.config(c, root) })
	if len(r.errs) > 0 {
		r.errs.sort()
		return nil, r.errs
	}
	c.origins, c.places = r.origins, r.places
	return c, nil
}

// document parses the file's one document, and hands its root to read.
func (r *reader) document(data []byte, read func(root *yaml.Node)) {
	r.origins, r.places = map[string]Origin{}, map[string]string{}
	var documents []yaml.Node
	if err := yaml.Load(data, &documents, yaml.WithAllDocuments(), yaml.WithUniqueKeys(false)); err != nil {
		r.syntax(err)
		return
	}
	switch {
	case len(documents) == 0:
		return
	case len(documents) > 1:
		r.fail(&documents[1], "a second document: write one, without ---")
		return
	}
	root := &documents[0]
	if root.Kind == yaml.DocumentNode {
		if len(root.Content) == 0 {
			return
		}
		root = root.Content[0]
	}
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return
	}
	read(root)
}

// syntax turns the parser's errors into ours.
func (r *reader) syntax(err error) {
	var many *yaml.LoadErrors
	if errors.As(err, &many) {
		for _, e := range many.Errors {
			r.syntax(e)
		}
		return
	}
	var one *yaml.LoadError
	if errors.As(err, &one) {
		r.errs = append(r.errs, &Error{File: r.file, Line: max(one.Mark.Line, 1), Column: max(one.Mark.Column, 1), Text: "not YAML: " + one.Message})
		return
	}
	r.errs = append(r.errs, &Error{File: r.file, Line: 1, Column: 1, Text: "not YAML: " + err.Error()})
}
