package engine

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// The error that a caller sees is the one that came first, on either side.
func TestPiped(t *testing.T) {
	broken := errors.New("broken")
	err := Piped(func(io.Writer) error { return broken }, func(r io.Reader) error { _, err := io.ReadAll(r); return err })
	if !errors.Is(err, broken) || err.Error() != "broken" {
		t.Errorf("a writer's error came out as %v", err)
	}
	err = Piped(func(w io.Writer) error { _, err := io.Copy(w, strings.NewReader("much")); return err }, func(io.Reader) error { return broken })
	if err == nil || err.Error() != "broken" {
		t.Errorf("a reader's error came out as %v", err)
	}
	err = Piped(func(w io.Writer) error { _, err := w.Write(make([]byte, 1<<20)); return err }, func(io.Reader) error { return nil })
	if err != nil {
		t.Errorf("what is not read came out as %v", err)
	}
}
