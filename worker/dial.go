package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// An agent reaches its coordinator in one of two ways. Where an engine attaches
// to a place's stdin and stdout, these are the stream. Where none can be
// attached, as in a cluster, the agent dials an address that it was given, and
// introduces itself by a token that was made for it alone; from then on the
// connection is the stream, and the contract is the same.

// TokenVariable is the environment variable in which an agent that dials finds
// its token.
const TokenVariable = "SHARDYARD_TOKEN"

const (
	introduction    = "shardyard "
	maxToken        = 128 // bytes
	introduceWithin = 10 * time.Second
)

// Dial connects an agent to a coordinator at an address ("host:port", or
// "unix:/path"), and introduces it. It tries again until ctx ends: the
// coordinator may be reachable later than the agent runs.
func Dial(ctx context.Context, address, token string) (net.Conn, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	var d net.Dialer
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		conn, err := d.DialContext(ctx, network, address)
		if err == nil {
			if _, err = io.WriteString(conn, introduction+token+"\n"); err == nil {
				return conn, nil
			}
			err = errors.Join(err, conn.Close())
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, fmt.Errorf("reach the coordinator at %s: %w", address, errors.Join(err, context.Cause(ctx)))
		}
	}
}

// ServeConn is Serve over one connection, which it closes.
func ServeConn(ctx context.Context, conn net.Conn, opts Options) error {
	return errors.Join(Serve(ctx, reading{conn}, conn, opts), conn.Close())
}

// dialFor is how long an agent tries to reach its coordinator.
const dialFor = time.Minute

// ServeDialled is Serve for an agent that dials. Its token, in TokenVariable,
// is taken out of the environment, so that no test sees it.
func ServeDialled(ctx context.Context, address string, opts Options) error {
	token := os.Getenv(TokenVariable)
	if token == "" {
		return fmt.Errorf("an agent that dials needs its token in %s", TokenVariable)
	}
	if err := os.Unsetenv(TokenVariable); err != nil {
		return err
	}
	trying, cancel := context.WithTimeout(ctx, dialFor)
	defer cancel()
	conn, err := Dial(trying, address, token)
	if err != nil {
		return err
	}
	return ServeConn(ctx, conn, opts)
}

// reading is the half of a connection that is read: what is closed ends reads,
// and leaves the agent's last words their way.
type reading struct{ net.Conn }

// Close implements io.Closer.
func (r reading) Close() error { return r.SetReadDeadline(time.Unix(1, 0)) }

// Introduced reads the token by which an agent that dialled introduces itself. The
// bytes behind it stay in conn. An agent that takes too long, or sends something
// else, is an error.
func Introduced(conn net.Conn) (token string, err error) {
	if err := conn.SetReadDeadline(time.Now().Add(introduceWithin)); err != nil {
		return "", err
	}
	// Byte by byte, so that nothing behind the line is taken.
	line := make([]byte, 0, len(introduction)+maxToken)
	for one := make([]byte, 1); ; {
		if _, err := io.ReadFull(conn, one); err != nil {
			return "", fmt.Errorf("read an agent's introduction: %w", err)
		}
		if one[0] == '\n' {
			break
		}
		if line = append(line, one[0]); len(line) == cap(line) {
			return "", errors.New("read an agent's introduction: it is too long")
		}
	}
	token, ok := strings.CutPrefix(string(line), introduction)
	if !ok || token == "" {
		return "", errors.New("read an agent's introduction: it is none")
	}
	return token, conn.SetReadDeadline(time.Time{})
}
