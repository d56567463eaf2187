package worker

// What a framework compiles of the project's sources is worth keeping: a file
// that did not change need not be compiled again, by any worker of any later
// run. It travels in a tar archive of regular files, with paths relative to
// Open.Dir. Each has these PAX records.
const (
	// CompiledSource is the source, a path relative to Open.Dir.
	CompiledSource = "SHARDYARD.source"
	// CompiledHash is the SHA-256 of the source's content, in hexadecimal: the
	// file is of use wherever the source is the same.
	CompiledHash = "SHARDYARD.sha256"
	// CompiledDir is Open.Dir, for frameworks whose compiled files know where
	// their source was.
	CompiledDir = "SHARDYARD.dir"
)
