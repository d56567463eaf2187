// Command agent is shardyard's agent, without frameworks, as a static program
// for tests of the engine.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/shardyard/shardyard/worker"
)

func main() {
	if err := worker.Serve(context.Background(), os.Stdin, os.Stdout, worker.Options{Alone: true}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
