package configs

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ParseSize reads a size as container engines do: "512m", "2g", "1MiB",
// "1.5g"; a unit is a power of 1024, and a number alone is bytes.
func ParseSize(s string) (Size, error) {
	number := strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit := strings.ToLower(strings.TrimSpace(s[len(number):]))
	shift, known := map[string]uint{
		"": 0, "b": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20,
		"g": 30, "gb": 30, "gib": 30, "t": 40, "tb": 40, "tib": 40,
	}[unit]
	n, err := strconv.ParseFloat(number, 64)
	bytes := n * float64(uint64(1)<<shift)
	if err != nil || !known || n < 0 || bytes >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is not a size: write for example 512m, 2g or 1MiB", s)
	}
	return Size(bytes), nil
}

// String writes the size in its largest whole unit.
func (s Size) String() string {
	for _, u := range []struct {
		shift uint
		name  string
	}{{40, "TiB"}, {30, "GiB"}, {20, "MiB"}, {10, "KiB"}} {
		if unit := Size(1) << u.shift; s != 0 && s%unit == 0 {
			return strconv.FormatInt(int64(s/unit), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// ParseDuration reads "90s", "5m", "1h30m", and whole days, "7d"; "0" is none.
func ParseDuration(s string) (Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		const day, most = 24 * time.Hour, math.MaxInt64 / (24 * time.Hour)
		if n, err := strconv.ParseUint(days, 10, 63); err == nil && time.Duration(n) < most {
			return Duration(time.Duration(n) * day), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return Duration(d), nil
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil && n > 0 {
		return 0, fmt.Errorf("%q has no unit: write %ss for seconds or %sm for minutes", s, s, s)
	}
	return 0, fmt.Errorf("%q is not a duration: write for example 90s, 5m or 1h30m", s)
}

// ParseInterval reads a duration above 0, or "never".
func ParseInterval(s string) (Interval, error) {
	if s == "never" {
		return 0, nil
	}
	d, err := ParseDuration(s)
	if err != nil || d == 0 {
		return 0, fmt.Errorf("%q is not an interval: write for example 7d or 12h, or never", s)
	}
	return Interval(d), nil
}

// String writes the interval as a Duration is written, or "never".
func (i Interval) String() string {
	if i == 0 {
		return "never"
	}
	return Duration(i).String()
}

// String writes the duration without zero parts: "5m", "7d".
func (d Duration) String() string {
	if days := time.Duration(d) / (24 * time.Hour); days > 0 && time.Duration(d)%(24*time.Hour) == 0 {
		return strconv.Itoa(int(days)) + "d"
	}
	s := time.Duration(d).String()
	if t, ok := strings.CutSuffix(s, "m0s"); ok {
		s = t + "m"
	}
	if t, ok := strings.CutSuffix(s, "h0m"); ok {
		s = t + "h"
	}
	return s
}

// ParseWorkers reads "auto" or a number from 1 up.
func ParseWorkers(s string) (Workers, error) {
	if s == "auto" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a number of workers: write auto, or a number from 1 up", s)
	}
	return Workers(n), nil
}

// String writes "auto" for 0.
func (w Workers) String() string {
	if w == 0 {
		return "auto"
	}
	return strconv.Itoa(int(w))
}

// maxPool bounds how many places wait for a run.
const maxPool = 64

// ParsePool reads "auto" or a number from 0 to 64.
func ParsePool(s string) (Pool, error) {
	if s == "auto" {
		return AutoPool, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > maxPool {
		return 0, fmt.Errorf("%q is no size of a pool: write auto, or a number from 0 to %d", s, maxPool)
	}
	return Pool(n), nil
}

// String writes "auto" for AutoPool.
func (p Pool) String() string {
	if p == AutoPool {
		return "auto"
	}
	return strconv.Itoa(int(p))
}
