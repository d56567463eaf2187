package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/moby/sys/atomicwriter"

	"github.com/shardyard/shardyard/internal/shell"
	"github.com/shardyard/shardyard/orchestrator/history"
	"github.com/shardyard/shardyard/orchestrator/report"
	"github.com/shardyard/shardyard/orchestrator/report/page"
	"github.com/shardyard/shardyard/orchestrator/runs"
	"github.com/shardyard/shardyard/worker/framework"
)

// pageFile is the page in a run's directory.
const pageFile = "report.html"

// A pageMaker gathers what the page of a run is made of.
type pageMaker struct {
	run     *runs.Run
	rep     *report.Report
	project string      // its directory
	db      *history.DB // nil for none
	began   report.RunStarted
}

// write writes the page to a file, whole or not at all.
func (m *pageMaker) write(ctx context.Context, to string) error {
	var err error
	if m.began, err = firstOf(m.run.Path(runs.Log)); err != nil {
		return err
	}
	d, err := m.data(ctx)
	if err != nil {
		return err
	}
	if abs, err := filepath.Abs(to); err == nil && filepath.Dir(abs) == filepath.Clean(m.run.Dir) {
		d.Results = m.beside()
	}
	var out bytes.Buffer
	if err := page.Write(&out, d); err != nil {
		return err
	}
	if err := atomicwriter.WriteFile(to, out.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// firstOf returns the event that opens a log.
func firstOf(path string) (began report.RunStarted, err error) {
	f, err := os.Open(path)
	if err != nil {
		return began, fmt.Errorf("open the run's record: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	enough := errors.New("it is known")
	_, err = report.ReadLog(f, func(e report.Event) error {
		began, _ = e.Body.(report.RunStarted)
		return enough
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return began, err
}

func (m *pageMaker) data(ctx context.Context) (d page.Data, err error) {
	d = page.Data{Report: m.rep, Name: filepath.Base(m.project), Commands: m.commands()}
	if d.Texts, err = m.texts(); err != nil {
		return d, err
	}
	if err := m.others(&d); err != nil {
		return d, err
	}
	if d.Coverage, err = m.coverage(); err != nil {
		return d, err
	}
	return d, m.past(ctx, &d)
}

// The bytes of all texts, and of one, that a page takes in: far more than a framework
// leaves.
const maxTexts, maxText = 512 << 20, 4 << 20

// texts reads what the framework said of failures.
func (m *pageMaker) texts() (texts map[page.Attempt]string, err error) {
	texts = map[page.Attempt]string{}
	f, err := os.Open(m.run.Path(runs.Texts))
	if errors.Is(err, fs.ErrNotExist) {
		return texts, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the texts of failures: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	lines := bufio.NewScanner(io.LimitReader(f, maxTexts))
	lines.Buffer(nil, maxText)
	for lines.Scan() {
		var x struct {
			Test    string `json:"test"`
			Attempt int    `json:"attempt"`
			Text    string `json:"text"`
		}
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			return nil, fmt.Errorf("read %s: %w", f.Name(), err)
		}
		texts[page.Attempt{Test: x.Test, Number: x.Attempt}] = x.Text
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	return texts, nil
}

// others adds the texts that only the JUnit file has: of frameworks that leave no
// failures.jsonl, and of files that could not be collected.
func (m *pageMaker) others(d *page.Data) error {
	failures, err := m.run.Failures()
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(m.rep.Tests))
	for i := range m.rep.Tests {
		known[m.rep.Tests[i].Test] = true
	}
	for _, f := range failures {
		switch {
		case known[f.Test]:
			d.Texts[page.Attempt{Test: f.Test}] = f.Text
		case m.rep.Totals.CollectErrors > 0:
			d.Uncollected = append(d.Uncollected, page.Text{Name: f.Test, Text: f.Text})
		}
	}
	return nil
}

// maxSource bounds a source that a page shows, in bytes.
const maxSource = 1 << 20

// coverage reads which lines did not run, and the sources that are still as they were
// tested.
func (m *pageMaker) coverage() (files []page.File, err error) {
	path := m.run.Path("coverage", "files.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was covered: %w", err)
	}
	var measured map[string]coveredFile
	if err := json.Unmarshal(data, &measured); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	checkout, err := os.OpenRoot(m.project)
	if err != nil {
		return nil, fmt.Errorf("read the sources: %w", err)
	}
	defer func() { err = errors.Join(err, checkout.Close()) }()
	for name, c := range measured {
		files = append(files, page.File{Path: name, Lines: c.lines, Missing: c.missing, Source: m.source(checkout, filepath.FromSlash(name))})
	}
	return files, nil
}

// source returns the text of a file of the project; "" if that is not what was tested,
// or not to be had.
func (m *pageMaker) source(checkout *os.Root, name string) string {
	if slices.ContainsFunc(m.began.Invocation, func(a string) bool { return strings.HasPrefix(a, "--rev=") }) {
		return "" // it was a commit's
	}
	info, err := checkout.Stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxSource || info.ModTime().After(m.rep.StartedAt) {
		return ""
	}
	text, err := checkout.ReadFile(name)
	if err != nil {
		return ""
	}
	return string(text)
}

// A coveredFile is [lines, [missing, ...]].
type coveredFile struct {
	lines   int
	missing []int
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *coveredFile) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&c.lines, &c.missing})
}

// past adds what the history knows of the time before the run.
func (m *pageMaker) past(ctx context.Context, d *page.Data) error {
	if m.db == nil {
		return nil
	}
	key := history.Key(m.began.ProjectID, m.began.Suite)
	list, err := m.db.Runs(ctx, key, 0)
	if err != nil {
		return err
	}
	for _, r := range slices.Backward(list) {
		if r.ID < m.rep.Run { // ids begin with the time
			d.Runs = append(d.Runs, page.Run{
				ID: r.ID, At: r.StartedAt, Duration: r.Duration, Predicted: r.Predicted, Workers: r.Workers, Exit: r.Exit, Failed: r.Failed,
				Commit: r.Commit, Coverage: r.Coverage,
			})
		}
	}
	marks, err := m.db.Outcomes(ctx, key, nil, m.rep.Run)
	if err != nil {
		return err
	}
	d.Past = make(map[string][]page.Mark, len(marks))
	for id, list := range marks {
		for _, x := range list {
			if x.Run < m.rep.Run {
				d.Past[string(id)] = append(d.Past[string(id)], page.Mark{Verdict: endedAs(x), Took: time.Duration(x.Took) * time.Microsecond})
			}
		}
	}
	return nil
}

// commands returns what makes the commands that run a test again. Without shardyard, and
// in a run of its own, a test runs where the framework can choose one.
func (m *pageMaker) commands() func(test string) []page.Command {
	chooser, ok := description(m.began.Framework).(framework.Chooser)
	run := "shardyard run "
	if m.began.Suite != "" {
		run += m.began.Suite + " "
	}
	return func(test string) (list []page.Command) {
		if report.Clean(test) == test { // else what is shown is not what it is called
			list = append(list, page.Command{For: "beside this run's verdicts", Line: "shardyard rerun " + m.rep.Run + " " + shell.Word(test)})
		}
		if !ok {
			return list
		}
		argument, command := chooser.Choose(test)
		for i, word := range command[1:] {
			command[i+1] = shell.Quote(word)
		}
		return append(list,
			page.Command{For: "in the same environment", Line: run + "-- " + shell.Quote(argument)},
			page.Command{For: "in your checkout", Line: strings.Join(command, " ")})
	}
}

// beside returns those of the run's files that a reader of its page may want.
func (m *pageMaker) beside() (names []string) {
	for _, name := range []string{runs.JUnit, runs.Record, runs.Log, runs.Texts, "coverage/coverage.xml", "coverage/files.json", "coverage/html/index.html"} {
		if _, err := os.Stat(m.run.Path(filepath.FromSlash(name))); err == nil {
			names = append(names, name)
		}
	}
	return names
}

// leave writes the page of a run into its directory. A run whose page cannot be
// written has its verdict all the same.
func (m *pageMaker) leave(ctx context.Context, logger hclog.Logger) {
	if err := m.write(context.WithoutCancel(ctx), m.run.Path(pageFile)); err != nil {
		logger.Warn("the run has no page: `shardyard report --html FILE` tries again", "error", err)
	}
}

// browse opens a file in the user's browser: the program that $BROWSER names, or the
// system's choice.
func browse(ctx context.Context, path string) error {
	program := []string{"xdg-open"}
	switch named := os.Getenv("BROWSER"); {
	case named != "":
		program = []string{named}
	case runtime.GOOS == "darwin":
		program = []string{"open"}
	case runtime.GOOS == "windows":
		program = []string{"rundll32", "url.dll,FileProtocolHandler"}
	}
	if out, err := exec.CommandContext(ctx, program[0], append(program[1:], path)...).CombinedOutput(); err != nil { //nolint:gosec // a program of this table
		return fmt.Errorf("%s does not show the page (%w%s): open %s in a browser", program[0], err, inBrackets(out), path)
	}
	return nil
}

// inBrackets returns the first line of what a program said, to stand behind its error.
func inBrackets(out []byte) string {
	first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if first == "" {
		return ""
	}
	return ": " + report.Clean(first)
}
