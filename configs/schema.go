package configs

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/shardyard/shardyard/worker/framework"
)

// A schema is a JSON schema, as far as shardyard.yaml needs one.
type schema map[string]any

// Schema returns the JSON schema (draft 2020-12) of shardyard.yaml, for
// editors. It is made of the same field tags as reading is, and of the
// frameworks' keys.
func Schema(frameworks []framework.Description) ([]byte, error) {
	m := schemaMaker{reader: &reader{frameworks: frameworks}}
	root := m.structure(reflect.TypeFor[Config](), "")
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = FileName
	if len(m.missing) > 0 {
		return nil, fmt.Errorf("the schema says nothing of %s", strings.Join(m.missing, ", "))
	}
	return json.MarshalIndent(root, "", "  ")
}

type schemaMaker struct {
	*reader
	missing []string // keys that have no text in meanings
}

// structure returns the schema of a struct: an object with its tags as keys.
func (m *schemaMaker) structure(t reflect.Type, path string) schema {
	properties := schema{}
	for i := range t.NumField() {
		name, oneOf, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name == "" || name == "-" || t.Field(i).Type == reflect.TypeFor[Reserved]() {
			continue
		}
		if oneOf == anyFramework {
			oneOf = strings.Join(m.names(), "|")
		}
		at := join(path, name)
		s := m.value(t.Field(i).Type, at, oneOf)
		// What a suite has of its own means the same as in the whole file.
		text := meanings[strings.TrimPrefix(at, "suites.*.")]
		if text == "" {
			text = meanings[at]
		}
		if text == "" {
			m.missing = append(m.missing, at)
		}
		s["description"] = text
		properties[name] = s
	}
	if path == "suites.*" {
		m.own(properties)
	}
	return schema{"type": "object", "properties": properties, "additionalProperties": false}
}

// value returns the schema of one value.
func (m *schemaMaker) value(t reflect.Type, path, oneOf string) schema {
	switch t {
	case reflect.TypeFor[Suites]():
		return schema{
			"type": "object", "propertyNames": schema{"pattern": suiteName.String()},
			"additionalProperties": schema{"anyOf": []schema{m.structure(reflect.TypeFor[Suite](), path+".*"), {"type": "null"}}},
		}
	case reflect.TypeFor[Workers]():
		return schema{"anyOf": []schema{{"const": "auto"}, {"type": "integer", "minimum": 1}}}
	case reflect.TypeFor[Pool]():
		return schema{"anyOf": []schema{{"const": "auto"}, {"type": "integer", "minimum": 0, "maximum": maxPool}}}
	case reflect.TypeFor[Size]():
		return schema{"anyOf": []schema{
			{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)? *([kKmMgGtT]([iI]?[bB])?|[bB])?$`}, {"type": "number", "minimum": 0},
		}}
	case reflect.TypeFor[Duration]():
		return schema{"anyOf": []schema{{"type": "string", "pattern": durationPattern}, {"const": 0}}}
	case reflect.TypeFor[Interval]():
		return schema{"anyOf": []schema{{"const": "never"}, {"type": "string", "pattern": durationPattern}}}
	case reflect.TypeFor[Artifacts]():
		return schema{"anyOf": []schema{{"type": "array", "items": words("")}, m.structure(t, path)}}
	case reflect.TypeFor[map[string]string]():
		return schema{"type": "object", "additionalProperties": words("")}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return m.value(t.Elem(), path, oneOf)
	case reflect.Struct:
		return m.structure(t, path)
	case reflect.Slice:
		return schema{"type": "array", "items": words("")}
	case reflect.String:
		return words(oneOf)
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Float64:
		return schema{"type": "number", "minimum": 0, "maximum": 100} // percent
	}
	if path == "version" {
		return schema{"const": 1}
	}
	return schema{"type": "integer", "minimum": 0}
}

const durationPattern = `^(([0-9]+(\.[0-9]+)?(h|m|s|ms|us|µs|ns))+|[0-9]+d)$`

// words returns the schema of a text. Text that YAML takes for a number or a
// truth value is read as it is written.
func words(oneOf string) schema {
	if oneOf == "" {
		return schema{"type": []string{"string", "number", "boolean"}}
	}
	return schema{"enum": strings.Split(oneOf, "|")}
}

// own adds the frameworks' own keys to the properties of a suite.
func (m *schemaMaker) own(properties schema) {
	for _, f := range m.frameworks {
		for _, k := range f.Keys() {
			var s schema
			switch k.Kind {
			case framework.List:
				s = schema{"anyOf": []schema{words(""), {"type": "array", "items": words("")}}}
			case framework.Map:
				s = schema{"type": "object", "additionalProperties": words("")}
			case framework.Flag:
				s = schema{"type": "boolean"}
			default:
				s = words(strings.Join(k.Of, "|"))
			}
			s["description"] = k.Doc + " (framework " + f.Name() + ")"
			properties[k.Name] = s
		}
	}
}

// meanings has a sentence for each key. docs/config.md says more.
var meanings = map[string]string{
	"version":             "The version of this file's format.",
	"project":             "The project's id. Clones with the same one share what is kept. Without it: the address of the git remote, else the path.",
	"image":               "The workers' image: a name, auto (one that fits the project), or host (this machine's own programs, read-only).",
	"setup":               "Shell commands that install the dependencies. They see only the key files. Without it: detected; [] for none.",
	"prepare":             "Shell commands that install the project itself. They see the whole tree. Without it: detected; [] for none.",
	"key":                 "Files, or patterns of them. When one changes, setup runs again. Without it: detected.",
	"suites":              "Named suites. What one leaves out is the whole file's.",
	"suites.*.framework":  "The test framework.",
	"suites.*.args":       "Arguments of the framework.",
	"suites.*.paths":      "What to test, relative to the project.",
	"workers":             "How many workers: a number, or auto for as many as pay.",
	"pool":                "How many workers are left, started and warm, for the next run: a number, or auto: as many as there were, behind a run in a terminal.",
	"schedule":            "dynamic: workers take work from one another. static: the plan stays as it is.",
	"split_by":            "What is never cut: nothing (time), a file, a directory.",
	"collection":          "full: every worker collects the whole suite. lazy: a file when it gets a test of it. auto: full where that costs little.",
	"retries":             "How often a failed test runs again, on a fresh worker. One that then passes is flaky.",
	"coverage":            "Whether and how coverage is measured.",
	"coverage.enabled":    "Measure coverage. Without it: as the project's own options say.",
	"coverage.fail_under": "Fail when the combined coverage is below so many percent.",
	"coverage.sources":    "Packages or directories to measure.",
	"env":                 "What tests see of an environment.",
	"env.set":             "Variables and their values, as text.",
	"env.pass":            "Names of this machine's variables.",
	"builder":             "What only the commands of setup and prepare get.",
	"builder.ca":          "host: this machine's bundle of certificates. none. Or a PEM file.",
	"builder.env":         "Variables of setup and prepare.",
	"builder.env.set":     "Variables and their values, as text.",
	"builder.env.pass":    "Names of this machine's variables.",
	"limits":              "What bounds a worker, a test and the run.",
	"limits.memory":       "Memory of one worker: 512m, 2g.",
	"limits.pids":         "Processes and threads of one worker.",
	"limits.test":         "Time of one test: 90s, 5m; 0 for no limit.",
	"limits.run":          "Time of the whole run: 1h30m; 0 for no limit.",
	"limits.output":       "What is kept of the output of one worker: 1MiB.",
	"limits.artifacts":    "What is kept of the artifacts of the whole run: 1GiB.",
	"artifacts":           "Files that tests write and you want: a list of patterns, or keep and place.",
	"artifacts.keep":      "Patterns like those of a .gitignore, relative to the project.",
	"artifacts.place":     "Place the files in the checkout too, never over a tracked one.",
	"source":              "Changes what belongs to the source tree.",
	"source.include":      "Files that git ignores and tests need: patterns, ! excludes again.",
	"source.git":          "Whether the tree carries what git needs to say a version. Without it: when the build asks for one.",
	"cache":               "What is kept for this project between runs: how much, how long, and until when it is trusted to be current.",
	"cache.registry":      "A repository of images from which environments are pulled that are not here: registry.example.com/team/environments.",
	"cache.refresh":       "How old an environment may be whose requirements nothing pins: 7d, 12h, never. Then it is built anew.",
	"cache.max_size":      "Bytes of all together: 20g; 0 for no limit.",
	"cache.max_age":       "How long a thing may be unused: 7d, 12h; 0 for no limit.",
	"cache.dirs":          "Variables that name a tool's own cache, and a directory for each below the package cache: CCACHE_DIR: ccache.",
	"trust":               "Which branches CI tests in the trusted scope. It narrows what the machine's own settings trust.",
	"trust.branches":      "Patterns of names of branches: main, release/*. refs/tags/v* for tags.",
	"network":             "The workers' network: private (the run's own), a name, none or bridge.",
	"user":                "The workers' user: root, a name, or uid[:gid].",
	"profile":             "strict: workers have a read-only root and no network.",
	"cap_add":             "Capabilities of workers, such as NET_ADMIN.",
}
