package docker

import (
	"context"
	"errors"
	"fmt"
	"os"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/network"

	"github.com/shardyard/shardyard/orchestrator/engine"
)

// ownNetwork makes the network of a run's own, once, and returns its name.
func (e *Engine) ownNetwork(ctx context.Context, run string) (string, error) {
	return e.once.networks.do(ctx, run, func() (string, error) {
		name := fmt.Sprintf("shardyard-%s-%s", slug(e.opts.ProjectName), runName(run))
		create, cancel := undisturbed(ctx)
		defer cancel()
		made, err := e.cli.NetworkCreate(create, name, network.CreateOptions{Driver: "bridge", Labels: e.owned(run, kindNetwork)})
		if err != nil {
			return "", fmt.Errorf("make the run's own network: %w; `network: bridge` shares one", err)
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.networks = append(e.networks, made.ID)
		return name, nil
	})
}

// removeNetworks removes the networks that this Engine made. One that a container is
// still in is left to Sweep.
func (e *Engine) removeNetworks() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	ctx, cancel := undisturbed(context.Background())
	defer cancel()
	var errs []error
	for _, id := range e.networks {
		err := e.cli.NetworkRemove(ctx, id)
		switch {
		case cerrdefs.IsPermissionDenied(err), cerrdefs.IsConflict(err):
			e.log.Debug("a network is still in use", "network", id, "error", err)
		case !gone(err):
			errs = append(errs, fmt.Errorf("remove the run's own network: %w", err))
		}
	}
	e.networks = nil
	return errors.Join(errs...)
}

// loopback reports whether containers can be given ::1, which older engines take
// away. Of an engine on another machine that is not known.
func (e *Engine) loopback(ctx context.Context) (bool, error) {
	p, err := e.probe(ctx)
	if err != nil || !p.Local {
		return false, err
	}
	_, err = os.Stat("/proc/sys/net/ipv6/conf/lo/disable_ipv6")
	return err == nil, nil
}

// join resolves the network of a place.
func (e *Engine) join(ctx context.Context, b *blueprint) (err error) {
	if b.Spec.Network == engine.PrivateNetwork {
		if b.Spec.Network, err = e.ownNetwork(ctx, b.Spec.Run); err != nil {
			return err
		}
	}
	b.Loopback, err = e.loopback(ctx)
	return err
}
