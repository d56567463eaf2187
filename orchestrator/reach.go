package orchestrator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/shardyard/shardyard/orchestrator/engine"
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
	for _, r := range i.req.Builder.Judged(i.req.Remotes, i.info) {
		if i.asked[r] {
			continue
		}
		if i.asked == nil {
			i.asked = map[framework.Remote]bool{}
		}
		i.asked[r] = true
		all.Go(func() {
			if why := Unreachable(ctx, r); why != "" && ctx.Err() == nil {
				i.rec.note(report.Warning, "%s: the installation will wait for it and fail, unless it has a copy. Where a proxy leads there, set HTTPS_PROXY and run again", why)
			}
		})
	}
	return all.Wait
}

// Unreachable says which line installs from a host that does not answer, and how it
// does not; "" if it answers.
func Unreachable(ctx context.Context, r framework.Remote) string {
	if why := refused(ctx, r); why != "" {
		return fmt.Sprintf("%s:%d installs from %s, which does not answer here (%s)", r.File, r.Line, r.Host, why)
	}
	return ""
}

// refused returns why a host does not answer; "" if it does.
func refused(ctx context.Context, r framework.Remote) string {
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

// Judged returns the hosts of which this machine can say whether builders reach them:
// none of an engine elsewhere, and none that a proxy leads to.
func (s BuilderSettings) Judged(remotes []framework.Remote, info engine.Info) (judged []framework.Remote) {
	if !info.Local {
		return nil
	}
	for _, r := range remotes {
		if !r.Web || !s.proxied() {
			judged = append(judged, r)
		}
	}
	return judged
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
