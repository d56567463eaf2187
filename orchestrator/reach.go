package orchestrator

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker/framework"
)

// reachLimit is how long a host may take to answer before it is said not to.
const reachLimit = 3 * time.Second

// reach starts to look whether the hosts that builders clone from answer, beside the
// build, which would wait for them much longer, and warns of those that do not. It
// returns what waits until all is known. What is reached by a proxy, or by an engine
// elsewhere, cannot be judged from here.
func (i *installer) reach(ctx context.Context) (wait func()) {
	var all sync.WaitGroup
	for _, r := range i.req.Remotes {
		if !i.info.Local || r.Web && i.req.Builder.proxied() || i.asked[r] {
			continue
		}
		if i.asked == nil {
			i.asked = map[framework.Remote]bool{}
		}
		i.asked[r] = true
		all.Go(func() {
			if why := unreachable(ctx, r); why != "" && ctx.Err() == nil {
				i.rec.note(report.Warning, "%s:%d installs from %s, which does not answer here (%s): the installation will wait for it and fail, unless it has a copy. "+
					"Where a proxy leads there, set HTTPS_PROXY and run again", r.File, r.Line, r.Host, why)
			}
		})
	}
	return all.Wait
}

// unreachable returns why a host does not answer; "" if it does.
func unreachable(ctx context.Context, r framework.Remote) string {
	d := net.Dialer{Timeout: reachLimit}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(r.Host, r.Port))
	var unknown *net.DNSError
	var op *net.OpError
	switch {
	case err == nil:
		_ = conn.Close() // nothing was said
		return ""
	case errors.As(err, &unknown):
		return "its name is not known"
	case errors.As(err, &op) && op.Timeout():
		return "no answer in " + report.Span(reachLimit)
	case errors.As(err, &op):
		return op.Err.Error()
	}
	return err.Error()
}

// proxied reports whether builders reach the web by a proxy.
func (s BuilderSettings) proxied() bool {
	for name, value := range s.Set {
		switch strings.ToUpper(name) {
		case "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY":
			if value != "" {
				return true
			}
		}
	}
	return false
}
