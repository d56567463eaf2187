package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/shardyard/shardyard/configs"
)

// trustVariable names the branches that are trusted, above the user's own file.
const trustVariable = "SHARDYARD_TRUST_BRANCHES"

// A trusting is patterns of branches, and who says them.
type trusting struct {
	patterns []string
	from     string
}

// trustings returns the lists that a branch must be in, each of them. The variable and
// the user's own file are beyond the reach of the code under test; the project's config
// is a part of that code, and can only narrow what these say.
func (p *project) trustings(env func(string) string) (all []trusting) {
	if list := env(trustVariable); list != "" {
		all = append(all, trusting{strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }), trustVariable})
	} else if p.machine.Trust.Branches != nil {
		all = append(all, trusting{p.machine.Trust.Branches, configs.MachineFile})
	}
	if p.config.Trust.Branches != nil {
		all = append(all, trusting{p.config.Trust.Branches, filepath.Base(p.config.File)})
	}
	return all
}

// strange returns why a branch is not trusted, for the end of a sentence; "" if it is.
func strange(ref reference, all []trusting) string {
	for _, t := range all {
		switch {
		case slices.ContainsFunc(t.patterns, func(p string) bool { return ref.name != "" && matchRef(p, ref.name) }):
		case ref.name == "":
			return fmt.Sprintf("nobody says which branch this is, and %s trusts only %s", t.from, strings.Join(t.patterns, ", "))
		default:
			return fmt.Sprintf("%s is not among the branches that %s trusts (%s)", strings.TrimPrefix(ref.name, "refs/heads/"), t.from, strings.Join(t.patterns, ", "))
		}
	}
	return ""
}

// matchRef reports whether a pattern means a reference: a branch, unless it begins with
// "refs/". * stays between slashes, ** does not.
func matchRef(pattern, ref string) bool {
	if !strings.HasPrefix(pattern, "refs/") {
		pattern = "refs/heads/" + pattern
	}
	expr := strings.NewReplacer(`\*\*`, `.*`, `\*`, `[^/]*`).Replace(regexp.QuoteMeta(pattern))
	return regexp.MustCompile("^" + expr + "$").MatchString(ref)
}

// A reference is what a CI system says that it tests.
type reference struct {
	name   string // "refs/heads/main", "refs/tags/v1"; "" if it does not say
	commit string // "" if it does not say, or tests a commit that it has merged itself
	ci     bool   // a CI system runs this
}

// referenceOf asks the variables of the CI systems. Of a pull request it is the branch
// whose code comes in: the target's says nothing of that.
func referenceOf(env func(string) string) (reference, error) {
	branch, tag := below("refs/heads/"), below("refs/tags/")
	switch {
	case env("GITHUB_ACTIONS") != "" || env("GITHUB_EVENT_NAME") != "":
		return gitHubReference(env)
	case env("GITLAB_CI") != "" || env("CI_COMMIT_SHA") != "" || env("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME") != "":
		if from := env("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"); from != "" {
			return reference{branch(from), "", true}, nil
		}
		return reference{cmp.Or(tag(env("CI_COMMIT_TAG")), branch(env("CI_COMMIT_BRANCH"))), env("CI_COMMIT_SHA"), true}, nil
	case env("BUILDKITE") != "" || env("BUILDKITE_BRANCH") != "":
		commit := env("BUILDKITE_COMMIT")
		if commit == "HEAD" {
			commit = ""
		}
		return reference{cmp.Or(tag(env("BUILDKITE_TAG")), branch(env("BUILDKITE_BRANCH"))), commit, true}, nil
	case env("TF_BUILD") != "":
		if from := env("SYSTEM_PULLREQUEST_SOURCEBRANCH"); from != "" {
			return reference{from, "", true}, nil
		}
		return reference{env("BUILD_SOURCEBRANCH"), env("BUILD_SOURCEVERSION"), true}, nil
	case env("JENKINS_URL") != "":
		if from := env("CHANGE_BRANCH"); from != "" {
			return reference{branch(from), "", true}, nil
		}
		name := cmp.Or(env("BRANCH_NAME"), strings.TrimPrefix(env("GIT_BRANCH"), "origin/"))
		return reference{cmp.Or(tag(env("TAG_NAME")), branch(name)), env("GIT_COMMIT"), true}, nil
	}
	return reference{ci: env("CI") != ""}, nil
}

// below makes a full name of a short one. "" stays that.
func below(prefix string) func(string) string {
	return func(name string) string {
		if name == "" {
			return ""
		}
		return prefix + name
	}
}

// gitHubReference is referenceOf for GitHub. Some events run with the default branch's
// reference, whatever they test.
func gitHubReference(env func(string) string) (reference, error) {
	branch := below("refs/heads/")
	switch event := env("GITHUB_EVENT_NAME"); {
	case strings.HasPrefix(event, "pull_request"):
		return reference{branch(env("GITHUB_HEAD_REF")), "", true}, nil
	case event == "workflow_run":
		var found struct {
			Run struct {
				Branch string `json:"head_branch"`
				Commit string `json:"head_sha"`
				From   struct {
					Name string `json:"full_name"`
				} `json:"head_repository"`
			} `json:"workflow_run"`
		}
		if err := readEvent(env("GITHUB_EVENT_PATH"), &found); err != nil {
			return reference{}, err
		}
		if !strings.EqualFold(found.Run.From.Name, env("GITHUB_REPOSITORY")) {
			return reference{ci: true}, nil // somebody else's branch, whatever its name
		}
		return reference{branch(found.Run.Branch), found.Run.Commit, true}, nil
	}
	return reference{env("GITHUB_REF"), env("GITHUB_SHA"), true}, nil
}
