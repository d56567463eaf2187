package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/shardyard/shardyard/configs"
)

// unknownFlag says of a flag that a command does not have which one was
// meant, or which commands have it.
func unknownFlag(cmd *cobra.Command, err error) error {
	help := "\nSee '" + cmd.CommandPath() + " --help'"
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return fmt.Errorf("%w%s", err, help)
	}
	flag := "--" + unknown.GetSpecifiedName()
	if unknown.GetSpecifiedShortnames() != "" {
		flag = "-" + unknown.GetSpecifiedName()
	}
	if owners := owners(cmd.Root(), flag); len(owners) > 0 {
		verb := "does"
		if len(owners) > 1 {
			verb = "do"
		}
		return fmt.Errorf("unknown flag %s: %s does not take it, %s %s%s", flag, cmd.CommandPath(), strings.Join(owners, ", "), verb, help)
	}
	text := "unknown flag " + flag
	if meant := nearestFlag(cmd, flag); meant != "" {
		text += ": did you mean " + meant + "?"
	} else if strings.Contains(cmd.Use, "-- args") {
		text += ": what is meant for the framework follows --, as in `" + cmd.CommandPath() + " -- " + flag + "`"
	}
	return errors.New(text + help)
}

// owners returns the commands that have a flag, as "--name" or "-n".
func owners(root *cobra.Command, flag string) (names []string) {
	for _, cmd := range root.Commands() {
		if cmd.Hidden {
			continue
		}
		if hasFlag(cmd.Flags(), flag) {
			names = append(names, cmd.CommandPath())
		}
		names = append(names, owners(cmd, flag)...)
	}
	return names
}

func hasFlag(flags *pflag.FlagSet, flag string) bool {
	if name, long := strings.CutPrefix(flag, "--"); long {
		return flags.Lookup(name) != nil
	}
	return flags.ShorthandLookup(strings.TrimPrefix(flag, "-")) != nil
}

// nearestFlag returns the flag of a command whose name is most like this one,
// or "".
func nearestFlag(cmd *cobra.Command, flag string) string {
	name, long := strings.CutPrefix(flag, "--")
	if !long {
		return ""
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			known = append(known, f.Name)
		}
	})
	if meant := configs.Nearest(name, known); meant != "" {
		return "--" + meant
	}
	return ""
}
