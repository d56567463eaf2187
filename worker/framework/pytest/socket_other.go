//go:build !linux

package pytest

import "os"

// A socket is the agent's end of the one that it shares with the plugin.
type socket struct{ *os.File }

func newSocket(f *os.File) (socket, error) { return socket{f}, nil }
