package docker

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/worker/framework/python"
)

// An engine that does not answer is an error that says where it was looked
// for, and what to do.
func TestNoEngine(t *testing.T) {
	for host, source := range map[string]string{
		"unix:///nowhere/docker.sock": "DOCKER_HOST", "tcp://127.0.0.1:1": "DOCKER_HOST", "ssh://nowhere.invalid": "DOCKER_HOST",
	} {
		t.Setenv("DOCKER_HOST", host)
		_, err := New(t.Context(), Options{Project: "p", LockDir: t.TempDir()})
		if err == nil {
			t.Fatalf("%s answered", host)
		}
		for _, part := range []string{host, source, "start it", "--engine process"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("the error does not say %q: %v", part, err)
			}
		}
	}
	t.Setenv("DOCKER_HOST", "")
	t.Setenv("DOCKER_CONTEXT", "no-such-context")
	_, err := New(t.Context(), Options{Project: "p", LockDir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), `DOCKER_CONTEXT "no-such-context"`) {
		t.Errorf("a context that is not there: %v", err)
	}
}

// An image that cannot be had is an error that names what can.
func TestImageNotToBeHad(t *testing.T) {
	e := open(t, project(t))
	_, err := e.Base(t.Context(), "localhost:1/no/such:image", python.Toolchain(""), nil)
	if err == nil {
		t.Fatal("it was found")
	}
	for _, part := range []string{"localhost:1/no/such:image", "the registry localhost:1", "image: host", "--engine process"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
}

// The official image is taken when it is here or can be pulled, else this
// machine, and then the note says so.
func TestAuto(t *testing.T) {
	e := open(t, project(t))
	base, err := e.Base(t.Context(), "auto", python.Toolchain(""), nil)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case base.Host && (base.Note == "" || !strings.Contains(base.Note, "python:3-slim")):
		t.Errorf("no note says what was taken instead: %+v", base)
	case !base.Host && base.Image != "python:3-slim":
		t.Errorf("got %+v", base)
	}
}

// The version that the project wants is taken, not the first on the PATH.
func TestWantedPython(t *testing.T) {
	e := open(t, project(t))
	found := 0
	for _, minor := range []string{"3.9", "3.10", "3.11", "3.12", "3.13", "3.14"} {
		base, err := e.Base(t.Context(), "host", python.Toolchain(minor), nil)
		if err != nil {
			if !strings.Contains(err.Error(), "python "+minor+" is wanted") {
				t.Error(err)
			}
			continue
		}
		found++
		out, err := exec.Command(base.Program, "--version").Output()
		if err != nil || !strings.HasPrefix(string(out), "Python "+minor+".") {
			t.Errorf("for %s: %s is %s, %v", minor, base.Program, out, err)
		}
	}
	if found == 0 {
		t.Error("no version of python was found")
	}
}

// Only a static program for Linux is sent, and known by what it contains.
func TestIdentify(t *testing.T) {
	id, err := identify(testAgent)
	if want, _ := exec.Command("go", "tool", "buildid", testAgent).Output(); err != nil || id != strings.TrimSpace(string(want)) {
		t.Errorf("id = %q, %v, want %q", id, err, want)
	}
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := identify(script); err == nil || !strings.Contains(err.Error(), "not a program for Linux") {
		t.Errorf("a script: %v", err)
	}
	if _, err := identify("/bin/sh"); err == nil || !strings.Contains(err.Error(), "CGO_ENABLED=0") {
		t.Errorf("a dynamic program: %v", err)
	}
	content, err := os.ReadFile(testAgent)
	if err != nil {
		t.Fatal(err)
	}
	content = bytes.ReplaceAll(content, []byte("\x00.note.go.buildid\x00"), []byte("\x00.note.go.nothing\x00"))
	bare := filepath.Join(dir, "bare")
	if err := os.WriteFile(bare, content, 0o755); err != nil {
		t.Fatal(err)
	}
	if id, err := identify(bare); err != nil || id != fmt.Sprintf("%x", sha256.Sum256(content)) {
		t.Errorf("id of a program without a build ID = %q, %v", id, err)
	}
}
