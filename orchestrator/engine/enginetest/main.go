package enginetest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/shardyard/shardyard/orchestrator/engine"
	"github.com/shardyard/shardyard/worker"
)

const (
	abandonVariable = "ENGINETEST_ABANDON"
	abandoned       = "started"
)

// Main lets an engine's test binary be two more programs, and ends the process
// when it is one of them; TestMain calls it first. With the argument "agent" it
// is the agent. As the process that Abandon starts, it opens the engine with
// open, which finds what it needs in the environment.
func Main(open func() (engine.Engine, error)) {
	if len(os.Args) >= 2 && os.Args[1] == "agent" {
		opts := worker.Options{Logger: hclog.New(&hclog.LoggerOptions{Output: os.Stderr, Color: hclog.ColorOff}), Alone: true}
		if len(os.Args) == 4 && os.Args[2] == "--dial" {
			exit(worker.ServeDialled(context.Background(), os.Args[3], opts))
		}
		exit(worker.Serve(context.Background(), os.Stdin, os.Stdout, opts))
	}
	if spec := os.Getenv(abandonVariable); spec != "" {
		exit(abandon(spec, open))
	}
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// abandon starts an instance with a command that runs, says so, and waits to
// be killed.
func abandon(encoded string, open func() (engine.Engine, error)) error {
	var spec engine.Spec
	if err := json.Unmarshal([]byte(encoded), &spec); err != nil {
		return err
	}
	e, err := open()
	if err != nil {
		return err
	}
	ctx := context.Background()
	instance, err := e.Start(ctx, spec)
	if err != nil {
		return err
	}
	client := worker.NewClient(instance.Stream(), worker.ClientOptions{})
	if _, err := client.Hello(ctx, worker.Greeting{Worker: spec.Name}); err != nil {
		return err
	}
	_, err = client.Exec(ctx, worker.Exec{Argv: []string{"sh", "-c", "echo up; sleep 600"}}, func(worker.Output) {
		fmt.Println(abandoned)
	})
	return fmt.Errorf("the command ended: %w", err)
}

// Abandon is a Config.Abandon for a test binary whose TestMain calls Main. The
// environment is what Main's open needs.
func Abandon(t *testing.T, environment []string, spec engine.Spec) {
	t.Helper()
	encoded, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(append(os.Environ(), environment...), abandonVariable+"="+string(encoded))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, readErr := bufio.NewReader(out).ReadString('\n')
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // it was killed
	if strings.TrimSpace(line) != abandoned {
		t.Fatalf("the process to be abandoned said %q, %v: %s", line, readErr, stderr.String())
	}
}
