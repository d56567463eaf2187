package docker

import "context"

// Address is where the engine listens, as DOCKER_HOST would have it.
func (e *Engine) Address() string { return e.cli.DaemonHost() }

// Way is how workers get their source on this engine.
func (e *Engine) Way(ctx context.Context) (TreeWay, error) {
	if e.opts.Trees != "" {
		return e.opts.Trees, nil
	}
	p, err := e.probe(ctx)
	if err != nil || !p.Overlay {
		return ImageLayer, err
	}
	return Overlay, nil
}
