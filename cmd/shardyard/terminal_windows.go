package main

import (
	"io"
	"os"

	"golang.org/x/sys/windows"
)

// statusSignals ask what each worker is at: Windows has none.
var statusSignals []os.Signal

// obeys has a console obey escape sequences, and reports whether it does: one of
// before Windows 10 cannot.
func obeys(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	var mode uint32
	handle := windows.Handle(f.Fd())
	return windows.GetConsoleMode(handle, &mode) == nil && windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
