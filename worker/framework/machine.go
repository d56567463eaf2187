package framework

import (
	"os"
	"strings"
)

// A Machine is the machine that the coordinator runs on, as far as builders need
// to know its settings.
type Machine struct {
	Environ []string // as of os.Environ
	Root    string   // "" for /: where system files are looked for
	Home    string   // "" for none
}

// ThisMachine returns the one that the program runs on.
func ThisMachine() Machine {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "" // no files of the user's then
	}
	return Machine{Environ: os.Environ(), Home: home}
}

// Lookup returns a variable's value, and whether it is set.
func (m Machine) Lookup(name string) (value string, ok bool) {
	for _, kv := range m.Environ {
		if v, is := strings.CutPrefix(kv, name+"="); is {
			value, ok = v, true // the last one holds
		}
	}
	return value, ok
}

// A Sourcer is a Description whose toolchain is told by the machine's settings
// where packages come from.
type Sourcer interface {
	// Sources reads them. given are the variables of the user's config, which come
	// before all. Errors name a file or a variable, and never a value.
	Sources(m Machine, given map[string]string) (Sources, error)
}

// Sources is where packages come from. Values may hold credentials: they are sent
// to builders and nowhere else, and never logged.
type Sources struct {
	Set map[string]string // variables of builders, the given ones among them
	// Key are those that change what is installed, without credentials.
	Key  map[string]string
	CA   string   // a bundle of certificates that the settings name; "" for none
	Dirs []string // directories of the machine that builders read at the same path
	Why  []string // where the settings came from, by name and without values
}
