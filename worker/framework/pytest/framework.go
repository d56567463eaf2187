package pytest

import (
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/shardyard/shardyard/worker"
)

//go:embed py/*.py
var scripts embed.FS

// entry is the file that the interpreter is started on.
const entry = "shardyard_run.py"

// Framework implements [worker.Framework] for pytest.
type Framework struct{}

// New returns the framework.
func New() *Framework { return &Framework{} }

// Name implements [worker.Framework].
func (*Framework) Name() string { return "pytest" }

// Options are what Open.Options holds for pytest.
type Options struct {
	// Python is the interpreter: absolute, or a name on the session's PATH. ""
	// means Open.Program, and python3 where there is none.
	Python string `json:"python,omitempty"`
	// HashSeed is PYTHONHASHSEED, the same on all workers. "" means "0";
	// a value in Open.Env comes first.
	HashSeed string `json:"hash_seed,omitempty"`
	// Seed is what plugins get that put tests in random order.
	Seed int64 `json:"seed,omitempty"`
	// Coverage, when given, has the session measured; see measure.py.
	Coverage json.RawMessage `json:"coverage,omitempty"`
}

// Settings is what a session says of the suite's options: what was made
// global, or left out, and why. It is the data of a report of kind "settings".
type Settings struct {
	Notes        []string `json:"notes"` // sentences for the user
	MaxFail      int      `json:"maxfail"`
	CovFailUnder *float64 `json:"cov_fail_under"`
	JUnitXML     *string  `json:"junitxml"`
	Cov          bool     `json:"cov"` // pytest-cov is asked to measure
	IniFile      *string  `json:"inifile"`
	Plugins      []string `json:"plugins"` // "name-version"
	Pytest       string   `json:"pytest"`
	Python       string   `json:"python"`
}

func parseOptions(raw json.RawMessage, program string) (Options, error) {
	var o Options
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &o); err != nil {
			return o, fmt.Errorf("read the options of pytest: %w", err)
		}
	}
	o.Python = cmp.Or(o.Python, program, "python3")
	o.HashSeed = cmp.Or(o.HashSeed, "0")
	return o, nil
}

// unpacked makes a directory for one process, and unpacks the plugin there.
func unpacked() (scratch, py string, err error) {
	if scratch, err = os.MkdirTemp("", "shardyard-"); err != nil {
		return "", "", fmt.Errorf("make a directory for the pytest plugin: %w", err)
	}
	if py, err = unpack(scratch); err != nil {
		err = errors.Join(err, os.RemoveAll(scratch))
	}
	return scratch, py, err
}

// unpack writes the Python files to a new directory below dir.
func unpack(dir string) (string, error) {
	to := filepath.Join(dir, "py")
	from, err := fs.Sub(scripts, "py")
	if err != nil {
		return "", fmt.Errorf("unpack the pytest plugin: %w", err)
	}
	if err := os.CopyFS(to, from); err != nil {
		return "", fmt.Errorf("unpack the pytest plugin: %w", err)
	}
	return to, nil
}

// usageError is a mistake of the user, in pytest's words.
type usageError string

func (e usageError) Error() string { return string(e) }

// Is makes it a [worker.ErrUsage].
func (usageError) Is(target error) bool { return target == worker.ErrUsage }
