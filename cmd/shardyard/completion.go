package main

import (
	"cmp"
	"strings"

	"github.com/spf13/cobra"
)

// completes names the values of a flag for the shell. It panics for a flag
// that does not exist.
func completes(cmd *cobra.Command, flag string, values ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err)
	}
}

// complete tells the shell what the flags and arguments of all commands may be.
func complete(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		complete(cmd)
		completeFlags(cmd)
		if cmd.ValidArgsFunction != nil {
			continue
		}
		if strings.Contains(cmd.Use, "[suite]") {
			cmd.ValidArgsFunction = completeSuite
		} else if !strings.Contains(cmd.Use, "FILE") {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
	}
}

// completeFlags names the values of the flags that several commands have.
func completeFlags(cmd *cobra.Command) {
	for flag, values := range map[string]string{
		"engine": strings.Join(engines.Names(), " "), "schedule": "dynamic static", "split-by": "time file directory", "collection": "auto full lazy",
		"progress": "auto tty plain quiet json", "ci": "auto none github gitlab", "fail-on": "flaky", "image": "auto host", "workers": "auto",
		"color": "auto always never", "log-level": "trace debug info warn error",
	} {
		if _, done := cmd.GetFlagCompletionFunc(flag); cmd.Flags().Lookup(flag) != nil && !done {
			completes(cmd, flag, strings.Fields(values)...)
		}
	}
	if cmd.Flags().Lookup("suite") != nil {
		if err := cmd.RegisterFlagCompletionFunc("suite", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return suiteNames(cmd), cobra.ShellCompDirectiveNoFileComp
		}); err != nil {
			panic(err) // the flag is there
		}
	}
}

// completeSuite completes the argument of run with the names of suites.
func completeSuite(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault // the framework's own
	}
	return suiteNames(cmd), cobra.ShellCompDirectiveNoFileComp
}

// suiteNames returns those of the project that the command line points at. A
// project that cannot be loaded completes nothing.
func suiteNames(cmd *cobra.Command) []string {
	value := func(name string) string {
		if f := cmd.Flags().Lookup(name); f != nil {
			return f.Value.String()
		}
		return ""
	}
	p, err := loadProject(cmd.Context(), cmp.Or(value("directory"), "."), value("config"))
	if err != nil {
		return nil
	}
	return p.config.SuiteNames()
}

// directories completes an argument with directories.
func directories(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}
