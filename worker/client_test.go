package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// peer is an agent's end of a stream in a test's own hands.
func peer(opts worker.ClientOptions) (*worker.Client, net.Conn) {
	here, there := net.Pipe()
	return worker.NewClient(here, opts), there
}

func TestHeartbeatLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c, agent := peer(worker.ClientOptions{})
		go func() { _, _ = io.Copy(io.Discard, agent) }() // it reads, and says nothing
		for range c.Events() {
			t.Error("an event came")
		}
		if silent := time.Since(began); silent < 30*time.Second || silent > 36*time.Second {
			t.Errorf("lost after %s", silent)
		}
		if err := c.Err(); !errors.Is(err, worker.ErrLost) || !strings.Contains(err.Error(), "no sign of life") {
			t.Errorf("got %v", err)
		}
		c.Close()
	})
}

// An agent that answers pings is alive, and its round trip is measured.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, agent := peer(worker.ClientOptions{})
		conn := worker.NewConn[worker.Request, worker.Event](agent, agent)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for {
				r, err := conn.Receive()
				if err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
				ahead := time.Now().Add(time.Hour - 10*time.Millisecond) // another clock, in the middle of the round trip
				_ = conn.Send(worker.Event{Pong: &worker.Ping{Seq: r.Ping.Seq, AtMS: float64(ahead.UnixMicro()) / 1000}})
			}
		}()
		time.Sleep(10 * time.Minute)
		if err := c.Err(); err != nil {
			t.Error(err)
		}
		if rtt := c.RTT(); rtt < 20*time.Millisecond || rtt > 30*time.Millisecond {
			t.Errorf("round trip %s", rtt)
		}
		now := time.Now()
		if at, ok := c.Here(float64(now.Add(time.Hour).UnixMicro()) / 1000); !ok || at.Sub(now).Abs() > time.Millisecond {
			t.Errorf("a moment of a clock that is an hour ahead is %s here, %v; want %s", at, ok, now)
		}
		if _, ok := c.Here(0); ok {
			t.Error("no moment is one")
		}
		c.Close()
		<-ended
		_ = conn.Close() // the stream is gone
	})
}

// The agent is not to blame for a coordinator that takes its time with events.
func TestHeartbeatBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, agent := peer(worker.ClientOptions{})
		go func() { _, _ = io.Copy(io.Discard, agent) }()
		conn := worker.NewConn[worker.Request, worker.Event](strings.NewReader(""), agent)
		for range 1000 {
			if err := conn.Send(report("a", 1)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Minute)
		if err := c.Err(); err != nil {
			t.Error(err)
		}
		for got := 0; got < 1000; {
			got += len(<-c.Events())
		}
		c.Close()
		_ = agent.Close()
		_ = conn.Close()
	})
}

// Whatever an agent sends, the client ends with one error that says what came.
func TestHostileAgent(t *testing.T) {
	flood := strings.Repeat(`{"output":{"id":77,"stream":"stdout"},"size":1}`+"\nx\n", 5000)
	for name, tc := range map[string]struct{ in, say string }{
		"garbage":       {"bash: agent: not found\n", `"bash: agent: not found\n"`},
		"nothing":       {"", "its stream ended"},
		"unknown calls": {flood + `{"exited":{"id":78,"code":0}}` + "\n" + `{"file":{"id":5,"last":true}}` + "\n", "its stream ended"},
		"pongs":         {strings.Repeat(`{"pong":{"seq":-1}}`+"\n", 5000), "its stream ended"},
		"greetings":     {strings.Repeat(`{"hello":{"version":1}}`+"\n", 5000), "its stream ended"},
		"lost piece":    {`{"reported":{"test":"t","kind":"k","more":true},"size":1}` + "\nx\n" + `{"reported":{"test":"t","kind":"k","offset":2}}` + "\n", "do not fit"},
		"no beginning":  {`{"reported":{"test":"t","kind":"k","offset":2}}` + "\n", "do not fit"},
		"other piece":   {`{"reported":{"test":"t","kind":"k","more":true},"size":1}` + "\nx\n" + `{"reported":{"test":"u","kind":"k","offset":1}}` + "\n", "do not fit"},
		"before it":     {`{"reported":{"test":"t","kind":"k","offset":-1}}` + "\n", "do not fit"},
		"endless":       {`{"reported":{"test":"t","kind":"k","offset":1073741825}}` + "\n", "the longest has"},
		"wrong counts":  {`{"end":{"requests":0,"events":9}}` + "\n", "it sent 9 messages, and 0 arrived"},
	} {
		t.Run(name, func(t *testing.T) {
			c, agent := peer(worker.ClientOptions{})
			go func() { _, _ = io.Copy(io.Discard, agent) }()
			go func() {
				_, _ = io.WriteString(agent, tc.in)
				_ = agent.Close()
			}()
			_, err := c.Exec(t.Context(), worker.Exec{Argv: []string{"true"}}, nil)
			if !errors.Is(err, worker.ErrLost) {
				t.Errorf("the command gave %v", err)
			}
			for range c.Events() {
			}
			if err := c.Err(); err == nil || !strings.Contains(err.Error(), tc.say) {
				t.Errorf("got %v, want %q", err, tc.say)
			}
			c.Close()
		})
	}
}

func TestHelloRefused(t *testing.T) {
	c, agent := peer(worker.ClientOptions{})
	go func() { _, _ = io.Copy(io.Discard, agent) }()
	go func() { _, _ = fmt.Fprintln(agent, `{"hello":{"version":99}}`) }()
	if _, err := c.Hello(t.Context(), worker.Greeting{}); err == nil || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("got %v", err)
	}
	c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, silent := peer(worker.ClientOptions{})
	go func() { _, _ = io.Copy(io.Discard, silent) }()
	if _, err := c.Hello(ctx, worker.Greeting{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	c.Close()
}
