package command

import (
	"encoding/json"
	"fmt"
)

// Options are the settings of a session and of the conclusion.
type Options struct {
	List string `json:"list"`
	Run  string `json:"run"`
	// JUnit are patterns of the files that Run writes, below the working
	// directory; none when Run is given a path of ours, or writes none.
	JUnit []string `json:"junit,omitempty"`
	// Case is the attribute that names a case's unit: "name", "classname" or
	// "file".
	Case string `json:"case"`
	// IgnoreExtra passes cases over that are no unit's of the batch.
	IgnoreExtra bool `json:"ignore_extra,omitempty"`
	// Coverage are patterns of the files that Run leaves behind, below the
	// working directory, and Combine makes one result of all workers' files.
	Coverage []string `json:"coverage,omitempty"`
	Combine  string   `json:"combine,omitempty"`
}

// cased reports whether results are read from JUnit files.
func (o Options) cased() bool {
	t, err := o.template()
	return len(o.JUnit) > 0 || err == nil && t.has(junitWord)
}

// template is Run, to be filled in.
func (o Options) template() (template, error) { return parse(o.Run, unitsWord, junitWord) }

func parseOptions(raw json.RawMessage) (o Options, err error) {
	if err := json.Unmarshal(raw, &o); err != nil {
		return o, fmt.Errorf("read the options of the framework command: %w", err)
	}
	return o, nil
}
