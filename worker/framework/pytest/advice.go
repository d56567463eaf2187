package pytest

import (
	"fmt"

	"github.com/shardyard/shardyard/worker"
	"github.com/shardyard/shardyard/worker/framework"
	"github.com/shardyard/shardyard/worker/framework/python"
)

// Advise implements [framework.Adviser]: modules, and plugins of pytest.
func (Description) Advise(l worker.Lack, d framework.Desk) framework.Advice {
	switch l.Kind {
	case worker.LackModule:
		return python.AdviseModule(l.Name, d, onPath)
	case worker.LackFixture:
		return plugin("fixture "+l.Name, byFixture[l.Name], d)
	case worker.LackMarker:
		return plugin("plugin for the marker "+l.Name, byMarker[l.Name], d)
	case worker.LackOption:
		for _, o := range byOption {
			if o.option.MatchString(l.Name) {
				return plugin("option "+l.Name, o.packaged, d)
			}
		}
	}
	return framework.Advice{}
}

// onPath returns how to have pytest put a directory of the project on sys.path.
func onPath(dir string) string {
	return fmt.Sprintf("set `pythonpath = %s` in pytest's configuration; to try it, shardyard run -- -o pythonpath=%s", dir, dir)
}

func plugin(what, packaged string, d framework.Desk) framework.Advice {
	if packaged == "" {
		return framework.Advice{}
	}
	return framework.Advice{What: "no " + what, Do: fmt.Sprintf("%s has it: %s", packaged, python.Add(packaged, d))}
}

// byFixture names the plugins that are known by their fixtures.
var byFixture = map[string]string{
	"admin_client": "pytest-django", "aiohttp_client": "pytest-aiohttp", "benchmark": "pytest-benchmark", "browser": "pytest-playwright", "celery_app": "celery[pytest]",
	"class_mocker": "pytest-mock", "client": "pytest-django", "data_regression": "pytest-regressions", "datadir": "pytest-datadir", "django_db_setup": "pytest-django",
	"django_user_model": "pytest-django", "event_loop": "pytest-asyncio", "fake_process": "pytest-subprocess", "fp": "pytest-subprocess", "freezer": "pytest-freezer", "fs": "pyfakefs",
	"file_regression": "pytest-regressions", "httpbin": "pytest-httpbin", "httpserver": "pytest-httpserver", "httpx_mock": "pytest-httpx", "live_server": "pytest-django",
	"mocker": "pytest-mock", "module_mocker": "pytest-mock", "page": "pytest-playwright", "postgresql": "pytest-postgresql", "qapp": "pytest-qt", "qtbot": "pytest-qt",
	"requests_mock": "requests-mock", "rf": "pytest-django", "script_runner": "pytest-console-scripts", "session_mocker": "pytest-mock", "settings": "pytest-django",
	"shared_datadir": "pytest-datadir", "snapshot": "syrupy", "socket_enabled": "pytest-socket", "subtests": "pytest-subtests", "testrun_uid": "pytest-xdist", "time_machine": "time-machine",
	"transactional_db": "pytest-django", "unused_tcp_port": "pytest-asyncio", "vcr": "pytest-recording", "worker_id": "pytest-xdist",
}

// byMarker names the plugins that are known by their markers.
var byMarker = map[string]string{
	"anyio": "anyio", "asyncio": "pytest-asyncio", "benchmark": "pytest-benchmark", "dependency": "pytest-dependency", "django_db": "pytest-django", "flaky": "pytest-rerunfailures",
	"freeze_time": "pytest-freezer", "order": "pytest-order", "repeat": "pytest-repeat", "timeout": "pytest-timeout", "trio": "pytest-trio", "vcr": "pytest-recording",
	"xdist_group": "pytest-xdist", "flake8": "pytest-flake8", "mypy_testing": "pytest-mypy-testing",
}
