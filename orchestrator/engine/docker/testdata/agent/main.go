// Command agent stands for shardyard's agent in tests of the engine: it runs
// each line of its stdin with the shell and answers with the line's output and
// a last line "\x00exit N". It ends when its stdin does.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if in.Text() == "quit" {
			return
		}
		code := 0
		cmd := exec.Command("/bin/sh", "-c", in.Text())
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			code = -1
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				code = exit.ExitCode()
			} else {
				fmt.Fprintln(os.Stderr, err)
			}
		}
		fmt.Printf("\x00exit %d\n", code)
	}
}
