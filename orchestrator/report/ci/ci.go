// Package ci reports runs to a CI system in its own commands: annotations beside
// the code, a folded section of the log, a summary. It also keeps the CI system
// from obeying commands that tests print.
package ci

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// A System is a CI system.
type System string

// The supported systems. Gitea's and Forgejo's runners understand GitHub's commands.
const (
	None   System = "none"
	GitHub System = "github"
	GitLab System = "gitlab"
	// Jenkins takes files only: see Write.
	Jenkins   System = "jenkins"
	Buildkite System = "buildkite"
	Azure     System = "azure"
)

// Names are what --ci takes.
const Names = "auto, none, github, gitlab, jenkins, buildkite or azure"

// Choose returns the system that choice names; for "auto" and "" the system that
// the environment shows. env looks a variable up as os.Getenv does.
func Choose(choice string, env func(string) string) (System, error) {
	switch s := System(choice); s {
	case None, GitHub, GitLab, Jenkins, Buildkite, Azure:
		return s, nil
	case "gitea", "forgejo":
		return GitHub, nil
	case "auto", "":
	default:
		return None, fmt.Errorf("--ci %q: write %s", choice, Names)
	}
	for _, x := range []struct {
		variable string
		system   System
	}{{"GITHUB_ACTIONS", GitHub}, {"GITEA_ACTIONS", GitHub}, {"FORGEJO_ACTIONS", GitHub}, {"GITLAB_CI", GitLab}, {"BUILDKITE", Buildkite}, {"TF_BUILD", Azure}} {
		if strings.EqualFold(env(x.variable), "true") {
			return x.system, nil
		}
	}
	if env("JENKINS_URL") != "" {
		return Jenkins, nil
	}
	return None, nil
}

// A Job is the step of a CI system that a command runs in.
type Job struct {
	system  System
	env     func(string) string
	log     io.Writer // what the system reads
	token   string    // lets GitHub follow commands again
	stopped bool      // GitHub follows no command now
	written []string  // directories with files for the system
}

// Open begins a job whose log is written to log. From now on GitHub follows no
// command in the log, whatever tests print, until Close.
func Open(choice string, env func(string) string, log io.Writer) (*Job, error) {
	system, err := Choose(choice, env)
	if err != nil {
		return nil, err
	}
	j := &Job{system: system, env: env, log: log, token: "shardyard-" + rand.Text()}
	j.follow(false)
	return j, nil
}

// Tell reports the command's runs to the CI system. The error is that the summary
// could not be written; failed runs are none.
func (j *Job) Tell(ctx context.Context, runs ...*report.Report) error {
	switch j.system {
	case GitHub:
		j.follow(true)
		for _, line := range annotations(runs, j.env("GITHUB_WORKSPACE")) {
			j.print(line)
		}
		j.follow(false)
		return j.summarize(runs)
	case GitLab:
		for _, line := range section(runs) {
			j.print(line)
		}
	case Buildkite:
		return j.annotate(ctx, runs)
	case Azure:
		for _, line := range j.issues(runs) {
			j.print(line)
		}
	}
	return nil
}

// Close ends the job.
func (j *Job) Close() { j.follow(true) }

// follow has GitHub follow the commands in the log, or not.
func (j *Job) follow(on bool) {
	if j.system != GitHub || on == !j.stopped {
		return
	}
	if j.stopped = !on; j.stopped {
		j.print("::stop-commands::" + j.token)
	} else {
		j.print("::" + j.token + "::")
	}
}

// print drops the error on purpose: a closed log must not fail a run.
func (j *Job) print(line string) { _, _ = io.WriteString(j.log, line+"\n") }

// maxSummary is how much a step's summary may hold: GitHub drops one of more
// than 1 MiB as a whole.
const maxSummary = 900_000

// summarize adds to the summary of GitHub's step, which others may have begun.
func (j *Job) summarize(runs []*report.Report) (err error) {
	path := j.env("GITHUB_STEP_SUMMARY")
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("write the step's summary: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("write the step's summary: %w", err)
	}
	if _, err := io.WriteString(f, summary(runs, maxSummary-int(info.Size()))); err != nil {
		return fmt.Errorf("write the step's summary: %w", err)
	}
	return nil
}
