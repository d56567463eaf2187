package process

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxText is the size of the largest file that relocate looks into. Scripts,
// .pth files, pyvenv.cfg and the like are far smaller.
const maxText = 4 << 20

// relocate has text files and symbolic links beneath dir name the path to
// where they named from. It returns the files that name it but are not text,
// which are left as they are: compiled caches, where it does not matter, and
// libraries that were linked against the tree, where it does.
func relocate(dir, from, to string) (binary []string, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.Type()&fs.ModeSymlink != 0:
			return relink(path, from, to)
		case !entry.Type().IsRegular():
			return nil
		}
		info, err := entry.Info()
		if err != nil || info.Size() > maxText {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		moved := replacePath(content, from, to)
		if moved == nil {
			return nil
		}
		if bytes.IndexByte(content, 0) >= 0 {
			if filepath.Ext(path) != ".pyc" {
				binary = append(binary, path)
			}
			return nil
		}
		// The time of modification must become another one: an interpreter takes a
		// .pyc for good when time and size of its source are the old ones.
		if err := os.Chmod(path, info.Mode().Perm()|0o200); err != nil {
			return err
		}
		if err := os.WriteFile(path, moved, info.Mode().Perm()); err != nil {
			return err
		}
		return os.Chmod(path, info.Mode().Perm())
	})
	return binary, err
}

func relink(path, from, to string) error {
	target, err := os.Readlink(path)
	if err != nil {
		return err
	}
	rest, ok := strings.CutPrefix(target, from)
	if !ok || rest != "" && rest[0] != '/' {
		return nil
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.Symlink(to+rest, path)
}

// replacePath replaces from where it is a whole path or followed by more of
// one: "/slots/1" is not in "/slots/10". It returns nil when there is nothing
// to replace.
func replacePath(content []byte, from, to string) []byte {
	var out []byte
	rest := content
	for {
		i := bytes.Index(rest, []byte(from))
		if i < 0 {
			break
		}
		after := rest[i+len(from):]
		out = append(out, rest[:i]...)
		if len(after) > 0 && partOfName(after[0]) {
			out = append(out, from...)
		} else {
			out = append(out, to...)
		}
		rest = after
	}
	if out == nil {
		return nil
	}
	return append(out, rest...)
}

func partOfName(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '-'
}
