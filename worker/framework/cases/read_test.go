package cases

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

func readAll(t *testing.T, r io.Reader) (list []Case) {
	t.Helper()
	if err := Read(r, func(c Case) error { list = append(list, c); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

// The files in testdata/read were written by the tools that they are named for.
func TestReadWhatToolsWrite(t *testing.T) {
	files, err := filepath.Glob("testdata/read/*.xml")
	if err != nil || len(files) < 6 {
		t.Fatalf("testdata/read has %d files (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, c := range readAll(t, bytes.NewReader(data)) {
				fmt.Fprintf(&b, "%s class=%q name=%q file=%q %gms\n  message: %q\n  detail: %q\n  output: %q\n",
					c.Outcome, c.Class, c.Name, c.File, c.Millis, c.Message, c.Detail, c.Output)
			}
			golden(t, strings.TrimSuffix(file, ".xml")+".golden", b.String())
		})
	}
}

func TestReadOutcomes(t *testing.T) {
	for name, c := range map[string]struct {
		xml  string
		want worker.Outcome
	}{
		"nothing said":                        {`<testcase name="a"/>`, worker.Passed},
		"failure":                             {`<testcase name="a"><failure/></testcase>`, worker.Failing},
		"an error counts more":                {`<testcase name="a"><failure/><error/></testcase>`, worker.Errored},
		"skipped":                             {`<testcase name="a"><skipped/></testcase>`, worker.Skipped},
		"disabled by ctest":                   {`<testcase name="a" classname="a" status="disabled"/>`, worker.Skipped},
		"disabled by GoogleTest":              {`<testcase name="a" classname="S" status="notrun" result="suppressed"/>`, worker.Skipped},
		"ctest: the program is missing":       {`<testcase name="a" classname="a" status="notrun"><skipped message="Unable to find executable"/></testcase>`, worker.Errored},
		"ctest: a status that skips":          {`<testcase name="a" classname="a" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/></testcase>`, worker.Skipped},
		"Surefire: passed when it was rerun":  {`<testcase name="a"><flakyFailure/></testcase>`, worker.Passed},
		"Surefire: failed also when rerun":    {`<testcase name="a"><failure/><rerunFailure/></testcase>`, worker.Failing},
		"a failure inside of what it printed": {`<testcase name="a"><system-out>&lt;failure/&gt;</system-out></testcase>`, worker.Passed},
		"a failure inside of properties":      {`<testcase name="a"><properties><failure/></properties></testcase>`, worker.Passed},
	} {
		t.Run(name, func(t *testing.T) {
			list := readAll(t, strings.NewReader("<testsuites><testsuite><testsuite>"+c.xml+"</testsuite></testsuite></testsuites>"))
			if len(list) != 1 || list[0].Outcome != c.want {
				t.Errorf("%+v, want one case, %s", list, c.want)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for name, c := range map[string]struct{ xml, want string }{
		"an empty file":          {"", "unexpected EOF"},
		"half a file":            {"<testsuite><testcase name='a'/><testcase", "unexpected EOF"},
		"no JUnit":               {"<html></html>", "no JUnit file"},
		"two roots":              {"<testsuite/><testsuite/>", "no JUnit file"},
		"elements that cross":    {"<testsuite><testcase></testsuite></testcase>", "ends nothing"},
		"a document type":        {`<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>`, "document type"},
		"an entity of its own":   {"<testsuite name='&a;'/>", "invalid character entity"},
		"too deep":               {strings.Repeat("<testsuite>", 70), "nested more than 64 deep"},
		"bytes that are no text": {"<testsuite><testcase name='\xff'/></testsuite>", "invalid UTF-8"},
		"another encoding":       {`<?xml version="1.0" encoding="UTF-16"?><testsuite/>`, "UTF-16"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Read(strings.NewReader(c.xml), func(Case) error { return nil })
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestReadLatin1(t *testing.T) {
	list := readAll(t, strings.NewReader("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><testsuite><testcase name='\xe4'/></testsuite>"))
	if len(list) != 1 || list[0].Name != "ä" {
		t.Errorf("%+v, want ä", list)
	}
}

func TestReadIsBounded(t *testing.T) {
	long := "<testsuite>" + strings.Repeat("<testcase name='a'/>", 100) + "</testsuite>"
	if err := read(strings.NewReader(long), 1000, func(Case) error { return nil }); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("%v, want that it is too large", err)
	}
	out := strings.Repeat("x", 3*keptText)
	list := readAll(t, strings.NewReader("<testsuite><testcase name='a'><system-out>begin"+out+"end</system-out></testcase></testsuite>"))
	got := list[0].Output
	if len(got) > keptText+100 || !strings.HasPrefix(got, "beginx") || !strings.HasSuffix(got, "xend") || !strings.Contains(got, "bytes are left out here") {
		t.Errorf("%d bytes of output, %.20q ... %.20q", len(got), got, got[len(got)-20:])
	}
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/read/*.xml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var list []Case
		if err := Read(bytes.NewReader(data), func(c Case) error { list = append(list, c); return nil }); err != nil {
			return
		}
		var first bytes.Buffer
		writeTo(&first, Dialect{Suite: "s"}, []Unit{{ID: "u", Cases: list}})
		again := readAll(t, &first)
		if len(again) != len(list) {
			t.Fatalf("%d cases became %d when they were written", len(list), len(again))
		}
		for i := range list {
			if again[i].Outcome != list[i].Outcome || again[i].Name != list[i].Name {
				t.Errorf("case %d: %+v became %+v", i, list[i], again[i])
			}
		}
	})
}
