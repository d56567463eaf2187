package coverage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The files were written by coverage.py 7.17.3 of one and the same data.
func TestReadRecorded(t *testing.T) {
	want := Totals{Lines: Counts{20, 24}, Branches: Counts{10, 12}}
	for _, name := range []string{"coverage.xml", "coverage.json", "total.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read(data)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for _, tc := range []struct{ name, data, says string }{
		{"nothing", "", "neither XML nor JSON"},
		{"text", "no coverage", "neither XML nor JSON"},
		{"other XML", "<testsuites/>", "the root is <testsuites>"},
		{"empty XML", "<?xml version='1.0'?>", "no <coverage> element"},
		{"cut XML", "<coverage lines-valid='4' ", "XML syntax error"},
		{"no counts", "<coverage line-rate='1'/>", "no lines-covered"},
		{"a word", "<coverage lines-valid='many' lines-covered='1'/>", "attribute lines-valid"},
		{"too many covered", "<coverage lines-valid='1' lines-covered='2'/>", "2 of 1 lines"},
		{"negative", `{"lines": {"covered": -1, "total": 1}}`, "-1 of 1 lines"},
		{"cut JSON", `{"totals": {`, "unexpected end"},
		{"other JSON", `{"tests": 1}`, "neither totals nor lines"},
		{"too large", `{"lines": {"covered": 1, "total": 1e99}}`, "cannot unmarshal"},
	} {
		if got, err := Read([]byte(tc.data)); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %+v, %v; want an error with %q", tc.name, got, err, tc.says)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"coverage.xml", "coverage.json", "total.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("<coverage lines-valid='1' lines-covered='1'/>"))
	f.Add([]byte("\ufeff{\"lines\":{}}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		totals, err := Read(data)
		if err != nil {
			if totals != (Totals{}) && totals.valid() == nil {
				t.Errorf("totals %+v beside the error %v", totals, err)
			}
			return
		}
		if p := totals.Percent(); p < 0 || p > 100 {
			t.Errorf("%+v is %v %%", totals, p)
		}
	})
}
