// Package source owns what is tested: the files of a working tree or of a
// commit, as a manifest with an id, and as a tar stream. It refuses to know
// engines, and where the tree will be put.
//
// In a git repository the tree is taken from the repository's root, so that a
// project in a sub-directory finds its siblings: tracked files as they are in
// the working tree, untracked files that are not ignored, submodules, and what
// Options.Include adds. Outside git it is every file except virtual
// environments, caches and what .shardyardignore names.
//
// The git binary does all git work, with the user's own configuration.
package source
