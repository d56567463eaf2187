package console

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// TestText has what a hostile test might print, and how it is shown.
func TestText(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain text", "==== 4 passed in 0.1s ====\n\ta tab, é, 日本, ✗ and 👩‍🔬\n", "==== 4 passed in 0.1s ====\n\ta tab, é, 日本, ✗ and 👩‍🔬\n"},
		{"colours", "\x1b[31mred\x1b[0m \x1b[1;38;5;8mgrey\x1b[m \x1b[48;2;8;8;8mdark\x1b[0m \x1b[4:3mwavy\x1b[0m", "\x1b[31mred\x1b[0m \x1b[1;38;5;8mgrey\x1b[m \x1b[48;2;8;8;8mdark\x1b[0m \x1b[4:3mwavy\x1b[0m"},
		{"a colour that does not end", "\x1b[41mall red", "\x1b[41mall red\x1b[0m"},
		{"hidden text", "\x1b[8mhidden\x1b[1;8mtoo\x1b[0m", "^[[8mhidden^[[1;8mtoo\x1b[0m"},
		{"the cursor", "\x1b[2J\x1b[1;1H\x1b[3APASS\x1b[K", "^[[2J^[[1;1H^[[3APASS^[[K"},
		{"a link", "\x1b]8;;https://example.org\x1b\\click\x1b]8;;\x07", `^[]8;;https://example.org^[\click^[]8;;^G`},
		{"a title, the clipboard", "\x1b]0;title\x07\x1b]52;c;cm0gLXJm\x07", "^[]0;title^G^[]52;c;cm0gLXJm^G"},
		{"a reset of the terminal", "\x1bc\x0e\x1b(0", "^[c^N^[(0"},
		{"C1 controls", "a\u009b2Jb\x9b2J", `a\u009b2Jb` + "\uFFFD2J"},
		{"covered lines", "FAIL\rPASS\r\nx\by\x7f\n", "FAIL\nPASS\nx^Hy^?\n"},
		{"reordered characters", "a\u202eb\u2066", `a\u202eb\u2066`},
		{"a sequence without end", "\x1b[" + strings.Repeat("1;", 80) + "mx", "^[[" + strings.Repeat("1;", 80) + "mx"},
		{"GitHub's commands", "::error::x\n  ::add-mask::y\n\x1b[1m::set-output name=a::b\ntests/a.py::test PASSED\n", ": :error::x\n  : :add-mask::y\n\x1b[1m: :set-output name=a::b\ntests/a.py::test PASSED\n\x1b[0m"},
		{"behind a carriage return", "x\r::error::y", "x\n: :error::y"},
		{"GitHub's older commands", "x ##[add-path]/tmp", "x # #[add-path]/tmp"},
		{"Azure's", "x ##vso[task.setvariable]y ##VSO[", "x # #vso[task.setvariable]y # #VSO["},
		{"TeamCity's", "##teamcity[buildStop]", "# #teamcity[buildStop]"},
		{"GitLab's", "\x1b[0Ksection_start:1:x\r\x1b[0K", "^[[0Ksection_start:1:x\n^[[0K"},
		{"Buildkite's", "--- a\n+++ b\n~~~ c\n\x1b[1m--- d\x1b[0m\n---- e\n x --- y\n", " --- a\n +++ b\n ~~~ c\n\x1b[1m --- d\x1b[0m\n---- e\n x --- y\n"},
		{"beginnings that go on otherwise", "# a\n##\n:\n-\n##v", "# a\n##\n:\n-\n# #v"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, write := range []func(*Text) error{
				func(to *Text) error { _, err := to.Write([]byte(c.text)); return err },
				func(to *Text) error {
					_, err := io.Copy(struct{ io.Writer }{to}, iotest.OneByteReader(strings.NewReader(c.text)))
					return err
				},
			} {
				var out bytes.Buffer
				to := NewText(&out, true)
				if err := write(to); err != nil {
					t.Fatal(err)
				}
				if err := to.Flush(); err != nil {
					t.Fatal(err)
				}
				if got := out.String(); got != c.want {
					t.Errorf("shown as\n%q, not as\n%q", got, c.want)
				}
			}
		})
	}
}

// acts is what a terminal or a CI system would obey.
var acts = regexp.MustCompile(`(?im)\x1b([^\[]|\[[0-9;:]*[^0-9;:m]|$)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]|\x{9b}|##\[|##vso\[|##teamcity\[|^(\x1b\[[0-9;:]*m|\s)*::|^(\x1b\[[0-9;:]*m)*(---|\+\+\+|~~~) `)

// TestTextIsInert tries texts of such pieces, in writes and flushes of any length.
func TestTextIsInert(t *testing.T) {
	pieces := []string{"\x1b", "[", "8", "31", ";", "m", "J", "]", "\\", "\a", "\r", "\n", "\t", " ", ":", "::", "#", "##", "vso[", "teamcity[", "error", "-", "--- ", "+++ ", "é", "\u009b", "\u202e", "\x9b", "\xe6\x97", "x"}
	rapid.Check(t, func(t *rapid.T) {
		var out bytes.Buffer
		to := NewText(&out, true)
		for _, piece := range rapid.SliceOf(rapid.SampledFrom(append(pieces, "flush"))).Draw(t, "text") {
			var err error
			if piece == "flush" {
				err = to.Flush()
			} else {
				_, err = to.Write([]byte(piece))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := to.Flush(); err != nil {
			t.Fatal(err)
		}
		if found := acts.FindString(out.String()); found != "" {
			t.Fatalf("%q acts in %q", found, &out)
		}
	})
}

// TestJSONMeansTheSame: programs read what was written.
func TestJSONMeansTheSame(t *testing.T) {
	want := "##vso[x] ### \u009b2J \x7f \u202e \x1b[2J ::error:: é"
	var out bytes.Buffer
	enc := json.NewEncoder(NewJSON(&out))
	enc.SetEscapeHTML(false)
	if err := enc.Encode(map[string]string{"text": want}); err != nil {
		t.Fatal(err)
	}
	if found := acts.FindString(out.String()); found != "" {
		t.Errorf("%q acts in %q", found, &out)
	}
	var got map[string]string
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got["text"] != want {
		t.Errorf("%q, %v, not %q", got["text"], err, want)
	}
}
