package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Clock returns a duration as people read it: "0.4s", "12.3s", "1m52s", "1h02m".
func Clock(d time.Duration) string {
	if d < 0 {
		return "-" + Clock(-d)
	}
	if tenths := d.Round(100 * time.Millisecond); tenths < time.Minute {
		return strconv.FormatFloat(tenths.Seconds(), 'f', 1, 64) + "s"
	}
	s := int64(d.Round(time.Second) / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	m := int64(d.Round(time.Minute) / time.Minute)
	return fmt.Sprintf("%dh%02dm", m/60, m%60)
}

// Span returns a duration in running text: "48 s", from a minute on as Clock.
func Span(d time.Duration) string {
	if s := d.Round(time.Second); s >= time.Second && s < time.Minute {
		return fmt.Sprintf("%d s", s/time.Second)
	}
	return Clock(d)
}

// Age is how old something is, or may be: "7 days", and else as Span.
func Age(d time.Duration) string {
	if days := int(d / (24 * time.Hour)); days > 0 && d%(24*time.Hour) == 0 {
		return Count(days, "day", "days")
	}
	return Span(d)
}

// Number is n in groups of three: "1 284".
func Number(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return sign + b.String()
}

// Count is n of something: "1 test", "1 284 tests".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}

// Bytes returns a size: "512 B", "3.2 MB".
func Bytes(n int64) string {
	for _, unit := range []struct {
		name string
		size int64
	}{{"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}} {
		if n >= unit.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(unit.size), unit.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}

// Percent is p, of 100, as it was said: "87.4 %".
func Percent(p float64) string { return strconv.FormatFloat(p, 'f', -1, 64) + " %" }
