// Package shell writes text for a POSIX shell.
package shell

import "strings"

// Word returns text as one word: as it is where it may stand so, else quoted.
func Word(text string) string {
	if text != "" && strings.Trim(text, plain) == "" {
		return text
	}
	return Quote(text)
}

// Quote returns text as one word in quotes.
func Quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// plain are the characters that mean nothing else to a shell.
const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:@+,"
