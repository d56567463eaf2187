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
		got, err := forkOf(variables(test.env))
		if fails := err != nil; got != test.want || fails != (test.fails != "") || fails && !strings.Contains(err.Error(), test.fails) {
			t.Errorf("%s: %q, %v; want %q, %q", test.env, got, err, test.want, test.fails)
		}
	}
}

// variables looks names up in "A=b C=d".
func variables(text string) func(string) string {
	return func(name string) string {
		for kv := range strings.FieldsSeq(text) {
			if value, ok := strings.CutPrefix(kv, name+"="); ok {
				return value
			}
		}
		return ""
	}
}

// Which branch it is that a CI system tests, each says in its own way.
func TestReferenceOf(t *testing.T) {
	event := filepath.Join(t.TempDir(), "event")
	text := `{"workflow_run":{"head_branch":"main","head_sha":"c2","head_repository":{"full_name":"us/shop"}}}`
	if err := os.WriteFile(event, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for env, want := range map[string]reference{
		"":        {},
		"CI=true": {ci: true},
		"GITHUB_ACTIONS=true GITHUB_EVENT_NAME=push GITHUB_REF=refs/heads/a/b GITHUB_SHA=c":                                                    {"refs/heads/a/b", "c", true},
		"GITHUB_ACTIONS=true GITHUB_EVENT_NAME=pull_request GITHUB_REF=refs/pull/1/merge GITHUB_HEAD_REF=topic GITHUB_SHA=c":                   {"refs/heads/topic", "", true},
		"GITHUB_ACTIONS=true GITHUB_EVENT_NAME=pull_request_target GITHUB_REF=refs/heads/main GITHUB_HEAD_REF=topic":                           {"refs/heads/topic", "", true},
		"GITHUB_ACTIONS=true GITHUB_EVENT_NAME=workflow_run GITHUB_REF=refs/heads/main GITHUB_REPOSITORY=us/shop GITHUB_EVENT_PATH=" + event:   {"refs/heads/main", "c2", true},
		"GITHUB_ACTIONS=true GITHUB_EVENT_NAME=workflow_run GITHUB_REF=refs/heads/main GITHUB_REPOSITORY=them/shop GITHUB_EVENT_PATH=" + event: {ci: true},
		"GITHUB_EVENT_NAME=pull_request GITHUB_HEAD_REF=refs/heads/main":                                                                       {"refs/heads/refs/heads/main", "", true},
		"GITLAB_CI=true CI_COMMIT_BRANCH=main CI_COMMIT_SHA=c":                                                                                 {"refs/heads/main", "c", true},
		"GITLAB_CI=true CI_COMMIT_TAG=v1 CI_COMMIT_SHA=c":                                                                                      {"refs/tags/v1", "c", true},
		"GITLAB_CI=true CI_MERGE_REQUEST_SOURCE_BRANCH_NAME=topic CI_COMMIT_SHA=c":                                                             {"refs/heads/topic", "", true},
		"BUILDKITE=true BUILDKITE_BRANCH=main BUILDKITE_COMMIT=HEAD":                                                                           {"refs/heads/main", "", true},
		"TF_BUILD=True BUILD_SOURCEBRANCH=refs/heads/main BUILD_SOURCEVERSION=c":                                                               {"refs/heads/main", "c", true},
		"TF_BUILD=True BUILD_SOURCEBRANCH=refs/pull/1/merge SYSTEM_PULLREQUEST_SOURCEBRANCH=refs/heads/topic":                                  {"refs/heads/topic", "", true},
		"JENKINS_URL=x GIT_BRANCH=origin/main GIT_COMMIT=c":                                                                                    {"refs/heads/main", "c", true},
		"JENKINS_URL=x BRANCH_NAME=PR-1 CHANGE_BRANCH=topic GIT_COMMIT=c":                                                                      {"refs/heads/topic", "", true},
		"JENKINS_URL=x BRANCH_NAME=v1 TAG_NAME=v1":                                                                                             {"refs/tags/v1", "", true},
	} {
		if got, err := referenceOf(variables(env)); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", env, got, err, want)
		}
	}
}

func TestMatchRef(t *testing.T) {
	for _, test := range []struct {
		pattern, ref string
		want         bool
	}{
		{"main", "refs/heads/main", true},
		{"main", "refs/tags/main", false},
		{"main", "refs/heads/main2", false},
		{"ma.n", "refs/heads/main", false},
		{"release/*", "refs/heads/release/1.0", true},
		{"release/*", "refs/heads/release/1/0", false},
		{"release/**", "refs/heads/release/1/0", true},
		{"*", "refs/heads/a/b", false},
		{"refs/tags/v*", "refs/tags/v1", true},
		{"refs/tags/v*", "refs/heads/refs/tags/v1", false},
	} {
		if got := matchRef(test.pattern, test.ref); got != test.want {
			t.Errorf("%s means %s: %t", test.pattern, test.ref, got)
		}
	}
}
