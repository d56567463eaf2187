package injection

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// own is the engine of a lane that has a Docker engine to itself, which may be
// restarted. FAULTS_ENGINE has to name it: it needs root, dockerd, ip and iptables.
const own = "own"

// A dockerd is a Docker engine with its own data, containerd, bridge and socket.
type dockerd struct {
	dir, bridge, subnet string
	cmd                 *exec.Cmd
}

// newDockerd starts an engine; the test's end removes it.
func newDockerd(t *testing.T) *dockerd {
	t.Helper()
	dir, err := os.MkdirTemp("", "dockerd-")
	if err != nil {
		t.Fatal(err)
	}
	n := rand.IntN(250)
	d := &dockerd{dir: dir, bridge: fmt.Sprintf("faults%d", n), subnet: fmt.Sprintf("10.213.%d", n)}
	t.Cleanup(func() { d.remove(t) })
	command(t, "ip", "link", "add", d.bridge, "type", "bridge")
	command(t, "ip", "addr", "add", d.subnet+".1/24", "dev", d.bridge)
	command(t, "ip", "link", "set", d.bridge, "up")
	d.rules(t, "-I")
	if err := d.start(); err != nil {
		t.Fatal(err)
	}
	return d
}

// command runs a command that has to succeed.
func command(t *testing.T, argv ...string) {
	t.Helper()
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil { //nolint:noctx // ends at once
		t.Errorf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
}

// rules lets the containers reach the package index. The engine sets no rules of
// its own: it would take the first engine's away.
func (d *dockerd) rules(t *testing.T, do string) {
	t.Helper()
	for _, rule := range []string{
		"filter " + do + " FORWARD -i " + d.bridge + " -j ACCEPT",
		"filter " + do + " FORWARD -o " + d.bridge + " -j ACCEPT",
		"nat " + do + " POSTROUTING -s " + d.subnet + ".0/24 ! -o " + d.bridge + " -j MASQUERADE",
	} {
		command(t, append([]string{"iptables", "-w", "-t"}, strings.Fields(rule)...)...)
	}
}

// host is the address of the engine.
func (d *dockerd) host() string { return "unix://" + filepath.Join(d.dir, "sock") }

// start starts the engine, and waits until it answers.
func (d *dockerd) start() error {
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	d.cmd = exec.Command("dockerd", "--host", d.host(), "--bridge", d.bridge, "--iptables=false", "--ip-masq=false", //nolint:noctx // stop ends it
		"--data-root", filepath.Join(d.dir, "data"), "--exec-root", filepath.Join(d.dir, "exec"), "--pidfile", filepath.Join(d.dir, "pid"))
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := d.cmd.Start(); err != nil {
		return err
	}
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(100 * time.Millisecond) {
		if exec.Command("docker", "--host", d.host(), "version").Run() == nil { //nolint:noctx // ends at once
			return nil
		}
	}
	said, _ := os.ReadFile(log.Name())
	return fmt.Errorf("the engine does not answer:\n%s", said)
}

// stop ends the engine by a signal.
func (d *dockerd) stop(sig syscall.Signal) error {
	if err := d.cmd.Process.Signal(sig); err != nil {
		return err
	}
	_ = d.cmd.Wait() // its state does not matter
	return nil
}

// remove ends the engine and removes what it has.
func (d *dockerd) remove(t *testing.T) {
	if d.cmd != nil && d.cmd.ProcessState == nil {
		if err := d.stop(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	}
	d.rules(t, "-D")
	command(t, "ip", "link", "del", d.bridge)
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Error(err)
	}
	for _, line := range slices.Backward(strings.Split(string(mounts), "\n")) {
		if f := strings.Fields(line); len(f) > 1 && strings.HasPrefix(f[1], d.dir+"/") {
			if err := syscall.Unmount(f[1], syscall.MNT_DETACH); err != nil {
				t.Errorf("unmount %s: %v", f[1], err)
			}
		}
	}
	if err := os.RemoveAll(d.dir); err != nil {
		t.Error(err)
	}
}

// restart ends the engine by a signal, and starts it again some seconds later.
func restart(sig syscall.Signal) strike {
	return func(r *round) bool {
		down := time.Duration(r.rng.Int64N(int64(5 * time.Second)))
		r.did = fmt.Sprintf("%s to the engine, which starts again %s later", sig, down.Round(time.Millisecond))
		if err := r.own.stop(sig); err != nil {
			r.t.Fatal(err)
		}
		time.Sleep(down)
		if err := r.own.start(); err != nil {
			r.t.Fatal(err)
		}
		return true
	}
}

// freeze stops the engine for longer than agents and coordinator wait for each
// other.
func freeze(r *round) bool {
	r.did = "engine stopped for 35 s"
	if err := r.own.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(35 * time.Second)
	if err := r.own.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		r.t.Fatal(err)
	}
	return true
}

// survives holds a run whose engine was away: what was lost is not run, the run not
// green, and it says why; the next one comes to plain pytest's verdicts, and
// removes what is left.
func survives(r *round) {
	switch rep := r.report(); {
	case rep != nil:
		r.ledger(rep, nil, true)
		want := r.deserved(rep)
		if rep.Totals.Discovered == 0 {
			want = report.ExitInfrastructure
		}
		if r.code() != want || rep.Exit != want {
			r.fail("exit %d, in the record %d, want %d", r.code(), rep.Exit, want)
		}
		r.causes(rep)
	case r.run != "" || r.code() != report.ExitInfrastructure:
		r.fail("there is no record of the run: exit %d", r.code())
	}
	isFinished(r)
}
