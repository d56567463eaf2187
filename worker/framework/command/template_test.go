package command

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFill(t *testing.T) {
	odd := []string{"a b", "it's", `"q" $HOME \n`, "*.[ch]", "ä(1)"}
	for name, c := range map[string]struct {
		command string
		units   []string
		want    string
	}{
		"words":                    {"run {units}", []string{"a", "b/c.d"}, "run a b/c.d"},
		"words that need quotes":   {"run {units}", odd, `run 'a b' 'it'\''s' '"q" $HOME \n' '*.[ch]' 'ä(1)'`},
		"an empty word":            {"run {units}", []string{""}, "run ''"},
		"joined":                   {"mvn -Dtest={units:,}", []string{"A", "B"}, "mvn -Dtest=A,B"},
		"joined, quoted":           {"mvn -Dtest={units:,}", []string{"A$B", "C"}, "mvn -Dtest='A$B,C'"},
		"joined with a word":       {"run {units: or }", []string{"a", "b"}, "run 'a or b'"},
		"between single quotes":    {"run '{units:,}'", []string{"it's", "b"}, `run 'it'\''s,b'`},
		"between double quotes":    {`run "{units:,}"`, []string{`$a"\`, "b"}, `run "\$a\"\\,b"`},
		"a regular expression":     {"ctest -R '^({units:regex})$'", []string{"a.b", "c+(d)|e"}, `ctest -R '^(a\.b|c\+\(d\)\|e)$'`},
		"escaped quotes do not":    {`run \'{units}\'`, []string{"a b"}, `run \''a b'\'`},
		"a path of ours":           {"run --out={junit} {units}", []string{"a"}, "run --out=/tmp/j.xml a"},
		"what is the shell's":      {`for i in {units}; do echo ${units} {unit} {}; done`, []string{"a"}, `for i in a; do echo ${units} {unit} {}; done`},
		"twice":                    {"run {units} -- {units:,}", []string{"a", "b"}, "run a b -- a,b"},
		"no word":                  {"run", []string{"a"}, "run"},
		"words of another command": {"run {files} {out}", []string{"a"}, "run {files} {out}"},
	} {
		t.Run(name, func(t *testing.T) {
			tmpl, err := parse(c.command, unitsWord, junitWord)
			if err != nil {
				t.Fatal(err)
			}
			if got := tmpl.fill(map[string][]string{unitsWord: c.units, junitWord: {"/tmp/j.xml"}}); got != c.want {
				t.Errorf("%s\nbecame %s\nwant   %s", c.command, got, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for command, want := range map[string]string{
		`run "{units}"`:    "stands between quotes",
		`run '{units}'`:    "stands between quotes",
		`run {units:}`:     "does not say what joins",
		`run {junit:,}`:    "is one path",
		`run "it's {units`: "",
	} {
		_, err := parse(command, unitsWord, junitWord)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", command, err, want)
		}
	}
}

// Whatever a unit is called, sh gives the command just that.
func TestShellUnderstandsWhatIsFilled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.StringMatching(`[a-z '"$\\` + "`" + `*?!~#&|;<>(){}=äü%-]{1,12}`)
		units := rapid.SliceOfN(unit, 1, 4).Draw(t, "units")
		for command, want := range map[string][]string{
			`printf '%s\n' {units}`:                units,
			`printf '%s\n' {units:,}`:              {strings.Join(units, ",")},
			`printf '%s\n' 'a{units:,}b'`:          {"a" + strings.Join(units, ",") + "b"},
			`printf '%s\n' "a{units:,}b"`:          {"a" + strings.Join(units, ",") + "b"},
			`printf '%s\n' "it's" x{units:, }"'"y`: {"it's", "x" + strings.Join(units, ", ") + "'y"},
		} {
			tmpl, err := parse(command, unitsWord)
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command("sh", "-c", tmpl.fill(map[string][]string{unitsWord: units})).Output()
			if err != nil || string(out) != strings.Join(want, "\n")+"\n" {
				t.Fatalf("%s with %q: %q, %v", command, units, out, err)
			}
		}
	})
}

// What sh or ctest would not take is cut, and nothing is lost.
func TestFits(t *testing.T) {
	var units []string
	for i := range 10_000 {
		units = append(units, fmt.Sprintf("directory/of/tests/test number %d", i))
	}
	for command, most := range map[string]int{
		"run {units}":             maxCommand,
		"run -R '{units:regex}'":  maxRegex + 100,
		"run $SHARDYARD_UNITS":    maxCommand,
		"run {units:,} {units: }": maxCommand,
	} {
		tmpl, err := parse(command, unitsWord)
		if err != nil {
			t.Fatal(err)
		}
		var ran []string
		batches := 0
		for rest := units; len(rest) > 0; batches++ {
			n := tmpl.fits(rest)
			if filled := tmpl.fill(map[string][]string{unitsWord: rest[:n]}); len(filled) > most {
				t.Errorf("%s: a command of %d bytes", command, len(filled))
			}
			ran, rest = append(ran, rest[:n]...), rest[n:]
		}
		if !slices.Equal(ran, units) {
			t.Errorf("%s: %d units in the batches of %d", command, len(ran), len(units))
		}
		if file := strings.Contains(command, "$"); file != (batches == 1) {
			t.Errorf("%s: %d batches", command, batches)
		}
	}
	one := strings.Repeat("x", 2*maxCommand)
	tmpl, _ := parse("run {units}", unitsWord)
	if n := tmpl.fits([]string{one, one}); n != 1 {
		t.Errorf("of two units that are too long, %d go together", n)
	}
}
