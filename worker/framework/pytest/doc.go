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
// nearest File node.
//
// # Reports
//
// What a session reports, as kinds of [worker.Reported]:
//
//	settings    once per session: see [Settings]
//	logstart    {"nodeid", "location"}
//	report      a report, as pytest_report_to_serializable makes it
//	amend       a report that takes the place of the same test's last report of
//	            the same phase: a fixture of wider scope failed while it was torn
//	            down, after the test was finished. Another Finished follows it
//	logfinish   {"nodeid", "location"}
//	warning     {"when", "nodeid", "location", "warning": {"message", "class",
//	            "args", "category", "filename", "lineno", "line"}}; class and
//	            category are [module, qualified name]
//	xml         {"attributes": {...}}: what record_xml_attribute set; only with
//	            --junitxml
//	suite       {"properties": [[name, value], ...]}: record_testsuite_property,
//	            at the end of a session; only with --junitxml
//
// # Limits
//
// The package promises nothing about what plain pytest leaves to chance. A
// test that a plugin reruns in its own process keeps the wider fixtures
// between its attempts when no further test is known at that time.
package pytest
