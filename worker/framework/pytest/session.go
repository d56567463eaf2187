package pytest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/shardyard/shardyard/worker"
)

// Run implements [worker.Framework]: it runs one pytest process, or a second
// one when the suite turns out not to be one that can be collected lazily.
func (*Framework) Run(ctx context.Context, open worker.Open, s worker.Stream) (exit worker.Exit, err error) {
	options, err := parseOptions(open.Options, open.Program)
	if err != nil {
		return worker.Exit{}, err
	}
	first := newOrder(open, options)
	restore(open, options, s)
	if first.Scratch, first.py, err = unpacked(); err != nil {
		return worker.Exit{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(first.Scratch)) }()
	exit, restart, err := anew(ctx, open, first, s)
	if restart != "" && err == nil {
		exit, err = again(ctx, open, first, restart, s)
	}
	return exit, err
}

// restore brings back the bytecode that the session was given.
func restore(open worker.Open, options Options, s worker.Stream) {
	if open.Compiled == "" || noBytecode(environ(open.Env, options)) {
		return
	}
	if err := restoreBytecode(open.Dir, open.Compiled); err != nil {
		tell(s, err)
	}
}

// anew runs a session in a new process.
func anew(ctx context.Context, open worker.Open, first order, stream worker.Stream) (exit worker.Exit, restart string, err error) {
	p, err := start(ctx, open, first.options, first.py, stream.Emit)
	if err != nil {
		return worker.Exit{}, "", err
	}
	return attend(ctx, open, newSession(p, stream, time.Duration(open.TestTimeoutMS)*time.Millisecond), first)
}

// again runs a session in a second process, which collects in full for a reason.
func again(ctx context.Context, open worker.Open, first order, reason string, s worker.Stream) (worker.Exit, error) {
	first.Mode, first.Reason = worker.Full, reason
	exit, _, err := anew(ctx, open, first, s)
	return exit, err
}

// attend gives a process its order, and serves it to its end. restart is the reason
// why another one is needed; "" for none.
func attend(ctx context.Context, open worker.Open, s *session, first order) (exit worker.Exit, restart string, err error) {
	exit, err = s.run(ctx, first)
	if err = errors.Join(err, s.close()); err != nil || s.restart != "" {
		return exit, s.restart, err
	}
	s.recordDeath(&exit)
	if first.options.Coverage != nil && len(exit.Files) == 0 && exit.Missing == "" {
		exit.Missing = "its session left no coverage data"
	}
	if s.ending != nil && len(s.ending.Sources) > 0 {
		exit.Compiled, err = packBytecode(open.Dir, s.ending.Sources, open.Results)
		if err != nil {
			tell(s.stream, err)
		}
	}
	return exit, "", worker.Lacking(s.fault(exit), s.lack())
}

// tell writes an error to the worker's log that the worker can live with.
func tell(s worker.Stream, err error) {
	s.Emit(worker.Event{Output: &worker.Output{Stream: "stderr", Data: fmt.Appendf(nil, "shardyard: %v\n", err)}})
}

// A session follows one process. Its loop owns all of it.
type session struct {
	*process
	stream   worker.Stream
	messages chan []message
	stop     chan struct{} // closed when nobody receives messages any more
	broken   chan error    // how the listener ended
	replies  chan answer   // of Next calls that wait
	waiting  bool          // such a call is under way

	watch     watch
	track     track
	dump      int // the signal for it
	ending    *ending
	failed    *worker.Failed
	restart   string
	listening bool
	heard     bool // from the process, since it has its order
	// finishing: its last test is behind it, with all fixtures.
	finishing bool
}

func newSession(p *process, s worker.Stream, limit time.Duration) *session {
	return &session{
		process: p, stream: s, watch: watch{limit: limit},
		messages: make(chan []message), stop: make(chan struct{}),
		broken: make(chan error, 1), replies: make(chan answer, 1),
	}
}

// run serves the process until it has ended and everything that it said was
// heard.
func (s *session) run(ctx context.Context, first order) (worker.Exit, error) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	s.listen()
	err := say(s.socket, first)
	messages := s.messages
	for err == nil && messages != nil {
		select {
		case batch, ok := <-messages:
			if !ok {
				messages = nil
				break
			}
			for _, m := range batch {
				if err == nil {
					err = s.handle(inner, m)
				}
			}
		case a := <-s.replies:
			s.waiting = false
			err = s.answer(a)
		case <-s.watch.expired():
			s.expire()
		}
	}
	close(s.stop)
	cancel()
	if s.waiting {
		if a := <-s.replies; a.State == "ready" {
			s.stream.Unlock(worker.Leased{Ref: worker.Ref{ID: a.Test, File: a.File}, Token: a.Token})
		}
	}
	if !s.watch.fired {
		// The socket is closed: a process that lives on has nothing to say.
		s.grace()
	}
	s.kill()
	<-s.ended
	s.watch.disarm()
	if broken := drain(s.messages, s.broken); broken != nil && err == nil {
		err = broken
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	} else if errors.Is(err, os.ErrClosed) || isPipe(err) {
		err = nil // the process ended while it was spoken to
	}
	return worker.Exit{Code: s.code, Signal: s.signal}, err
}

// listen hears the process from now on.
func (s *session) listen() {
	if !s.listening {
		s.listening = true
		go func() { s.broken <- listen(s.socket, s.messages, s.stop) }()
	}
}

// grace lets a process that ended its pytest end itself.
func (s *session) grace() {
	limit := linger
	if s.ending != nil {
		limit = 60 * time.Second
	}
	select {
	case <-s.ended:
	case <-time.After(limit):
	}
}

// drain waits for the listener.
func drain(messages <-chan []message, broken <-chan error) error {
	for range messages {
	}
	return <-broken
}

func (s *session) handle(ctx context.Context, m message) error {
	s.heard = true
	switch {
	case m.Hello != nil:
		s.dump = m.Hello.Dump
	case m.Collecting != nil:
		s.track.collecting = *m.Collecting
	case m.Next != nil:
		return s.next(ctx, m.Next.Wait)
	case m.Opening != nil:
		s.track.opening = m.Opening
		s.watch.arm()
	case m.Restart != nil:
		s.restart = *m.Restart
	case m.Finishing:
		s.finishing = true
		s.watch.finish()
	case m.Ending != nil:
		s.ending, s.finishing = m.Ending, true
		s.watch.finish() // threads and functions of atexit may not end
	case m.Failed != nil:
		s.failed = m.Failed
	default:
		if e := m.event(); e != nil {
			s.follow(e)
			s.track.called = s.track.called || m.Called
			s.stream.Emit(*e)
		}
	}
	return nil
}

// follow keeps track of what runs, and of its time.
func (s *session) follow(e *worker.Event) {
	s.track.follow(e)
	if e.Started != nil || e.Finished != nil {
		s.watch.arm()
	}
}

func (s *session) next(ctx context.Context, wait bool) error {
	if !wait {
		return s.answer(reply(s.stream.Next(ctx, false)))
	}
	s.watch.disarm()
	s.waiting, s.track.idle = true, true
	go func() { s.replies <- reply(s.stream.Next(ctx, true)) }()
	return nil
}

// answer tells the plugin. From now on it is at work again.
func (s *session) answer(a answer) error {
	s.watch.resume()
	err := say(s.socket, a)
	s.track.idle = s.track.idle && err != nil
	return err
}

func reply(t worker.Leased, state worker.State) answer {
	switch state {
	case worker.Ready:
		return answer{State: "ready", Test: t.ID, File: t.File, Token: t.Token}
	case worker.Empty:
		return answer{State: "empty"}
	default:
		return answer{State: "ended"}
	}
}

// expire ends a process whose test ran out of time; first the stacks of its
// threads go to its stderr.
func (s *session) expire() {
	if s.watch.fired {
		s.kill()
		return
	}
	s.watch.fire()
	s.output.Allow(64 << 10)
	if s.dump == 0 || nudge(s.cmd.Process, s.dump) != nil {
		s.kill()
	}
}

// fault is the error of a session that could not do its work: the user's
// mistake, or an internal error of pytest. Where pytest gave up by itself
// before it had any test, as over a plugin that it cannot load, no other worker
// would do better.
func (s *session) fault(exit worker.Exit) error {
	switch {
	case s.failed != nil && s.failed.Usage:
		return usageError(s.failed.Error)
	case s.failed != nil:
		return fmt.Errorf("pytest: %s", s.failed.Error)
	case s.track.opened:
		return nil
	case s.ending == nil && s.track.collecting != "":
		return fmt.Errorf("pytest's process ended while it collected %s: %s", s.track.collecting, endOf(exit))
	case s.ending == nil:
		return fmt.Errorf("pytest's process ended before it collected tests: %s%s", endOf(exit), quoted(s.output.Stderr()))
	case s.ending.Code == exitUsage:
		return usageError(advised(strings.TrimSpace(s.output.Stderr())))
	default:
		return usageError(fmt.Sprintf("pytest ended before it had collected tests, with status %d%s", s.ending.Code, quoted(s.output.Stderr())) + seeMore)
	}
}

// lack returns what kept the session from its work, if that says what it is.
func (s *session) lack() *worker.Lack {
	switch {
	case s.failed != nil:
		return s.failed.Lack
	case s.ending == nil || s.track.opened:
		return nil
	case s.ending.Lack != nil:
		return s.ending.Lack
	}
	if m := unrecognized.FindStringSubmatch(s.output.Stderr()); m != nil {
		return &worker.Lack{Kind: worker.LackOption, Name: m[1]}
	}
	return nil
}

// unrecognized finds the first option that pytest does not know, in its own words.
var unrecognized = regexp.MustCompile(`error: unrecognized arguments: (--?[\w-]+)`)

// seeMore ends an error: how to see all of pytest's messages, where the workers run.
const seeMore = "\nsee all that pytest says: shardyard exec -- pytest --collect-only"

// advised adds to an error what to do about it, where pytest's text does not show
// that: it runs in a copy of the project.
func advised(text string) string {
	if _, why, ok := strings.Cut(text, "error: "); ok && strings.HasPrefix(text, "ERROR: usage:") {
		text = "pytest: " + why // what is wrong comes first
	}
	if strings.Contains(text, "file or directory not found") {
		text += "\npaths are relative to the project's directory; a file that git ignores is not in the copy that is tested unless source.include names it"
	}
	return text
}

// exitUsage is pytest.ExitCode.USAGE_ERROR.
const exitUsage = 4

func quoted(stderr string) string {
	if stderr = strings.TrimSpace(stderr); stderr == "" {
		return ""
	}
	return "; it said: " + stderr
}
