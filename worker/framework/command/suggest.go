package command

import (
	"os"
	"path/filepath"
	"regexp"

	"github.com/shardyard/shardyard/worker/framework"
)

// A known build is how the tests of a kind of project are listed and run.
type build struct {
	file  string         // that shows it
	holds *regexp.Regexp // what the file must say; nil for anything
	what  string
	lines []string
}

// suite is a suite of the config with two commands, and more keys.
func suite(name, list, run string, more ...string) []string {
	lines := []string{"suites:", "  " + name + ":", "    framework: command", "    list: " + list, "    run: " + run}
	for _, line := range more {
		lines = append(lines, "    "+line)
	}
	return lines
}

// host is the start of a config for projects whose tools this machine has.
func host(prepare string, lines []string) []string {
	return append([]string{"image: host", "setup: []", "prepare: [" + prepare + "]"}, lines...)
}

const scripts = `find . \( -name '*.test.[jt]s' -o -name '*.spec.[jt]s' -o -name '*.test.[jt]sx' \) -not -path '*/node_modules/*' | sort`

// builds are the kinds of projects that are known, the surest first.
var builds = []build{
	{"go.mod", nil, "Go", host("go build ./...", suite("go",
		`go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | sort`, `go test {units}`))},
	{"Cargo.toml", nil, "Rust", host("cargo test --no-run", suite("rust",
		`cargo test -- --list --format terse 2>/dev/null | sed -n 's/. test$//p' | sort -u`, `cargo test -- --exact {units}`))},
	{"pom.xml", nil, "Maven", host("mvn -q test-compile", suite("java",
		`find . -path '*/src/test/*' -name '*Test.java' | sort | xargs -n1 basename -s .java`, `"mvn -o -q surefire:test -Dtest={units:,}"`,
		`junit: "**/target/surefire-reports/TEST-*.xml"`, "case: classname"))},
	{"build.gradle.kts", nil, "Gradle", gradle},
	{"build.gradle", nil, "Gradle", gradle},
	{"package.json", regexp.MustCompile(`"vitest"`), "Node with Vitest", host("npm ci", suite("js", scripts, `"npx vitest run --reporter=junit --outputFile={junit} {units}"`, "case: classname"))},
	{"package.json", regexp.MustCompile(`"jest"`), "Node with Jest", host("npm ci", suite("js", scripts, `npx jest {units}`))},
	{"package.json", nil, "Node", host("npm ci", suite("js", scripts, `node --test {units}`))},
	{"CMakeLists.txt", nil, "CMake", host("cmake -S . -B b && cmake --build b", suite("native",
		`ctest --test-dir b -N | sed -n 's/^ *Test *#[0-9]*. //p'`, `"ctest --test-dir b -R '^({units:regex})$' --output-junit {junit}"`, "extra: ignore"))},
	{"Gemfile", nil, "Ruby", host("bundle install", suite("ruby",
		`find spec -name '*_spec.rb' | sort`, `bundle exec rspec {units}`))},
	{"Makefile", regexp.MustCompile(`(?m)^check\s*:`), "a Makefile", host("make", suite("all", `echo check`, `make {units}`))},
	{"Makefile", regexp.MustCompile(`(?m)^test\s*:`), "a Makefile", host("make", suite("all", `echo test`, `make {units}`))},
}

var gradle = host("./gradlew testClasses", suite("java",
	`find . -path '*/src/test/*' -name '*Test.*' | sort | sed 's#.*/##; s#[.][a-z]*$##'`, `./gradlew --offline test $(printf ' --tests %s' {units})`,
	`junit: "**/build/test-results/test/*.xml"`, "case: classname"))

// Suggest implements [framework.Suggester].
func (Description) Suggest(dir string) *framework.Unsupported {
	for _, b := range builds {
		text, err := os.ReadFile(filepath.Join(dir, b.file))
		if err != nil || b.holds != nil && !b.holds.Match(text) {
			continue
		}
		return &framework.Unsupported{
			Tool: b.what, File: b.file, Config: b.lines,
			Why: "shardyard runs tests of " + b.what + " by two commands, which nothing tells it yet",
		}
	}
	return nil
}
