package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/shardyard/shardyard/worker"
)

// A Rendezvous is where an engine meets the agents of places whose stdin it
// cannot attach to: they dial its address, with a token. An engine of a cluster
// gives each place the address and a token of its own, starts it, and makes the
// Instance's Stream of the connection that comes.
//
// Connections are as they come: an engine whose agents cross a network that is
// not its own gives it a listener that speaks TLS.
type Rendezvous struct {
	listener net.Listener
	serving  sync.WaitGroup

	mu      sync.Mutex
	invited map[string]*Invitation
	silent  map[net.Conn]bool // that have not said who they are
	closed  bool
}

// NewRendezvous meets agents on a listener, which it owns from now on.
func NewRendezvous(l net.Listener) *Rendezvous {
	r := &Rendezvous{listener: l, invited: map[string]*Invitation{}, silent: map[net.Conn]bool{}}
	r.serving.Go(r.serve)
	return r
}

// An Invitation is for one agent, once.
type Invitation struct {
	// Token is a secret: whoever has it can be the agent. It is worth nothing
	// once it was used, or withdrawn.
	Token string

	from *Rendezvous
	came chan net.Conn
}

// Address returns where agents dial, as worker.Dial takes it.
func (r *Rendezvous) Address() string {
	a := r.listener.Addr()
	if a.Network() == "unix" {
		return "unix:" + a.String()
	}
	return a.String()
}

// Invite expects one more agent.
func (r *Rendezvous) Invite() *Invitation {
	i := &Invitation{Token: rand.Text(), from: r, came: make(chan net.Conn, 1)}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.invited[i.Token] = i
	return i
}

// Accept waits for the agent. Its connection is the agent's stream: closing it,
// once or more often, ends the agent. When ctx ends first the invitation is withdrawn.
func (i *Invitation) Accept(ctx context.Context) (io.ReadWriteCloser, error) {
	select {
	case conn := <-i.came:
		return &met{Conn: conn}, nil
	case <-ctx.Done():
	}
	return nil, errors.Join(fmt.Errorf("wait for an agent to dial %s: %w", i.from.Address(), context.Cause(ctx)), i.Withdraw())
}

// A met connection is closed once, however often it is asked to.
type met struct {
	net.Conn
	once sync.Once
	err  error
}

// Close implements io.Closer.
func (m *met) Close() error {
	m.once.Do(func() { m.err = m.Conn.Close() })
	return m.err
}

// Withdraw ends an invitation whose agent does not come.
func (i *Invitation) Withdraw() error {
	if i.from.claim(i.Token) == nil { // it comes right now, or has
		return (<-i.came).Close()
	}
	return nil
}

// claim takes the invitation with this token, so that nobody else can; nil if there
// is none.
func (r *Rendezvous) claim(token string) *Invitation {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.invited[token]
	delete(r.invited, token)
	return i
}

func (r *Rendezvous) serve() {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return // closed
		}
		r.serving.Go(func() { r.meet(conn) })
	}
}

// meet hands a connection to the caller that invited it. Anybody may dial: a
// connection without an invitation is closed without a word.
func (r *Rendezvous) meet(conn net.Conn) {
	if !r.hear(conn) {
		_ = conn.Close()
		return
	}
	token, err := worker.Introduced(conn)
	r.heard(conn)
	if err == nil {
		if i := r.claim(token); i != nil {
			i.came <- conn
			return
		}
	}
	_ = conn.Close() // a stranger's
}

// hear notes that a connection is listened to, unless the meeting has ended.
func (r *Rendezvous) hear(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silent[conn] = true
	return !r.closed
}

func (r *Rendezvous) heard(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.silent, conn)
}

// Close closes the listener. Accepted connections live on; agents that dial later
// find nobody.
func (r *Rendezvous) Close() error {
	err := r.listener.Close()
	r.mu.Lock()
	r.closed = true
	for conn := range r.silent {
		_ = conn.Close() // a stranger's, or an agent's that is too late
	}
	r.mu.Unlock()
	r.serving.Wait()
	return err
}
