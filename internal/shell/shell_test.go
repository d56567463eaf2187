package shell

import (
	"os/exec"
	"testing"
)

// What a shell makes of a word is the text again.
func TestWords(t *testing.T) {
	for text, word := range map[string]string{
		"":            "''",
		"a/b.py::c":   "a/b.py::c",
		"a b":         "'a b'",
		"it's $HOME":  `'it'\''s $HOME'`,
		"a\nb;`c`":    "'a\nb;`c`'",
		"t[a]*?~#!é":  "'t[a]*?~#!é'",
		"--args=x,+y": "--args=x,+y",
	} {
		if got := Word(text); got != word {
			t.Errorf("%q as a word is %s, want %s", text, got, word)
		}
		for _, w := range []string{Word(text), Quote(text)} {
			out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+w).Output()
			if err != nil || string(out) != text {
				t.Errorf("%s is %q to a shell, %v", w, out, err)
			}
		}
	}
}
