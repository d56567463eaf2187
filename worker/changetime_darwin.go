package worker

import (
	"io/fs"
	"syscall"
	"time"
)

// ChangeTime is when an inode was changed last, which no program can set: it
// finds what was written since a moment, whatever the file's own times say.
func ChangeTime(info fs.FileInfo) time.Time {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(stat.Ctimespec.Unix())
	}
	return time.Now()
}
