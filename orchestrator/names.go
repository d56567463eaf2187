package orchestrator

import (
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// Names are tests that a user names: by their ids, by the beginning of ids up to
// the end of a word, as of all tests of a class or all parameters of one test,
// or by their files.
type Names []string

// Has reports whether one of the names is the test's.
func (n Names) Has(file string, id worker.TestID) bool {
	for _, name := range n {
		if names(name, file, id) {
			return true
		}
	}
	return false
}

// Strange are the names of no test in the list, as a run's directory keeps it.
func (n Names) Strange(list []history.File) (strange []string) {
	for _, name := range n {
		if !anyNamed(name, list) {
			strange = append(strange, name)
		}
	}
	return strange
}

func anyNamed(name string, list []history.File) bool {
	for _, file := range list {
		for _, t := range file.Tests {
			if names(name, file.Path, t.ID) {
				return true
			}
		}
	}
	return false
}

func names(name, file string, id worker.TestID) bool {
	if name == file && name != "" {
		return true
	}
	rest, ok := strings.CutPrefix(string(id), name)
	if !ok || name == "" {
		return false
	}
	next, _ := utf8.DecodeRuneInString(rest)
	return rest == "" || next != '_' && !unicode.IsLetter(next) && !unicode.IsDigit(next)
}

// Inventory returns the list of tests that a run has found, file by file; none
// when it had not come so far.
func Inventory(dir string) ([]history.File, error) {
	log, _, err := report.ReadState(filepath.Join(dir, logFile))
	if err != nil || !log.Inventoried() {
		return nil, err
	}
	return readInventory(runDir(dir))
}
