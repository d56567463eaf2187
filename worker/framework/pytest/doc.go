// Package pytest runs pytest suites inside a worker, true to plain pytest.
//
// A session is one long-lived pytest process. [Framework.Run] starts the
// project's own interpreter on a small plugin, which is embedded here and
// talks to it over an inherited socket; tests run as they are handed out, by
// pytest's own protocol hook, and fixtures of wider scope are set up once and
// stay up between them. [Framework.Conclude] makes the run's reports by having
// one pytest process replay what the sessions reported.
//
// # Ids
//
// The id of a test is its node id. Where one file has several tests of the
// same node id, the second is "<node id> #2", and so on, in the suite's order.
// Lone surrogates are escaped. The file of a test is the node id of its
// nearest File node. An id longer than 16,384 characters is its ends with a
// digest between them.
//
// # Reports
//
// What a session reports, as kinds of [worker.Reported]:
//
//	settings    once per session: see [Settings]
//	logstart    {"nodeid", "location"}
//	report      a report, as pytest_report_to_serializable makes it
//	amend       a report that takes the place of the same test's last report of
//	            the same phase: fixtures of wider scope were torn down after the
//	            test was finished, and failed, printed or took their time. Another
//	            Finished of the same token follows it
//	logs        {"text"}: what the test added to the file of log_file
//	logfinish   {"nodeid", "location"}
//	warning     {"when", "nodeid", "location", "warning": {"message", "class",
//	            "args", "category", "filename", "lineno", "line"}}; class and
//	            category are [module, qualified name]
//	xml         {"attributes": {...}}: what record_xml_attribute set; only with
//	            --junitxml
//	closing     {"text"}: what hooks of the project and of plugins wrote when
//	            the session ended
//	suite       {"properties": [[name, value], ...]}: record_testsuite_property,
//	            at the end of a session; only with --junitxml
//
// What a report holds that is no JSON is there as text, and pickled, in base64,
// below "$shardyard_pickled". A report longer than 256 MiB travels with the middle of its longest texts left
// out, and a mark in their place.
//
// # Collection
//
// A full session leaves the collection to pytest. A lazy one collects a
// skeleton (folders, packages, conftest files) and a file when one of its tests
// is handed out. It answers Full, with the reason, where laziness is known to
// be wrong: options that look at the whole suite, plugins that replace the
// collection or the loop, an untried pytest, and modules whose meaning depends
// on the order of imports. Beyond that a lazy file's list must be held against
// a full one by whoever asked for it.
//
// # Limits
//
// A test that a plugin reruns in its own process keeps the wider fixtures
// between its attempts when no further test is known at that time. A file
// whose tests import modules of other folders while they run can change what
// a file finds that is collected later; xdist does not notice such a suite
// either. When a test calls pytest.exit it is started and never finished; the
// session's Stop says why.
package pytest
