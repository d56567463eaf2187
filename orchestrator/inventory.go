package orchestrator

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/worker"
)

// inventoryFile lists the suite's tests in a run's directory: a history.File a line,
// in the suite's order. It is no event of the log, since a large suite's event would
// be longer than report.MaxLine.
const inventoryFile = "tests.jsonl"

// inventoryOf returns the discovered suite, the next run's hint.
func inventoryOf(found []worker.Discovered) []history.File {
	files := make([]history.File, len(found))
	for i, f := range found {
		files[i].Path = f.File
		for _, it := range f.Items {
			files[i].Tests = append(files[i].Tests, history.Test{ID: it.ID, Group: it.Group})
		}
	}
	return files
}

func writeInventory(dir runDir, files []history.File) (err error) {
	f, err := os.Create(filepath.Join(string(dir), inventoryFile))
	if err != nil {
		return fmt.Errorf("keep the list of tests: %w", err)
	}
	w := bufio.NewWriter(f)
	lines := json.NewEncoder(w)
	lines.SetEscapeHTML(false)
	for _, file := range files {
		err = errors.Join(err, lines.Encode(file))
	}
	if err = errors.Join(err, w.Flush(), f.Close()); err != nil {
		return fmt.Errorf("keep the list of tests: %w", err)
	}
	return nil
}

func readInventory(dir runDir) (files []history.File, err error) {
	f, err := os.Open(filepath.Join(string(dir), inventoryFile))
	if err != nil {
		return nil, fmt.Errorf("read the list of tests: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	for lines := json.NewDecoder(bufio.NewReader(f)); ; {
		var file history.File
		switch err := lines.Decode(&file); {
		case errors.Is(err, io.EOF):
			return files, nil
		case err != nil:
			return nil, fmt.Errorf("read the list of tests: %w", err)
		}
		files = append(files, file)
	}
}
