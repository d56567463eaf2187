package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each CI system says in its own way that a pull request comes from elsewhere.
func TestForkOf(t *testing.T) {
	dir := t.TempDir()
	event := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return "GITHUB_REPOSITORY=us/shop GITHUB_EVENT_NAME=pull_request_target GITHUB_EVENT_PATH=" + path
	}
	for _, test := range []struct{ env, want, fails string }{
		{"", "", ""},
		{"CI=true GITHUB_REPOSITORY=us/shop GITHUB_EVENT_NAME=push GITHUB_EVENT_PATH=none", "", ""},
		{event("own", `{"pull_request":{"head":{"repo":{"full_name":"Us/shop"}}}}`), "", ""},
		{event("fork", `{"pull_request":{"head":{"repo":{"full_name":"them/shop"}}}}`), "them/shop", ""},
		{event("gone", `{"pull_request":{"head":{"repo":null}}}`), "a repository that is gone", ""},
		{event("broken", `{`), "", "--untrusted"},
		{"GITHUB_EVENT_NAME=pull_request GITHUB_EVENT_PATH=" + filepath.Join(dir, "none"), "", "none"},
		{"CI_MERGE_REQUEST_SOURCE_PROJECT_ID=7 CI_MERGE_REQUEST_PROJECT_ID=7", "", ""},
		{"CI_MERGE_REQUEST_SOURCE_PROJECT_ID=8 CI_MERGE_REQUEST_PROJECT_ID=7", "project 8", ""},
		{"CI_MERGE_REQUEST_SOURCE_PROJECT_ID=8 CI_MERGE_REQUEST_PROJECT_ID=7 CI_MERGE_REQUEST_SOURCE_PROJECT_PATH=them/shop", "them/shop", ""},
		{"BUILDKITE_PULL_REQUEST_REPO= BUILDKITE_REPO=git@host:us/shop.git", "", ""},
		{"BUILDKITE_PULL_REQUEST_REPO=https://host/us/shop BUILDKITE_REPO=git@host:us/shop.git", "", ""},
		{"BUILDKITE_PULL_REQUEST_REPO=https://host/them/shop BUILDKITE_REPO=git@host:us/shop.git", "https://host/them/shop", ""},
	} {
		env := func(name string) string {
			for kv := range strings.FieldsSeq(test.env) {
				if value, ok := strings.CutPrefix(kv, name+"="); ok {
					return value
				}
			}
			return ""
		}
		got, err := forkOf(env)
		if fails := err != nil; got != test.want || fails != (test.fails != "") || fails && !strings.Contains(err.Error(), test.fails) {
			t.Errorf("%s: %q, %v; want %q, %q", test.env, got, err, test.want, test.fails)
		}
	}
}
