// Package advice knows what a worker's place lacks that a desk has, whatever the
// framework: programs, libraries, variables, servers, files that git ignores. Of
// each it says what to write into the config, or to type. It is pure but for looks
// at the project's files, and refuses to know frameworks: those advise first.
package advice
