package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// killGrace is how long a cancelled command may take to end.
const killGrace = 10 * time.Second

// Exec runs a command to its end, and passes its output to onOutput, which may be
// nil. A command that fails is an Exited, not an error; one that could not be
// started has Exited.Error set. When ctx ends, the command is killed. Exec chooses
// the ID.
func (c *Client) Exec(ctx context.Context, e Exec, onOutput func(Output)) (Exited, error) {
	id, events, done := c.begin()
	defer done()
	e.ID = id
	if err := c.Send(Request{Exec: &e}); err != nil {
		return Exited{}, fmt.Errorf("exec %q: %w", first(e.Argv), err)
	}
	cancelled := ctx.Done()
	var limit <-chan time.Time
	for {
		select {
		case event := <-events:
			switch {
			case event.Exited != nil && ctx.Err() != nil:
				return *event.Exited, fmt.Errorf("exec %q: %w", first(e.Argv), ctx.Err())
			case event.Exited != nil:
				return *event.Exited, nil
			case event.Output != nil && onOutput != nil:
				onOutput(*event.Output)
			}
		case <-cancelled:
			cancelled = nil
			timer := time.NewTimer(killGrace)
			defer timer.Stop()
			limit = timer.C
			if err := c.Send(Request{Kill: &Kill{ID: id}}); err != nil {
				return Exited{}, fmt.Errorf("exec %q: %w", first(e.Argv), errors.Join(ctx.Err(), err))
			}
		case <-limit:
			return Exited{}, fmt.Errorf("exec %q: %w, and it did not end within %s of being killed", first(e.Argv), ctx.Err(), killGrace)
		case <-c.stop:
			return Exited{}, fmt.Errorf("exec %q: %w", first(e.Argv), c.lost())
		}
	}
}

func first(argv []string) string {
	if len(argv) == 0 {
		return ""
	}
	return argv[0]
}

// PutFile writes a file inside the worker, with the directories that it needs.
// The file appears whole or not at all.
func (c *Client) PutFile(ctx context.Context, path string, mode uint32, r io.Reader) error {
	if err := c.put(ctx, path, mode, r); err != nil {
		return fmt.Errorf("put file %s: %w", path, err)
	}
	return nil
}

func (c *Client) put(ctx context.Context, path string, mode uint32, r io.Reader) error {
	id, events, done := c.begin()
	defer done()
	chunk := Chunk{ID: id, Path: path, Mode: mode}
	buf := make([]byte, MaxFrame)
	for !chunk.Last {
		n, err := io.ReadFull(r, buf)
		chunk.Data, chunk.Last = buf[:n], err != nil
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			chunk.Error = err.Error()
			return errors.Join(err, c.Send(Request{Put: &chunk}))
		}
		if ctx.Err() != nil {
			chunk.Last, chunk.Error = true, ctx.Err().Error()
			return errors.Join(ctx.Err(), c.Send(Request{Put: &chunk}))
		}
		if err := c.Send(Request{Put: &chunk}); err != nil {
			return err
		}
		chunk.Path, chunk.Mode = "", 0
		select {
		case event := <-events:
			if last, err := stored(event); err != nil || last && chunk.Last {
				return err
			}
		default:
		}
	}
	return c.answers(ctx, events, stored)
}

// stored reports whether an event says that a file is written.
func stored(event Event) (bool, error) {
	switch {
	case event.File == nil:
		return false, nil
	case event.File.Error != "":
		return false, errors.New(event.File.Error)
	}
	return event.File.Last, nil
}

// GetFile copies a file of the worker to w. Before an error it may have written a
// part of it. The worker chooses the length: w must bound it.
func (c *Client) GetFile(ctx context.Context, path string, w io.Writer) error {
	return c.get(ctx, Get{Path: path}, w)
}

// GetBelow is GetFile for a path below a directory: the worker opens it through
// no link that leads out of there.
func (c *Client) GetBelow(ctx context.Context, dir, path string, w io.Writer) error {
	return c.get(ctx, Get{Root: dir, Path: path}, w)
}

func (c *Client) get(ctx context.Context, g Get, w io.Writer) error {
	id, events, done := c.begin()
	defer done()
	g.ID = id
	err := c.Send(Request{Get: &g})
	if err == nil {
		err = c.answers(ctx, events, func(event Event) (bool, error) {
			switch {
			case event.File == nil:
				return false, nil
			case event.File.Error != "":
				return false, errors.New(event.File.Error)
			}
			_, err := w.Write(event.File.Data)
			return event.File.Last, err
		})
	}
	if err != nil {
		return fmt.Errorf("get file %s: %w", g.Path, err)
	}
	return nil
}

// Changes lists what the session's tests wrote. The ID is chosen here.
func (c *Client) Changes(ctx context.Context, req Changes) (found Changed, err error) {
	err = c.ask(ctx, "list changed files", func(id int64) Request { req.ID = id; return Request{Changes: &req} }, func(event Event) (bool, string) {
		if event.Changed == nil {
			return false, ""
		}
		found = *event.Changed
		return true, found.Error
	})
	if err != nil {
		return Changed{}, err
	}
	return found, nil
}

// Warm has the agent get ready for a session. It then waits for another coordinator.
// The ID is chosen here.
func (c *Client) Warm(ctx context.Context, req Warm) error {
	return c.done(ctx, "get ready", func(id int64) Request { req.ID = id; return Request{Warm: &req} })
}

// Amend makes of a tree another one. The ID is chosen here.
func (c *Client) Amend(ctx context.Context, req Amend) error {
	return c.done(ctx, "amend the tree", func(id int64) Request { req.ID = id; return Request{Amend: &req} })
}

// done sends a request that is answered by Done.
func (c *Client) done(ctx context.Context, what string, request func(id int64) Request) error {
	return c.ask(ctx, what, request, func(event Event) (bool, string) {
		if event.Done == nil {
			return false, ""
		}
		return true, event.Done.Error
	})
}

// ask sends a request that has one answer. take reports whether an event is that, and
// the error in it; "" for none.
func (c *Client) ask(ctx context.Context, what string, request func(id int64) Request, take func(Event) (bool, string)) error {
	id, events, forget := c.begin()
	defer forget()
	err := c.Send(request(id))
	if err == nil {
		err = c.answers(ctx, events, func(event Event) (bool, error) {
			answered, failed := take(event)
			if failed != "" {
				return answered, errors.New(failed)
			}
			return answered, nil
		})
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// answers passes the events of a call on until take has the last one.
func (c *Client) answers(ctx context.Context, events <-chan Event, take func(Event) (last bool, err error)) error {
	for {
		select {
		case event := <-events:
			if last, err := take(event); last || err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-c.stop:
			return c.lost()
		}
	}
}

// Conclude makes the run's reports, and passes the framework's output to onOutput,
// which may be nil. Only one may run at a time.
func (c *Client) Conclude(ctx context.Context, req Conclude, onOutput func(Output)) (Concluded, error) {
	wait := &call{ch: make(chan Event, 16), gone: make(chan struct{})}
	c.mu.Lock()
	if c.conclude != nil {
		c.mu.Unlock()
		return Concluded{}, errors.New("conclude: another one is under way on this worker")
	}
	c.conclude = wait
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.conclude = nil
		c.mu.Unlock()
		close(wait.gone)
	}()
	var made Concluded
	err := c.Send(Request{Conclude: &req})
	if err == nil {
		err = c.answers(ctx, wait.ch, func(event Event) (bool, error) {
			switch {
			case event.Concluded != nil:
				made = *event.Concluded
				return true, nil
			case event.Failed != nil:
				return true, errors.New(event.Failed.Error)
			case event.Output != nil && onOutput != nil:
				onOutput(*event.Output)
			}
			return false, nil
		})
	}
	if err != nil {
		return Concluded{}, fmt.Errorf("conclude: %w", err)
	}
	return made, nil
}

// begin registers a call; done forgets it.
func (c *Client) begin() (id int64, events <-chan Event, done func()) {
	wait := &call{ch: make(chan Event, 16), gone: make(chan struct{})}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastID++
	id = c.lastID
	c.calls[id] = wait
	return id, wait.ch, func() {
		c.mu.Lock()
		delete(c.calls, id)
		c.mu.Unlock()
		close(wait.gone)
	}
}

// lost is why a call has no answer.
func (c *Client) lost() error {
	if err := c.Err(); err != nil {
		return err
	}
	return fmt.Errorf("%w: it ended before it answered", ErrLost)
}
