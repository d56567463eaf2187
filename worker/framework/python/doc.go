// Package python holds what the frameworks for Python share: how a project is
// installed ([Project]), and the [Toolchain] that installs it. It reads files
// and runs nothing.
package python
