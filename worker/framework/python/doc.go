// Package python is what the frameworks of Python's world share: how a project
// is installed ([Project]), and the [Toolchain] that installs it. It reads files
// and runs nothing.
package python
