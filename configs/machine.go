package configs

import (
	"errors"
	"io/fs"

	"go.yaml.in/yaml/v4"
)

// MachineFile is the name of a user's own file, in their directory of
// configuration files.
const MachineFile = "machine.yaml"

// A Machine is what a user's own file says, for all projects of this machine. No
// project can change it.
type Machine struct {
	// Cache bounds what all projects keep together.
	Cache Held `yaml:"cache"`
	// Trust says which branches are trusted where a CI system runs them.
	Trust Trust `yaml:"trust"`

	// File is the path that it was read from; "" without a file.
	File string `yaml:"-"`

	origins map[string]Origin
}

// Origin of the value at a path like "cache.max_size".
func (m *Machine) Origin(path string) Origin { return m.origins[path] }

// LoadMachine reads a user's own file. There may be none. Mistakes in it are Errors,
// all of them.
func LoadMachine(path string) (*Machine, error) {
	data, err := content(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Machine{}, nil
	case err != nil:
		return nil, err
	}
	m := &Machine{File: path}
	r := &reader{file: path}
	r.document(data, func(root *yaml.Node) { r.structure(m, root, "", nil) })
	if len(r.errs) > 0 {
		r.errs.sort()
		return nil, r.errs
	}
	m.origins = r.origins
	return m, nil
}
