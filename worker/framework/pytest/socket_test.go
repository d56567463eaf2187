//go:build unix

package pytest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"time"
)

// The agent's end of the socket is a file like others: it carries what is longer
// than the kernel takes at once, has deadlines, and ends.
func TestSocket(t *testing.T) {
	ours, theirs, err := socketpair()
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSocket(ours)
	if err != nil {
		t.Fatal(err)
	}
	long := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	ended := make(chan error, 1)
	go func() {
		got := make([]byte, len(long))
		_, err := io.ReadFull(theirs, got)
		if err == nil && !bytes.Equal(got, long) {
			err = errors.New("something else was read")
		}
		if err == nil {
			_, err = theirs.Write(got)
		}
		ended <- errors.Join(err, theirs.Close())
	}()
	if n, err := s.Write(long); n != len(long) || err != nil {
		t.Fatalf("wrote %d bytes: %v", n, err)
	}
	got := make([]byte, len(long))
	if _, err := io.ReadFull(s, got); err != nil || !bytes.Equal(got, long) {
		t.Errorf("read: %v", err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if n, err := s.Read(got); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %d, %v", n, err)
	}
	if _, err := s.Write([]byte("x")); !isPipe(err) {
		t.Errorf("wrote to nobody: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Read(got); !errors.Is(err, os.ErrClosed) {
		t.Errorf("of a closed file: %v", err)
	}
}

func TestSocketDeadline(t *testing.T) {
	ours, theirs, err := socketpair()
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSocket(ours)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(20*time.Millisecond, func() { _ = s.SetDeadline(time.Now()) })
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	if err := errors.Join(s.Close(), theirs.Close()); err != nil {
		t.Error(err)
	}
}
