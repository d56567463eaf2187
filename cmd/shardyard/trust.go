package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/shardyard/shardyard/cache"
	"github.com/shardyard/shardyard/orchestrator/source"
)

// scope returns whom the code under test is trusted like. What the user says comes
// first, and then what CI knows. The config is a part of that code: it can take trust
// away, and never give it.
func (f *runFlags) scope(ctx context.Context, p *project) (cache.Scope, error) {
	if f.changed("untrusted") {
		if f.untrusted {
			return cache.Untrusted, nil
		}
		return cache.Trusted, nil
	}
	fork, err := forkOf(os.Getenv)
	if err != nil {
		return cache.Trusted, err
	}
	if fork != "" {
		p.say("the code is that of a pull request from %s: what it leaves is kept from trusted runs (--untrusted=false trusts it)", fork)
		return cache.Untrusted, nil
	}
	why, err := f.distrust(ctx, p)
	if err != nil || why == "" {
		return cache.Trusted, err
	}
	p.say("%s: what the run leaves is kept from trusted runs (--untrusted=false trusts it)", why)
	return cache.Untrusted, nil
}

// distrust returns why what CI tests is not of a trusted branch; "" if it is, or nobody
// says which are.
func (f *runFlags) distrust(ctx context.Context, p *project) (why string, err error) {
	lists := p.trustings(os.Getenv)
	if len(lists) == 0 {
		return "", nil
	}
	ref, err := referenceOf(os.Getenv)
	if err != nil {
		return "", fmt.Errorf("which branch CI tests, GITHUB_EVENT_PATH tells: %w; write --untrusted, or --untrusted=false", err)
	}
	if !ref.ci {
		return "", nil
	}
	if why := strange(ref, lists); why != "" || ref.commit == "" {
		return why, nil
	}
	switch commit, err := source.Commit(ctx, p.dir, cmp.Or(f.rev, "HEAD")); {
	case err != nil && ctx.Err() != nil:
		return "", err
	case err != nil:
		return fmt.Sprintf("whether the sources are those of %s, git does not say (%v)", ref.name, err), nil
	case commit != ref.commit:
		return fmt.Sprintf("the sources are commit %.10s, and CI says %.10s of %s", commit, ref.commit, ref.name), nil
	}
	return "", nil
}

// forkOf returns the repository that the pull request comes from that CI runs, if it
// is another one than its target; "" otherwise. Each CI system documents its
// variables, and GitHub the event's file: pull_request.head.repo is null where the
// fork is gone.
func forkOf(env func(string) string) (string, error) {
	if name := env("GITHUB_EVENT_PATH"); name != "" && strings.HasPrefix(env("GITHUB_EVENT_NAME"), "pull_request") {
		from, err := headOf(name)
		switch {
		case err != nil:
			return "", fmt.Errorf("whether the pull request comes from a fork, GITHUB_EVENT_PATH tells: %w; write --untrusted, or --untrusted=false", err)
		case from == "":
			return "a repository that is gone", nil
		case !strings.EqualFold(from, env("GITHUB_REPOSITORY")):
			return from, nil
		}
		return "", nil
	}
	if from := env("CI_MERGE_REQUEST_SOURCE_PROJECT_ID"); from != "" && from != env("CI_MERGE_REQUEST_PROJECT_ID") {
		if path := env("CI_MERGE_REQUEST_SOURCE_PROJECT_PATH"); path != "" {
			return path, nil
		}
		return "project " + from, nil
	}
	if from := env("BUILDKITE_PULL_REQUEST_REPO"); from != "" && trimGit(from) != trimGit(env("BUILDKITE_REPO")) {
		return from, nil
	}
	return "", nil
}

// headOf returns the repository that a pull request of GitHub's comes from; "" where
// it is gone.
func headOf(eventFile string) (string, error) {
	var event struct {
		PullRequest struct {
			Head struct {
				Repo struct {
					FullName string `json:"full_name"`
				} `json:"repo"`
			} `json:"head"`
		} `json:"pull_request"`
	}
	if err := readEvent(eventFile, &event); err != nil {
		return "", err
	}
	return event.PullRequest.Head.Repo.FullName, nil
}

// readEvent reads the file in which GitHub says why a job runs.
func readEvent(name string, into any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// trimGit returns the host and the path of a repository's address, however it is
// written: "git@host:a/b.git" and "https://host/a/b" are the same. Unlike the address
// that names a project it leaves out no port: whom to trust is asked more strictly.
func trimGit(address string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = rest
	}
	if _, rest, ok := strings.Cut(address, "@"); ok {
		address = rest
	}
	return strings.ToLower(strings.TrimSuffix(strings.Replace(address, ":", "/", 1), ".git"))
}
