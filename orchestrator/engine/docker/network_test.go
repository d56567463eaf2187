package docker

import (
	"slices"
	"testing"

	"github.com/docker/docker/api/types/network"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// TestPrivateNetwork: workers of a run are in one of its own, which ends with the
// engine that made it, or is swept.
func TestPrivateNetwork(t *testing.T) {
	opts := project(t)
	e := open(t, opts)
	base := mustBase(t, e)
	spec := func(name, network string) engine.Spec {
		return engine.Spec{Name: name, Role: engine.Worker, Base: base, Network: network}
	}
	const address = `python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(("192.0.2.1", 9)); print(s.getsockname()[0].rsplit(".", 1)[0])'`
	one, two, other := start(t, e, spec("worker-1", engine.PrivateNetwork)), start(t, e, spec("worker-2", engine.PrivateNetwork)), start(t, e, spec("worker-3", ""))
	at := one.sh(address)
	two.expect(at, address)
	if at == other.sh(address) {
		t.Errorf("the run's own network is that of others: %s", at)
	}
	if n := networks(t, e); n != 1 {
		t.Errorf("%d networks of the project, not one", n)
	}
	for _, w := range []*site{one, two, other} {
		w.remove()
	}
	if err := e.removeNetworks(); err != nil {
		t.Error(err)
	}
	if n := networks(t, e); n != 0 {
		t.Errorf("%d networks are left", n)
	}
}

// TestPrivateNetworkIsSwept: of a run that was killed, by the next one.
func TestPrivateNetworkIsSwept(t *testing.T) {
	opts := project(t)
	killed, next := open(t, opts), open(t, opts)
	name, err := killed.ownNetwork(t.Context(), "20260101-000000-abc")
	if err != nil {
		t.Fatal(err)
	}
	if removed, err := next.Sweep(t.Context()); err != nil || networks(t, next) != 1 {
		t.Errorf("swept %q under a run that lives, %v", removed, err)
	}
	killed.networks = nil // a killed run removes nothing
	if err := killed.lock.close(); err != nil {
		t.Fatal(err)
	}
	removed, err := next.Sweep(t.Context())
	if err != nil || !slices.Contains(removed, "network "+name) || networks(t, next) != 0 {
		t.Errorf("swept %q, %v", removed, err)
	}
}

// TestLoopback: localhost is found by both its addresses, in every network.
func TestLoopback(t *testing.T) {
	e := open(t, project(t))
	if there, err := e.loopback(t.Context()); err != nil || !there {
		t.Skipf("SKIPPED, this machine has no IPv6, or the engine is elsewhere: %v", err)
	}
	base := mustBase(t, e)
	const listen = `python3 -c 'import socket; s = socket.create_server(("::1", 0), family=socket.AF_INET6); socket.create_connection(s.getsockname()[:2]); print("met")'`
	for i, network := range []string{"", "none", engine.PrivateNetwork} {
		w := start(t, e, engine.Spec{Name: string(rune('a' + i)), Role: engine.Worker, Base: base, Network: network})
		w.expect("met", listen)
	}
}

func networks(t *testing.T, e *Engine) int {
	t.Helper()
	list, err := e.cli.NetworkList(t.Context(), network.ListOptions{Filters: ofAny()})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, found := range list {
		if e.mine(found.Labels) {
			n++
		}
	}
	return n
}
