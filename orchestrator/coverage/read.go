package coverage

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Read reads totals in any form that this package knows: Cobertura's XML, the
// JSON report of coverage.py, or the JSON of Totals itself.
func Read(data []byte) (Totals, error) {
	switch trimmed := bytes.TrimLeft(data, " \t\r\n\ufeff"); {
	case bytes.HasPrefix(trimmed, []byte("<")):
		return ReadXML(bytes.NewReader(trimmed))
	case bytes.HasPrefix(trimmed, []byte("{")):
		return ReadJSON(trimmed)
	default:
		return Totals{}, errors.New("read coverage: neither XML nor JSON")
	}
}

// ReadXML reads the totals of a Cobertura file, as `coverage xml` writes it:
// the attributes of its root. It reads no further than that.
func ReadXML(r io.Reader) (Totals, error) {
	dec := xml.NewDecoder(r)
	dec.Strict = true
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			err = errors.New("no <coverage> element")
		}
		if err != nil {
			return Totals{}, fmt.Errorf("read coverage XML: %w", err)
		}
		root, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if root.Name.Local != "coverage" {
			return Totals{}, fmt.Errorf("read coverage XML: the root is <%s>, not <coverage>", root.Name.Local)
		}
		t, err := rootTotals(root.Attr)
		if err != nil {
			return Totals{}, fmt.Errorf("read coverage XML: %w", err)
		}
		return t, nil
	}
}

func rootTotals(attrs []xml.Attr) (t Totals, err error) {
	fields := map[string]*int{
		"lines-covered": &t.Lines.Covered, "lines-valid": &t.Lines.Total,
		"branches-covered": &t.Branches.Covered, "branches-valid": &t.Branches.Total,
	}
	found := 0
	for _, attr := range attrs {
		field, ok := fields[attr.Name.Local]
		if !ok {
			continue
		}
		if *field, err = strconv.Atoi(attr.Value); err != nil {
			return Totals{}, fmt.Errorf("attribute %s: %w", attr.Name.Local, err)
		}
		delete(fields, attr.Name.Local)
		found++
	}
	if found < 2 || fields["lines-valid"] != nil || fields["lines-covered"] != nil {
		return Totals{}, errors.New("the root has no lines-covered and lines-valid")
	}
	return t, t.valid()
}

// ReadJSON reads the "totals" of coverage.py's JSON report, or Totals in its
// own form.
func ReadJSON(data []byte) (Totals, error) {
	var file struct {
		Totals *struct {
			CoveredLines    int `json:"covered_lines"`
			NumStatements   int `json:"num_statements"`
			CoveredBranches int `json:"covered_branches"`
			NumBranches     int `json:"num_branches"`
		} `json:"totals"`
		Lines    *Counts `json:"lines"`
		Branches Counts  `json:"branches"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return Totals{}, fmt.Errorf("read coverage JSON: %w", err)
	}
	var t Totals
	switch {
	case file.Totals != nil:
		t.Lines = Counts{file.Totals.CoveredLines, file.Totals.NumStatements}
		t.Branches = Counts{file.Totals.CoveredBranches, file.Totals.NumBranches}
	case file.Lines != nil:
		t.Lines, t.Branches = *file.Lines, file.Branches
	default:
		return Totals{}, errors.New("read coverage JSON: it has neither totals nor lines")
	}
	if err := t.valid(); err != nil {
		return Totals{}, fmt.Errorf("read coverage JSON: %w", err)
	}
	return t, nil
}
