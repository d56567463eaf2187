package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shardyard/shardyard/configs"
	"github.com/shardyard/shardyard/worker/framework"
)

// TestWhatInitSuggestsRuns: what is written for projects that are not Python's is a
// config whose suites their framework takes.
func TestWhatInitSuggestsRuns(t *testing.T) {
	for name, text := range map[string]string{
		"go.mod": "", "Cargo.toml": "", "pom.xml": "", "build.gradle": "", "build.gradle.kts": "", "CMakeLists.txt": "", "Gemfile": "", "package.json": "{}",
		"package.json jest": `{"devDependencies": {"jest": "29"}}`, "package.json vitest": `{"devDependencies": {"vitest": "3"}}`,
		"Makefile test": "all:\ntest: all\n", "Makefile check": "check:\n",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file, tool, _ := strings.Cut(name, " ")
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			d, err := configs.Detect(dir, descriptions())
			if err != nil || d.Suggested == nil || d.Suggested.File != file {
				t.Fatalf("%+v, %v", d, err)
			}
			if !strings.Contains(strings.Join(d.Suggested.Config, "\n"), tool) {
				t.Errorf("nothing of %s in %q", tool, d.Suggested.Config)
			}
			c, err := configs.Parse(configs.FileName, []byte(configs.Init(d)), descriptions())
			if err != nil {
				t.Fatalf("%v\n%s", err, configs.Init(d))
			}
			s, err := c.Suite("")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := description(s.Framework).Suite(framework.Ask{Keys: s.Keys}); err != nil {
				t.Error(err)
			}
		})
	}
}
