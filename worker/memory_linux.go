package worker

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// short reports whether less than a tenth of the machine's memory can be had.
func short() bool {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // it was only read
	var total, free int64
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(fields[1], 10, 64) // 0 where it is no number
		switch fields[0] {
		case "MemTotal:":
			total = n
		case "MemAvailable:":
			free = n
		}
	}
	return total > 0 && free < total/10
}
