package pytest

import (
	"sync"
	"testing"

	"github.com/shardyard/shardyard/internal/needs"
	"github.com/shardyard/shardyard/testsuites/venv"
)

// releases are the pytest releases that sessions are held against plain pytest
// on, each with plugins of its time.
var releases = map[string][]string{
	"7": {
		"pytest==7.4.4", "pytest-timeout==2.3.1", "pytest-rerunfailures==14.0", "pytest-randomly==3.15.0",
		"pytest-asyncio==0.23.8", "anyio==4.4.0", "pytest-order==1.2.1", "pytest-subtests==0.12.1",
		"hypothesis==6.108.5", "pytest-cov==5.0.0", "pytest-django==4.8.0", "django==4.2.14", "pytest-xdist==3.6.1",
		"pytest-split==0.9.0", "pytest-html==4.1.1", "pytest-json-report==1.5.0", "pytest-reportlog==0.4.0",
	},
	"8": {
		"pytest==8.4.2", "pytest-timeout==2.4.0", "pytest-rerunfailures==16.0.1", "pytest-randomly==4.0.1",
		"pytest-asyncio==1.2.0", "anyio==4.11.0", "pytest-order==1.3.0", "pytest-subtests==0.14.2",
		"hypothesis==6.140.2", "pytest-cov==7.0.0", "pytest-django==4.11.1", "django==5.2.6", "pytest-xdist==3.8.0",
		"pytest-split==0.10.0", "pytest-html==4.1.1", "pytest-json-report==1.5.0", "pytest-reportlog==0.4.0",
	},
	"9": {
		"pytest==9.2.0", "pytest-timeout==2.4.0", "pytest-rerunfailures==16.1", "pytest-randomly==4.0.1",
		"pytest-asyncio==1.3.0", "anyio==4.12.0", "pytest-order==1.3.0",
		"hypothesis==6.148.7", "pytest-cov==7.0.0", "pytest-django==4.11.1", "django==5.2.9", "pytest-xdist==3.8.0",
		"pytest-split==0.11.0", "pytest-html==4.2.0", "pytest-json-report==1.5.0", "pytest-reportlog==1.0.0",
	},
}

// pluginModules are what -p loads a plugin of the environments by. None is
// loaded unless a project asks for it, in a line "plugins: ..." of its comment.
var pluginModules = map[string]string{
	"timeout": "pytest_timeout", "rerunfailures": "pytest_rerunfailures", "randomly": "pytest_randomly",
	"asyncio": "pytest_asyncio.plugin", "anyio": "anyio.pytest_plugin", "order": "pytest_order.plugin",
	"subtests": "pytest_subtests.plugin", "hypothesis": "_hypothesis_pytestplugin", "cov": "pytest_cov.plugin",
	"metadata": "pytest_metadata.plugin", "html": "pytest_html.plugin", "json_report": "pytest_jsonreport.plugin", "reportlog": "pytest_reportlog.plugin",
	"django": "pytest_django.plugin", "xdist": "xdist.plugin", "split": "pytest_split.plugin",
}

var made struct {
	sync.Mutex
	python map[string]string
}

// interpreter is the Python of an environment with the given pytest release.
// It is made once per machine.
func interpreter(t *testing.T, release string) string {
	t.Helper()
	needs.More(t, "a package index")
	made.Lock()
	defer made.Unlock()
	if python, ok := made.python[release]; ok {
		return python
	}
	python, err := venv.Make(releases[release]...)
	if err != nil {
		t.Fatalf("environment of pytest %s: %v", release, err)
	}
	if made.python == nil {
		made.python = map[string]string{}
	}
	made.python[release] = python
	return python
}
