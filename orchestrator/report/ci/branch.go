package ci

import "strings"

// Branch returns the branch that a CI system says it tests; "" where none does. CI
// systems check commits out, not branches, so git cannot tell.
func Branch(env func(string) string) string {
	for _, name := range []string{
		"GITHUB_HEAD_REF", "GITHUB_REF_NAME", // of a pull request its source
		"CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_REF_NAME",
		"CHANGE_BRANCH", "BRANCH_NAME", "GIT_BRANCH",
		"BUILDKITE_BRANCH",
		"SYSTEM_PULLREQUEST_SOURCEBRANCH", "BUILD_SOURCEBRANCH",
	} {
		if branch := strings.TrimPrefix(strings.TrimPrefix(env(name), "refs/heads/"), "origin/"); branch != "" {
			return branch
		}
	}
	return ""
}
