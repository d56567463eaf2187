package python

import "github.com/shardyard/shardyard/worker/framework"

// Toolchain is an interpreter of a version ("3.12", "" for any), with a virtual
// environment that uv fills.
func Toolchain(version string) framework.Toolchain {
	return framework.Toolchain{Name: "python", Version: version}
}
