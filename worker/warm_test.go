package worker_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/shardyard/shardyard/worker"
)

// kindling is a script that gets ready.
type kindling struct {
	script
	ran, closed int // with what was ready
}

func (k *kindling) Warm(_ context.Context, open worker.Open, tree string) (worker.Warmth, error) {
	if tree == "/dead" {
		return nil, errors.New("it ended")
	}
	return warmth{k}, nil
}

type warmth struct{ *kindling }

func (w warmth) Run(ctx context.Context, open worker.Open, s worker.Stream) (worker.Exit, error) {
	w.ran++
	return w.script.Run(ctx, open, s)
}

func (w warmth) Close() error {
	w.closed++
	return nil
}

// An agent that was left to wait serves the next coordinator as if it were the first,
// and its first session runs with what is ready.
func TestAgentThatWaits(t *testing.T) {
	requests, toAgent := io.Pipe()
	events := &attached{agent: toAgent}
	done := make(chan error, 1)
	k := &kindling{}
	first := worker.NewClient(events.attach(), worker.ClientOptions{})
	go func() {
		done <- worker.Serve(t.Context(), requests, events, worker.Options{Frameworks: []worker.Framework{k}})
	}()
	open := worker.Open{Framework: "script", Mode: worker.Full}
	if _, err := first.Hello(t.Context(), worker.Greeting{MuteMS: 60_000}); err != nil {
		t.Fatal(err)
	}
	if err := first.Warm(t.Context(), worker.Warm{Open: open, Tree: "/dead"}); err == nil || !strings.Contains(err.Error(), "it ended") {
		t.Errorf("%v", err)
	}
	if err := first.Warm(t.Context(), worker.Warm{Open: open}); err != nil {
		t.Fatal(err)
	}
	second := worker.NewClient(events.attach(), worker.ClientOptions{})
	first.Close()
	if _, err := second.Hello(t.Context(), worker.Greeting{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := second.Send(worker.Request{Open: &open}); err != nil {
			t.Fatal(err)
		}
		if err := second.Send(worker.Request{Drain: &worker.Drain{}}); err != nil {
			t.Fatal(err)
		}
		for batch := range second.Events() {
			if batch[len(batch)-1].Closed != nil {
				break
			}
		}
	}
	quit(t, second, done)
	if k.ran != 1 || k.closed != 0 {
		t.Errorf("what was ready ran %d times, and was closed %d times", k.ran, k.closed)
	}
}

// attached is an agent's output, which goes to the coordinator that was attached last.
// That one's end the agent does not see.
type attached struct {
	agent io.Writer
	mu    sync.Mutex
	last  *io.PipeWriter
}

func (a *attached) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last.Write(p)
}

func (a *attached) attach() io.ReadWriteCloser {
	a.mu.Lock()
	defer a.mu.Unlock()
	from, to := io.Pipe()
	a.last = to
	return struct {
		io.ReadCloser
		io.Writer
	}{from, a.agent}
}

// What is ready and is not used ends with the agent, or when the tree's directories
// are others.
func TestWarmthThatIsNotUsed(t *testing.T) {
	for _, amended := range []bool{false, true} {
		k := &kindling{}
		c, done := serve(t, worker.Greeting{}, k)
		if err := c.Warm(t.Context(), worker.Warm{Open: worker.Open{Framework: "script"}}); err != nil {
			t.Fatal(err)
		}
		if amended {
			dir := t.TempDir()
			archive := filepath.Join(t.TempDir(), "archive")
			if err := os.WriteFile(archive, []byte("no archive, but a text that is longer than a block of one"+strings.Repeat(".", 512)), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := c.Amend(t.Context(), worker.Amend{Dir: dir, Archive: archive}); err == nil || !strings.Contains(err.Error(), "amend the tree") {
				t.Errorf("%v", err)
			}
			if _, err := os.Stat(archive); err == nil {
				t.Error("the archive is still there")
			}
			if k.closed != 1 {
				t.Errorf("closed %d times", k.closed)
			}
		}
		quit(t, c, done)
		if k.closed != 1 || k.ran != 0 {
			t.Errorf("closed %d times, ran %d times", k.closed, k.ran)
		}
	}
}
