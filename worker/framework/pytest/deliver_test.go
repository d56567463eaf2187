package pytest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
)

// A worker's report goes to where an option says, and to no other file that the
// arguments name.
func TestReportPlace(t *testing.T) {
	for _, c := range []struct {
		report string
		args   []string
		want   string
	}{
		{"out/r.html", []string{"-v", "--html=out/r.html"}, "out/r.html"},
		{"out/r.html", []string{"--html", "./out/r.html", "tests"}, "./out/r.html"},
		{"r.json", []string{"--json-report-file", "/elsewhere/r.json"}, "/elsewhere/r.json"},
		{"r.json", []string{"--json-report-file", "../r.json"}, "../r.json"},
		{"out/r.json", []string{"--json-report-file", "/elsewhere/r.json"}, ""},
		{"r.html", nil, ""},
		{"docs/usage.txt", []string{"-v", "docs/usage.txt"}, ""},
		{"docs/usage.txt", []string{"--html=r.html", "docs/usage.txt"}, ""},
		{"tests/test_a.py", []string{"--deselect", "tests/test_a.py"}, ""},
		{"setup.cfg", []string{"-c=setup.cfg"}, ""},
	} {
		if got := reportPlace(c.report, c.args); got != c.want {
			t.Errorf("%s of %q: %q, want %q", c.report, c.args, got, c.want)
		}
	}
}

func TestDeliver(t *testing.T) {
	limit := 85.0
	project := worker.Raw(suiteOptions{Project: []string{
		"--junitxml=j.xml", "--junitxml=../../.bashrc", "--log-file=logs.txt", "--html=../r.html", "--cov-report=html:cov/html", "--cov-report=xml:../c.xml",
	}})
	for name, test := range map[string]struct {
		summary Summary
		args    []string
		files   []string
		want    framework.Delivery
	}{
		"the user's --junitxml": {
			Summary{JUnitXML: "/reports/j.xml"}, []string{"--junitxml=/reports/j.xml"}, []string{"out/junit.xml"},
			framework.Delivery{Files: []framework.File{{Name: "out/junit.xml", As: "junit.xml", To: "/reports/j.xml"}}},
		},
		"the project's": {
			Summary{JUnitXML: "j.xml"}, nil, []string{"out/junit.xml"},
			framework.Delivery{Files: []framework.File{{Name: "out/junit.xml", As: "junit.xml", To: "j.xml"}}},
		},
		"the project's, which leads out": {
			Summary{JUnitXML: "../../.bashrc"}, nil, []string{"out/junit.xml"},
			framework.Delivery{
				Files:    []framework.File{{Name: "out/junit.xml", As: "junit.xml"}},
				Warnings: []string{"--junitxml ../../.bashrc is neither in the arguments nor a report below the project: left out"},
			},
		},
		"what a conftest names as it runs": {
			Summary{JUnitXML: "out/j.xml"}, nil, []string{"out/junit.xml", "out/reports/night.html", "out/reports/requirements.txt", "out/reports/.vscode/tasks.json", "out/reports/hook.py"},
			framework.Delivery{
				Files: []framework.File{
					{Name: "out/junit.xml", As: "junit.xml", To: "out/j.xml", New: true}, {Name: "out/reports/night.html", As: "reports/night.html", To: "night.html", New: true},
					{Name: "out/reports/requirements.txt", As: "reports/requirements.txt"}, {Name: "out/reports/.vscode/tasks.json", As: "reports/.vscode/tasks.json"},
					{Name: "out/reports/hook.py", As: "reports/hook.py"},
				},
				Notes: []string{"requirements.txt is in the run's results, in reports/", ".vscode/tasks.json is in the run's results, in reports/", "hook.py is in the run's results, in reports/"},
			},
		},
		"a worker's": {
			Summary{JUnitXML: "../forged.xml"}, nil, []string{"out/junit.xml"},
			framework.Delivery{
				Files:    []framework.File{{Name: "out/junit.xml", As: "junit.xml"}},
				Warnings: []string{"--junitxml ../forged.xml is neither in the arguments nor a report below the project: left out"},
			},
		},
		"what the project's own options name": {
			Summary{}, nil, []string{"out/reports/logs.txt", "out/reports/r.html", "out/coverage/html/index.html", "out/coverage/coverage.xml"},
			framework.Delivery{
				Files: []framework.File{
					{Name: "out/reports/logs.txt", As: "reports/logs.txt", To: "logs.txt"}, {Name: "out/reports/r.html", As: "reports/r.html", To: "r.html", New: true},
					{Name: "out/coverage/html/index.html", As: "coverage/html/index.html", To: "cov/html/index.html"},
					{Name: "out/coverage/coverage.xml", As: "coverage/coverage.xml"},
				},
			},
		},
		"coverage where the user says": {
			Summary{}, []string{"--cov-report=xml:/reports/c.xml", "--cov-report=markdown:c.md"}, []string{"out/coverage/coverage.xml", "out/coverage/coverage.md", "out/coverage/html/../../x"},
			framework.Delivery{Files: []framework.File{
				{Name: "out/coverage/coverage.xml", As: "coverage/coverage.xml", To: "/reports/c.xml"},
				{Name: "out/coverage/coverage.md", As: "coverage/coverage.md", To: "c.md"}, {Name: "out/coverage/html/../../x", As: "coverage/html/../../x"},
			}},
		},
		"plugins' reports": {
			Summary{}, []string{"--html=r.html"}, []string{"out/reports/r.html", "out/reports/assets/style.css", "out/reports/log.txt"},
			framework.Delivery{
				Files: []framework.File{
					{Name: "out/reports/r.html", As: "reports/r.html", To: "r.html"}, {Name: "out/reports/assets/style.css", As: "reports/assets/style.css"},
					{Name: "out/reports/log.txt", As: "reports/log.txt", To: "log.txt", New: true},
				},
			},
		},
		"coverage as coverage.py shows it": {
			Summary{Coverage: &CoverageSummary{Percent: 66.6666, Shown: "66.7", FailUnder: &limit, Under: true, Complete: true}}, nil, nil,
			framework.Delivery{Coverage: &framework.Covered{Percent: 66.7, FailUnder: 85, Under: true, Complete: true}},
		},
		"coverage that is not there": {
			Summary{Coverage: &CoverageSummary{Reason: "no worker wrote coverage data"}}, nil, nil,
			framework.Delivery{Coverage: &framework.Covered{Reason: "no worker wrote coverage data"}},
		},
	} {
		got, err := Description{}.Deliver(framework.Suite{Args: test.args, Options: project}, worker.Concluded{Files: test.files, Summary: worker.Raw(test.summary)})
		if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

// Coverage that was asked for and of which nothing comes is not complete.
func TestDeliverWithoutCoverage(t *testing.T) {
	suite := framework.Suite{Options: worker.Raw(suiteOptions{Coverage: &CoverageOptions{}})}
	d, err := Description{}.Deliver(suite, worker.Concluded{Summary: worker.Raw(Summary{})})
	if err != nil || d.Coverage == nil || d.Coverage.Complete || d.Coverage.Reason == "" {
		t.Errorf("%+v %v", d.Coverage, err)
	}
}
