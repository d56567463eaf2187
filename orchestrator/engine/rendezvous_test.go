package engine_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker"
)

func meeting(t *testing.T, network, address string) *engine.Rendezvous {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	r := engine.NewRendezvous(l)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// An agent that dials is a worker like any other.
func TestAgentsDial(t *testing.T) {
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "s")} {
		t.Run(network, func(t *testing.T) {
			r := meeting(t, network, address)
			i := r.Invite()
			ended := make(chan error, 1)
			go func() {
				conn, err := worker.Dial(t.Context(), r.Address(), i.Token)
				if err == nil {
					err = worker.ServeConn(t.Context(), conn, worker.Options{})
				}
				ended <- err
			}()
			stream, err := i.Accept(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c := worker.NewClient(stream, worker.ClientOptions{})
			defer c.Close()
			if _, err := c.Hello(t.Context(), worker.Greeting{Worker: "w"}); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			exited, err := c.Exec(t.Context(), worker.Exec{Argv: []string{"echo", "here"}}, func(o worker.Output) { out.Write(o.Data) })
			if err != nil || exited.Code != 0 || out.String() != "here\n" {
				t.Errorf("%+v, %v, %q", exited, err, &out)
			}
			if err := c.Quit(t.Context()); err != nil {
				t.Error(err)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}

// A token is good for one agent, once; whoever has none is not served.
func TestStrangersAreNotMet(t *testing.T) {
	r := meeting(t, "tcp", "127.0.0.1:0")
	i := r.Invite()
	dial := func(say string) net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", r.Address())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, say); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	refused := func(conn net.Conn) {
		t.Helper()
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a stranger was served: %d, %v", n, err)
		}
		_ = conn.Close()
	}
	refused(dial("GET / HTTP/1.1\n"))
	refused(dial("shardyard guess\n"))
	refused(dial("shardyard \n"))
	refused(dial(strings.Repeat("x", 1000)))

	agent := dial("shardyard " + i.Token + "\nhello")
	met, err := i.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 5)
	if _, err := io.ReadFull(met, said); err != nil || string(said) != "hello" {
		t.Errorf("%q, %v", said, err)
	}
	refused(dial("shardyard " + i.Token + "\n")) // used up
	_, _ = met.Close(), agent.Close()

	// An agent that comes too late is not met.
	late := r.Invite()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := late.Accept(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	refused(dial("shardyard " + late.Token + "\n"))
}

// Who dials and says nothing holds up nobody.
func TestASilentStrangerDoesNotHoldUpTheEnd(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := engine.NewRendezvous(l)
	conn, err := net.Dial("tcp", r.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	began := time.Now()
	if err := r.Close(); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("it took %s to close, %v", time.Since(began), err)
	}
}
