package injection

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A target is a process of a worker, or of the finisher.
type target struct {
	pid, parent int
	place       string // worker-1, finisher, ...
	args        []string
}

func (p target) agent() bool { return len(p.args) > 1 && p.args[1] == "agent" }

// targets are the processes of the lane's places that run now.
func (l *lane) targets() []target {
	if l.engine == "docker" {
		return l.contained()
	}
	return l.marked()
}

// marked are the processes that carry the process engine's mark.
func (l *lane) marked() (found []target) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		environ, err := os.ReadFile(filepath.Join(dir, "environ"))
		if err != nil {
			continue
		}
		for kv := range bytes.SplitSeq(environ, []byte{0}) {
			place, ok := strings.CutPrefix(string(kv), "SHARDYARD_PLACE=")
			if !ok || !strings.HasPrefix(place, l.home+"/") {
				continue
			}
			pid, _ := strconv.Atoi(filepath.Base(dir))
			p := target{pid: pid, place: filepath.Base(place), args: arguments(dir)}
			if stat, err := os.ReadFile(filepath.Join(dir, "stat")); err == nil {
				_, _ = fmt.Sscanf(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " %s %d", new(string), &p.parent)
				found = append(found, p)
			}
		}
	}
	return found
}

func arguments(dir string) []string {
	line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
	return strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
}

// contained are the processes in the lane's containers.
func (l *lane) contained() (found []target) {
	for _, name := range l.containers(false) {
		top, err := l.docker("top", name, "-eo", "pid,ppid").Output()
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(top)) {
			p := target{place: placeOf(name)}
			if n, _ := fmt.Sscan(line, &p.pid, &p.parent); n == 2 {
				p.args = arguments(filepath.Join("/proc", strconv.Itoa(p.pid)))
				found = append(found, p)
			}
		}
	}
	return found
}

// containers are the names of the lane's containers: all, or those that run.
func (l *lane) containers(all bool) []string {
	args := []string{"ps", "--filter", "name=shardyard-" + filepath.Base(l.home) + "-", "--format", "{{.Names}}"}
	if all {
		args = append(args, "-a")
	}
	out, _ := l.docker(args...).Output()
	return strings.Fields(string(out))
}

// placeOf is the place whose container has this name: its last parts are the
// run's and the place's.
func placeOf(container string) string {
	if i := strings.LastIndex(container, "-worker-"); i >= 0 {
		return container[i+1:]
	}
	return container[strings.LastIndexByte(container, '-')+1:]
}

// patience is how long a strike waits for what it is to hit.
const patience = 20 * time.Second

// seek returns one of the processes that want accepts; false when the run ends
// before there is one.
func (l *lane) seek(p *process, rng *rand.Rand, want func(target) bool) (target, bool) {
	for until := time.Now().Add(patience); time.Now().Before(until) && !p.over(); time.Sleep(20 * time.Millisecond) {
		found := slices.DeleteFunc(l.targets(), func(x target) bool { return !want(x) })
		if len(found) > 0 {
			return found[rng.IntN(len(found))], true
		}
	}
	return target{}, false
}

func isWorker(place string) bool { return strings.HasPrefix(place, "worker-") }

// anAgent is the agent of a worker, and aFinisher that of the finisher.
func anAgent(p target) bool   { return p.agent() && isWorker(p.place) }
func aFinisher(p target) bool { return p.agent() && strings.HasPrefix(p.place, "finisher") }

// aSession is a worker's process that runs tests.
func aSession(p target) bool {
	return isWorker(p.place) && len(p.args) > 1 && strings.Contains(filepath.Base(p.args[0]), "python")
}

// hit sends a signal to one such process.
func hit(sig syscall.Signal, want func(target) bool) strike {
	return func(r *round) bool {
		p, ok := r.seek(r.process, r.rng, want)
		if !ok {
			return false
		}
		r.did = fmt.Sprintf("%s to %s of %s", sig, filepath.Base(p.args[0]), p.place)
		return syscall.Kill(p.pid, sig) == nil
	}
}

// docker does something to a worker's container.
func docker(command ...string) strike {
	return func(r *round) bool {
		for until := time.Now().Add(patience); time.Now().Before(until) && !r.over(); time.Sleep(20 * time.Millisecond) {
			names := slices.DeleteFunc(r.containers(false), func(name string) bool { return !isWorker(placeOf(name)) })
			if len(names) == 0 {
				continue
			}
			name := names[r.rng.IntN(len(names))]
			r.did = fmt.Sprintf("docker %s %s", strings.Join(command, " "), placeOf(name))
			return r.docker(append(command, name)...).Run() == nil
		}
		return false
	}
}

// signals sends signals to the coordinator, with a pause of up to a second
// between them.
func signals(all ...syscall.Signal) strike {
	return func(r *round) bool {
		for i, sig := range all {
			if i > 0 {
				time.Sleep(100*time.Millisecond + time.Duration(r.rng.Int64N(int64(900*time.Millisecond))))
			}
			if r.cmd.Process.Signal(sig) != nil {
				return i > 0
			}
			r.did += sig.String() + " "
			r.struck = time.Now()
		}
		return true
	}
}
