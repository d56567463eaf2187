package engine

import (
	"errors"
	"io"

	"golang.org/x/sync/errgroup"
)

// Piped connects what writes an archive to what reads it, and returns when both have
// ended. The writer's own error comes first, unless the reader's has it; that it is no
// longer read is none.
func Piped(write func(io.Writer) error, read func(io.Reader) error) error {
	r, w := io.Pipe()
	var g errgroup.Group
	g.Go(func() error {
		err := write(w)
		_ = w.CloseWithError(err) // nil, always; a nil err is EOF
		return err
	})
	err := read(struct{ io.Reader }{r}) // which nobody else can close
	if err == nil {
		_, err = io.Copy(io.Discard, r) // what follows the archive's end
	}
	_ = r.CloseWithError(errNotRead) // nil, always; ends a writer that is no longer read
	written := g.Wait()
	if errors.Is(written, errNotRead) || written != nil && errors.Is(err, written) {
		written = nil
	}
	return errors.Join(written, err)
}

var errNotRead = errors.New("the archive is no longer read")
