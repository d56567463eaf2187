package pytest

import (
	"slices"
	"strings"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
	"github.com/shardyard/shardyard/worker/framework/python"
)

// suiteOptions are the options of a suite's sessions and of its conclusion:
// [Options] and [ConcludeOptions] in one.
type suiteOptions struct {
	Seed     int64            `json:"seed,omitempty"`
	Coverage *CoverageOptions `json:"coverage,omitempty"`
	Color    string           `json:"color"`
	// Project are arguments of the project's own configuration, as read here.
	Project []string `json:"project,omitempty"`
}

// Suite implements [framework.Description].
func (Description) Suite(ask framework.Ask) (framework.Suite, error) {
	if err := refuse(ask.User); err != nil {
		return framework.Suite{}, err
	}
	added, notes, err := ambient(ask)
	if err != nil {
		return framework.Suite{}, err
	}
	args := append(added, arguments(ask)...)
	cover := measuring(ask, args)
	options := suiteOptions{Seed: int64(ask.Seed), Coverage: cover, Color: "no"}
	if ask.Color {
		options.Color = "yes"
	}
	tools, ensure := python.Toolchain(""), []string{Name}
	var locks []string // which some projects have git ignore
	if d := ask.Detected; d != nil {
		tools, ensure = d.Toolchain, slices.Clone(d.Ensure)
		options.Project, locks = d.Options, d.Key
	}
	if cover != nil {
		ensure = append(ensure, "coverage")
	}
	files, settings := compiling(args, ask.Env)
	return framework.Suite{
		Framework: Name, Args: args, Notes: notes, Options: worker.Raw(options),
		// Ids may depend on the hash seed, and must not differ between workers.
		Env:       map[string]string{"PYTHONHASHSEED": "0"},
		Toolchain: tools, Ensure: ensure, Lazy: true, Ordered: true, Include: append(remembered(slices.Concat(args, options.Project)), locks...),
		Compiled: &framework.Compiled{Files: files, Settings: settings},
	}, nil
}

// remembered returns what options that look at earlier runs need of the
// checkout: pytest's own cache, which git ignores.
func remembered(args []string) []string {
	for _, a := range args {
		switch a {
		case "--lf", "--last-failed", "--ff", "--failed-first", "--nf", "--new-first", "--sw", "--stepwise", "--stepwise-skip", "--sw-skip", "--stepwise-reset", "--sw-reset":
			return []string{".pytest_cache/v/cache/*"}
		}
	}
	return nil
}

// ambient are the arguments in PYTEST_ADDOPTS of the user's own environment, which
// pytest takes before all others. Where tests see that variable, pytest reads it
// there itself.
func ambient(ask framework.Ask) (args, notes []string, err error) {
	const name = "PYTEST_ADDOPTS"
	if _, seen := ask.Env[name]; seen || ask.Ambient == nil {
		return nil, nil, nil
	}
	text, _ := ask.Ambient(name)
	if strings.ContainsAny(text, `"'\\`) {
		return nil, nil, usageError(name + " has quotes, which only a shell reads: give its options behind --, or name it in env.pass of the config")
	}
	if args = strings.Fields(text); len(args) == 0 {
		return nil, nil, nil
	}
	return args, []string{name + " is set here, and its options are used: " + text}, refuse(args)
}

// refuse is an error for options with which pytest runs no test. A session would
// say so too, but only after minutes that an environment may take.
func refuse(args []string) error {
	for _, a := range args {
		switch a {
		case "--collect-only", "--co", "--setup-plan", "--setup-only", "--fixtures", "--fixtures-per-test", "--markers", "--help", "-h", "--version", "-V":
			return usageError(a + " runs no test: use pytest itself, as in `shardyard exec -- pytest " + a + "`")
		}
	}
	return nil
}

// arguments returns the suite's, then the user's. Where these do not say what to
// test, the suite's paths do. Those that the project's own tool gives come first, and
// its paths last.
func arguments(ask framework.Ask) []string {
	paths := ask.Paths
	var args []string
	if d := ask.Detected; d != nil {
		if args = slices.Clone(d.Args); len(paths) == 0 {
			paths = d.Paths
		}
	}
	args = append(args, ask.Args...)
	if ask.Markers != "" {
		args = append(args, "-m", ask.Markers)
	}
	if ask.Keyword != "" {
		args = append(args, "-k", ask.Keyword)
	}
	args = append(args, ask.User...)
	if !hasPaths(ask.User) {
		args = append(args, paths...)
	}
	return args
}

// hasPaths reports whether arguments of pytest name what to test.
func hasPaths(args []string) bool {
	for i, a := range args {
		if !strings.HasPrefix(a, "-") && (i == 0 || !takesValue(args[i-1])) {
			return true
		}
	}
	return false
}

// takesValue reports whether an option's value is the next argument. Only those
// that people give in this form are known; a value that is taken for a path
// makes pytest say so.
func takesValue(option string) bool {
	switch option {
	case "-m", "-k", "-p", "-c", "-o", "-n", "-W", "-r", "--tb", "--maxfail", "--ignore", "--deselect", "--junitxml",
		"--rootdir", "--confcutdir", "--durations", "--cov-config", "--cov-report", "--cov-fail-under", "--timeout",
		"--reruns", "--dist", "--import-mode", "--ignore-glob", "--color", "--log-level", "--log-cli-level":
		return true
	}
	return false
}

// measuring returns how coverage is measured; nil if it is not.
func measuring(ask framework.Ask, args []string) *CoverageOptions {
	on := ask.Detected != nil && ask.Detected.Coverage || asksForCoverage(args)
	if c := ask.Coverage.Enabled; c != nil {
		on = *c
	}
	if !on {
		return nil
	}
	return &CoverageOptions{Sources: ask.Coverage.Sources, FailUnder: ask.Coverage.FailUnder}
}

// asksForCoverage reports whether pytest-cov is asked for.
func asksForCoverage(args []string) bool {
	return slices.ContainsFunc(args, func(a string) bool { return a == "--cov" || strings.HasPrefix(a, "--cov=") })
}
