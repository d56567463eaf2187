package orchestrator

import (
	"os"
	"strconv"
	"strings"
)

// load returns how many processes wanted a processor of this machine, in the mean of
// the last minute; 0 where the system does not say.
func load() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0 // not Linux
	}
	first, _, _ := strings.Cut(string(text), " ")
	mean, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return mean
}
