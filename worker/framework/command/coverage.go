package command

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// clearCoverage removes files that were there before the session.
func (s *session) clearCoverage() error {
	old, err := matching(s.shell.dir, s.options.Coverage)
	if err != nil {
		return err
	}
	return remove(s.shell.dir, old)
}

// keepCoverage copies the files that the session left to where the run collects
// them. A copy is named by its path, escaped as in a URL, so that none takes
// another's place.
func (s *session) keepCoverage(results string) (kept []string, err error) {
	if len(s.options.Coverage) == 0 || !s.ran {
		return nil, nil
	}
	files, err := matching(s.shell.dir, s.options.Coverage)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		s.missing = append(s.missing, "no file matches "+strings.Join(s.options.Coverage, ", "))
		return nil, nil
	}
	if err := os.MkdirAll(results, 0o755); err != nil {
		return nil, fmt.Errorf("keep coverage: %w", err)
	}
	for _, f := range files {
		to := filepath.Join(results, url.PathEscape(f))
		if err := copyFile(to, filepath.Join(s.shell.dir, filepath.FromSlash(f))); err != nil {
			s.missing = append(s.missing, fmt.Sprintf("%s cannot be kept: %v", f, err))
			continue
		}
		kept = append(kept, to)
	}
	return kept, nil
}

func copyFile(to, from string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, in)
	return err
}
