package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// maxFiles bounds the files that are being written at once.
const maxFiles = 256

// An incoming file is written beside its place, and moved there when whole.
type incoming struct {
	path string
	file *os.File
}

// put writes a piece of a file. The answer to the last piece, or to the first
// that goes wrong, ends the transfer; pieces after that are ignored.
func (a *agent) put(c Chunk) {
	in, ok := a.files[c.ID]
	if !ok {
		if c.Path == "" {
			return // the rest of a transfer that went wrong
		}
		var err error
		if len(a.files) >= maxFiles {
			err = fmt.Errorf("%d files are being written already", maxFiles)
		} else {
			in, err = create(c.Path, fs.FileMode(c.Mode).Perm())
		}
		if err != nil {
			a.send(Event{File: &Chunk{ID: c.ID, Error: err.Error()}})
			return
		}
		a.files[c.ID] = in
	}
	var err error
	if c.Error != "" {
		err = errors.New(c.Error)
	} else if _, err = in.file.Write(c.Data); err == nil && c.Last {
		err = in.keep()
	}
	if err == nil && !c.Last {
		return
	}
	delete(a.files, c.ID)
	answer := Chunk{ID: c.ID, Last: true}
	if err != nil {
		in.discard()
		answer.Error = err.Error()
	}
	a.send(Event{File: &answer})
}

func create(path string, mode fs.FileMode) (*incoming, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("write %s: the path is not absolute", path)
	}
	if mode == 0 {
		mode = 0o644
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".put-*")
	if err != nil {
		return nil, err
	}
	in := &incoming{path: path, file: file}
	if err := file.Chmod(mode); err != nil {
		in.discard()
		return nil, err
	}
	return in, nil
}

func (in *incoming) keep() error {
	if err := in.file.Close(); err != nil {
		return err
	}
	return os.Rename(in.file.Name(), in.path)
}

// discard removes what was written. It is called on a way that already reports
// an error, or ends the agent.
func (in *incoming) discard() {
	_ = in.file.Close()
	_ = os.Remove(in.file.Name())
}

// get sends a file in pieces, from a goroutine of its own: a large file must
// not keep the agent from reading.
func (a *agent) get(ctx context.Context, g Get) {
	a.wg.Go(func() {
		if err := a.sendFile(ctx, g); err != nil {
			a.emit(Event{File: &Chunk{ID: g.ID, Last: true, Error: err.Error()}})
		}
	})
}

func (a *agent) sendFile(ctx context.Context, g Get) error {
	file, err := g.open()
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("read %s: not a regular file", g.Path)
	}
	chunk := Chunk{ID: g.ID, Path: g.Path, Mode: uint32(info.Mode().Perm())}
	var from io.Reader = file
	if g.Root != "" {
		from = io.LimitReader(file, info.Size())
	}
	buf := make([]byte, MaxFrame)
	for !chunk.Last {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n, err := io.ReadFull(from, buf)
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		chunk.Data, chunk.Last = buf[:n], err != nil
		a.emit(Event{File: &chunk})
		chunk.Path, chunk.Mode = "", 0
	}
	return nil
}

func (g Get) open() (*os.File, error) {
	if g.Root != "" {
		return OpenBelow(g.Root, g.Path)
	}
	// Without waiting, since to open a FIFO waits for one who writes.
	return os.OpenFile(g.Path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}
