package main

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/shardyard/shardyard/configs"
)

func newConfigShowCommand() *cobra.Command {
	var f configFlags
	cmd := &cobra.Command{
		Use:   "show",
		Short: "Print the configuration that holds, and where each value comes from",
		Long: `Prints the whole configuration: the defaults, shardyard.yaml over them, and what was detected for the rest. The output
is itself a valid shardyard.yaml; comments say where each value comes from. What a suite takes from the whole file is
not repeated below it.`,
		Example: `  shardyard config show
  shardyard config show --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := loadProject(cmd.Context(), f.dir, f.config)
			if err != nil {
				return err
			}
			if f.json {
				return showJSON(cmd.OutOrStdout(), p)
			}
			return p.config.Show(data(cmd.OutOrStdout()))
		},
	}
	f.register(cmd)
	return cmd
}

// A setting is one value of the config.
type setting struct {
	Path   string `json:"path"`
	Value  any    `json:"value"` // a scalar, a list of strings, or a map of them
	Origin string `json:"origin"`
}

func showJSON(out io.Writer, p *project) error {
	return printJSON(out, struct {
		File     string    `json:"file,omitempty"`
		Dir      string    `json:"directory"`
		Settings []setting `json:"settings"`
	}{p.config.File, p.dir, settingsOf(p.config)})
}

// settingsOf returns all values that are set, or have a default, in the order
// of the schema.
func settingsOf(c *configs.Config) []setting {
	var all []setting
	w := walker{c: c, add: func(s setting) { all = append(all, s) }}
	w.walk(nil, reflect.ValueOf(*c))
	for i := range c.Suites {
		w.walk([]string{"suites", c.Suites[i].Name}, reflect.ValueOf(c.Suites[i]))
		for _, key := range slices.Sorted(maps.Keys(c.Suites[i].Keys)) {
			w.setting([]string{"suites", c.Suites[i].Name, key}, c.Suites[i].Keys[key])
		}
	}
	return all
}

type walker struct {
	c   *configs.Config
	add func(setting)
}

// walk visits the fields of a struct of the schema.
func (w walker) walk(at []string, v reflect.Value) {
	for i := range v.NumField() {
		key, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if key == "" || key == "-" || key == "suites" {
			continue
		}
		keys := append(slices.Clone(at), key)
		field := v.Field(i)
		for field.Kind() == reflect.Pointer && !field.IsNil() {
			field = field.Elem()
		}
		_, worded := field.Interface().(fmt.Stringer)
		switch {
		case field.Kind() == reflect.Struct:
			w.walk(keys, field)
		case w.unset(keys, field):
		case worded:
			w.setting(keys, fmt.Sprint(field.Interface()))
		default:
			w.setting(keys, field.Interface())
		}
	}
}

// unset reports whether a value is empty and the file does not give it. A suite then
// has the value of the whole file, and other values are not shown.
func (w walker) unset(keys []string, v reflect.Value) bool {
	if w.c.Origin(strings.Join(keys, ".")) != "" {
		return false
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.String:
		return v.IsZero() || v.Kind() != reflect.Pointer && v.Len() == 0
	}
	_, size := v.Interface().(configs.Size)
	return v.IsZero() && (size || keys[0] == "suites" || keys[0] == "cache")
}

func (w walker) setting(keys []string, value any) {
	path := strings.Join(keys, ".")
	origin := string(w.c.Origin(path))
	if origin == "" {
		origin = "default"
	}
	w.add(setting{Path: path, Value: value, Origin: origin})
}
