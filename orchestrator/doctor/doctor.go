// Package doctor checks what runs need on a machine, and says of each failure
// how to mend it. A check is a value: who shows it decides how. Engines and
// frameworks bring checks of their own through small interfaces. It runs no
// tests and leaves nothing behind.
package doctor

import (
	"context"
	"fmt"
)

// A Mark is how a check ended.
type Mark string

// The marks.
const (
	Fine    Mark = "ok"
	Warning Mark = "warning" // it works, and could be better
	Failed  Mark = "failed"  // runs will fail
)

// A Check is one thing that was looked at.
type Check struct {
	Name  string `json:"name"`
	Mark  Mark   `json:"mark"`
	Found string `json:"found"`
	Fix   string `json:"fix,omitempty"` // what to do; empty when it is fine
}

// Good returns a check that found all to be fine.
func Good(name, format string, args ...any) Check {
	return Check{Name: name, Mark: Fine, Found: fmt.Sprintf(format, args...)}
}

// Warn returns a check of something that works and could be better.
func Warn(name, fix, format string, args ...any) Check {
	return Check{Name: name, Mark: Warning, Found: fmt.Sprintf(format, args...), Fix: fix}
}

// Fail returns a check of something that makes runs fail.
func Fail(name, fix, format string, args ...any) Check {
	return Check{Name: name, Mark: Failed, Found: fmt.Sprintf(format, args...), Fix: fix}
}

// An Examiner checks one part of what a run needs. It leaves out checks that depend
// on one that failed.
type Examiner interface {
	Examine(ctx context.Context) []Check
}

// Func is a function as an Examiner.
type Func func(ctx context.Context) []Check

// Examine calls the function.
func (f Func) Examine(ctx context.Context) []Check { return f(ctx) }

// A Diagnosis is what all checks come to.
type Diagnosis struct {
	OK     bool    `json:"ok"` // nothing failed: runs can work
	Checks []Check `json:"checks"`
}

// Examine asks one examiner after the other. The error is the context's.
func Examine(ctx context.Context, all ...Examiner) (Diagnosis, error) {
	d := Diagnosis{OK: true}
	for _, x := range all {
		d.Checks = append(d.Checks, x.Examine(ctx)...)
		if ctx.Err() != nil {
			return d, context.Cause(ctx)
		}
	}
	for _, c := range d.Checks {
		d.OK = d.OK && c.Mark != Failed
	}
	return d, nil
}
