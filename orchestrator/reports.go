package orchestrator

import (
	"context"
	"encoding/json"

	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/worker"
)

// settings is what the framework found in the project's and the user's
// options and made a matter of the whole run.
type settings struct {
	Notes   []string `json:"notes"`
	MaxFail int      `json:"maxfail"`
	// Measured says that coverage is measured.
	Measured bool `json:"measured"`
}

// reported keeps one of the framework's reports, or a piece of one, for the
// conclusion.
func (l *loop) reported(ctx context.Context, m *member, rep worker.Reported) {
	if rep.Kind == "settings" && l.settings == nil {
		l.learn(m, rep)
	}
	token := worker.Token(0)
	if rep.Test != "" {
		if token = l.ran.lease(m.id, rep.Test); token == 0 {
			return // of a lease that this worker never had
		}
	}
	l.keep(ctx, m, token, rep)
}

// maxSettings bounds the settings of a session, in bytes.
const maxSettings = 4 << 20

// learn reads the settings of the first session that has sent all of its own.
func (l *loop) learn(m *member, rep worker.Reported) {
	if rep.Offset == 0 {
		m.settings = nil
	}
	m.settings = append(m.settings, rep.Data...)
	if rep.More && len(m.settings) < maxSettings {
		return
	}
	l.settings = &settings{}
	if err := json.Unmarshal(m.settings, l.settings); err != nil {
		l.note(report.Warning, "%s sent settings that cannot be read: %v", m.name(), err)
	}
	m.settings = nil
	for _, n := range l.settings.Notes {
		l.note(report.Info, "%s", n)
	}
}

func (l *loop) keep(ctx context.Context, m *member, token worker.Token, rep worker.Reported) {
	if err := l.spool.add(m.name(), token, rep); err != nil {
		l.spoolBroke(ctx, err)
	}
}

// spoolBroke ends a run whose reports cannot be kept.
func (l *loop) spoolBroke(ctx context.Context, err error) {
	if l.spoolNoted {
		return
	}
	l.spoolNoted = true
	l.emit(report.Fault{Kind: report.Infrastructure, Text: err.Error()})
	l.stop(ctx, report.Stopped{Reason: err.Error()})
}
