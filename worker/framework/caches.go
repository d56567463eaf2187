package framework

import (
	"maps"
	"slices"
)

// places are where installers of a language keep what they download: the files that show
// that a project uses them, and the variables that say where, below {cache}.
type places struct {
	shows     []string
	variables map[string]string
}

// running are the variables of those that tests run too, and that download or compile what
// their cache lacks.
var running = []string{"GOMODCACHE", "GOCACHE", "CARGO_HOME", "MAVEN_ARGS", "GRADLE_USER_HOME"}

// CachesOfTests returns those of Caches that tests need besides.
func CachesOfTests(dir string) map[string]string {
	set := Caches(dir)
	maps.DeleteFunc(set, func(name, _ string) bool { return !slices.Contains(running, name) })
	return set
}

var allPlaces = []places{
	{[]string{"package.json"}, map[string]string{
		"npm_config_cache": "{cache}/npm", "npm_config_store_dir": "{cache}/pnpm", "npm_config_update_notifier": "false",
		"YARN_CACHE_FOLDER": "{cache}/yarn", "YARN_GLOBAL_FOLDER": "{cache}/yarn-berry", "BUN_INSTALL_CACHE_DIR": "{cache}/bun",
		"COREPACK_HOME": "{cache}/corepack",
	}},
	{[]string{"go.mod", "go.work"}, map[string]string{"GOMODCACHE": "{cache}/go/mod", "GOCACHE": "{cache}/go/build"}},
	{[]string{"Cargo.toml"}, map[string]string{"CARGO_HOME": "{cache}/cargo"}},
	{[]string{"pom.xml"}, map[string]string{"MAVEN_ARGS": "-Dmaven.repo.local={cache}/maven"}},
	{[]string{"build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"}, map[string]string{"GRADLE_USER_HOME": "{cache}/gradle"}},
	{[]string{"Gemfile"}, map[string]string{"BUNDLE_USER_CACHE": "{cache}/bundle"}},
	{[]string{"composer.json"}, map[string]string{"COMPOSER_CACHE_DIR": "{cache}/composer"}},
	{[]string{"pyproject.toml", "Pipfile", "setup.py", "requirements*.txt"}, map[string]string{
		"PIP_CACHE_DIR": "{cache}/pip", "UV_CACHE_DIR": "{cache}/uv", "POETRY_CACHE_DIR": "{cache}/poetry", "PDM_CACHE_DIR": "{cache}/pdm",
		"PIPENV_CACHE_DIR": "{cache}/pipenv",
	}},
}

// Caches returns variables of builders that place the caches of the installers that a
// project's files show, in its directory or one directory below.
func Caches(dir string) map[string]string {
	set := map[string]string{}
	for _, p := range allPlaces {
		for _, name := range p.shows {
			if shows(dir, name) {
				maps.Copy(set, p.variables)
			}
		}
	}
	return set
}
