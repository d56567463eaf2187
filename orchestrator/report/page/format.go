package page

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/shardyard/shardyard/orchestrator/report"
)

// span returns a duration as people read it: "0.80 ms", "150 ms", "28.3 s", "1m10s".
func span(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case d < 0:
		return "−" + span(-d)
	case d == 0:
		return "0"
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 2, 64) + " ms"
	case ms < 999.5:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	case d < 59950*time.Millisecond:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	}
	return report.Clock(d)
}

func millis(d report.Duration) float64 { return float64(d.Std()) / float64(time.Millisecond) }

// percent returns a share of a whole: "23 %".
func percent(part, whole float64) string {
	if whole <= 0 {
		return ""
	}
	return fmt.Sprintf("%.0f %%", 100*part/whole)
}

// coordinate is a number in a drawing, short.
func coordinate(x float64) string {
	text := strconv.FormatFloat(x, 'f', 1, 64)
	return strings.TrimSuffix(text, ".0")
}

// clip shortens a text to so many characters: a quarter of them from its beginning.
func clip(text string, most int) string {
	text = plain(text)
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	first := most / 4
	return string(runes[:first]) + fmt.Sprintf("\n[... %s are left out ...]\n", report.Count(len(runes)-most, "character", "characters")) + string(runes[len(runes)-(most-first):])
}

// short is the beginning of a commit or a tree.
func short(id string) string { return id[:min(len(id), 10)] }

// colours are what programs write to have terminals colour, and title, their text.
var colours = regexp.MustCompile("\x1b(\\[[0-9;:?]*[ -/]*[@-~]|\\][^\x07\x1b]*(\x07|\x1b\\\\))")

// plain returns text of several lines without what only a terminal understands, or is
// not to be seen.
func plain(text string) string {
	text = colours.ReplaceAllString(strings.ToValidUTF8(text, "\uFFFD"), "")
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' && c != '\t' || unicode.Is(unicode.Bidi_Control, c) {
			return unicode.ReplacementChar
		}
		return c
	}, strings.ReplaceAll(text, "\r\n", "\n"))
}
