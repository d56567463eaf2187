//go:build !linux

package worker

// short is not known here.
func short() bool { return false }
