package docker

import (
	"bytes"
	"testing"
)

func TestWithLine(t *testing.T) {
	line := "shardyard:x:1000:1000::/home/shardyard:/bin/sh"
	if got := withLine([]byte("root:x:0:0"), line, 2); !bytes.Equal(got, []byte("root:x:0:0\n"+line+"\n")) {
		t.Errorf("got %q", got)
	}
	taken := []byte("root:x:0:0\nubuntu:x:1000:1000\n")
	if got := withLine(taken, line, 2); !bytes.Equal(got, taken) {
		t.Errorf("a uid that the image has was given twice: %q", got)
	}
}

func TestCovered(t *testing.T) {
	for p, want := range map[string]bool{"/usr": true, "/usr/lib": true, "/usrlocal": false, "/": false, "/usr/../etc": false} {
		if got := covered([]string{"/usr"}, p); got != want {
			t.Errorf("covered(%q) = %v", p, got)
		}
	}
}
