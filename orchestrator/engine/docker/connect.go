package docker

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/connhelper"
	contextdocker "github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/docker/docker/client"
)

// connect makes a client for the engine that the docker command would use:
// DOCKER_HOST, else DOCKER_CONTEXT, else the current context, else the default
// socket. It does not ask the engine anything yet. The address is where the
// engine is, and which of these said so, for messages.
func connect() (cli *client.Client, address string, err error) {
	opts, host, source, err := endpoint()
	if err != nil {
		return nil, "", err
	}
	cli, err = client.NewClientWithOpts(append(opts, client.WithAPIVersionNegotiation())...)
	if err != nil {
		return nil, "", fmt.Errorf("connect to the engine of %s: %w", source, err)
	}
	return cli, fmt.Sprintf("%s (from %s)", cmp.Or(host, cli.DaemonHost()), source), nil
}

// endpoint returns how to reach the engine, the address of it where something
// names one, and what that is.
func endpoint() (opts []client.Opt, host, source string, err error) {
	if host = os.Getenv(client.EnvOverrideHost); host != "" {
		opts, err = hostOptions(host)
		return opts, host, client.EnvOverrideHost, err
	}
	name, source := os.Getenv("DOCKER_CONTEXT"), "DOCKER_CONTEXT"
	if name == "" {
		name, source = config.LoadDefaultConfigFile(io.Discard).CurrentContext, "the current docker context"
	}
	if name == "" || name == "default" {
		return []client.Opt{client.FromEnv}, "", "the default address", nil
	}
	source = fmt.Sprintf("%s %q", source, name)
	opts, host, err = contextOptions(name)
	if err != nil {
		return nil, "", source, fmt.Errorf("read %s: %w; see `docker context ls`", source, err)
	}
	return opts, host, source, nil
}

// hostOptions dials DOCKER_HOST, which may be ssh://.
func hostOptions(host string) ([]client.Opt, error) {
	helper, err := connhelper.GetConnectionHelper(host)
	if err != nil {
		return nil, fmt.Errorf("read DOCKER_HOST=%s: %w", host, err)
	}
	if helper == nil {
		return []client.Opt{client.FromEnv}, nil
	}
	return []client.Opt{
		client.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: helper.Dialer}}),
		client.WithHost(helper.Host),
		client.WithDialContext(helper.Dialer),
		client.WithVersionFromEnv(),
	}, nil
}

func contextOptions(name string) (opts []client.Opt, host string, err error) {
	contexts := store.New(config.ContextStoreDir(), store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(contextdocker.DockerEndpoint, func() any { return &contextdocker.EndpointMeta{} }),
	))
	meta, err := contexts.GetMetadata(name)
	if err != nil {
		return nil, "", err
	}
	found, ok := meta.Endpoints[contextdocker.DockerEndpoint].(contextdocker.EndpointMeta)
	if !ok {
		return nil, "", errors.New("it has no endpoint for docker")
	}
	ep, err := contextdocker.WithTLSData(contexts, name, found)
	if err != nil {
		return nil, "", err
	}
	opts, err = ep.ClientOpts()
	return opts, found.Host, err
}
