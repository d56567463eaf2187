"""Combines the workers' coverage, and reports it, with the project's coverage.py.

Started as `python combine.py` in the working directory of the suite, with one
line of JSON on stdin: dir (worker.Conclude.Dir), coverage (CoverageOptions),
project (worker.Conclude.Project). A second line says that dir is complete.
The files go to dir/out/coverage, what there is to say to stdout, and the
result to dir/out/coverage/total.json.
"""

import glob
import io
import json
import os
import platform
import shutil
import sys
import types
import xml.etree.ElementTree as ElementTree


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    package = types.ModuleType("_shardyard")
    package.__path__ = [here]
    sys.modules["_shardyard"] = package
    del sys.path[0]

    request = json.loads(sys.stdin.readline())
    try:
        import coverage
    except ImportError:
        coverage = None
    if not sys.stdin.readline():
        sys.exit("the run was given up")
    out = os.path.join(request["dir"], "out", "coverage")
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(request["dir"], "run.json"), encoding="utf-8") as f:
        reasons = list(json.load(f).get("missing_coverage") or [])
    if coverage is None:
        if not reasons:  # else the workers have said so
            reasons.append("coverage.py is not installed: add coverage or pytest-cov to the project's test dependencies")
        total = {}
    else:
        total = Combination(coverage, request, out, reasons).run()
    total.update(complete=not reasons, reason="; ".join(reasons))
    with open(os.path.join(out, "total.json"), "w", encoding="ascii") as f:
        json.dump(total, f)


def lines_of(root):
    """Of each file in coverage.xml, by its path here: how many lines can run, and
    the numbers of those that did not."""
    sources = [source.text or "" for source in root.iter("source")]
    files = {}
    for measured in root.iter("class"):
        name = measured.get("filename")
        for source in sources:
            path = os.path.join(source, name)
            if os.path.exists(path):
                name = os.path.relpath(path)
                break
        lines = list(measured.iter("line"))
        files[name.replace(os.sep, "/")] = [len(lines), [int(line.get("number")) for line in lines if line.get("hits") == "0"]]
    return files


class Combination:
    """reasons is appended to: why the result is not complete."""

    def __init__(self, coverage, request, out, reasons):
        self._coverage = coverage
        self._out = out
        self._reasons = reasons
        self._data = os.path.join(request["dir"], "data")
        self._project = request.get("project") or ""
        self._options = request.get("coverage") or {}

    def run(self):
        how = self._how()
        # Plugins of coverage.py are where the sessions found them.
        sys.path.extend(os.path.abspath(entry) for entry in how.get("path") or () if os.path.abspath(entry) not in sys.path)
        total = {"fail_under": how.get("fail_under"), "precision": how.get("precision") or 0, "by": how.get("by")}
        if self._options.get("fail_under") is not None:
            total["fail_under"] = self._options["fail_under"]
        cov = self._coverage.Coverage(
            data_file=os.path.join(self._out, ".coverage"),
            config_file=how.get("config") or self._options.get("config") or True,
        )
        total["relative_files"] = bool(cov.get_option("run:relative_files"))
        cov.set_option("run:relative_files", True)
        cov.set_option("run:parallel", False)
        total["precision"] = total["precision"] or cov.get_option("report:precision")
        files = self._sound()
        if not files:
            if not self._reasons:
                self._reasons.append("no worker wrote coverage data")
            return total
        try:
            cov.combine(files, strict=True, keep=True)
            cov.save()
            total.update(self._report(cov, how, total["precision"]))
            total.update(self._judge(total, bool(how.get("exact"))))
            if self._project and not total["relative_files"]:
                self._rebase()
        except self._coverage.CoverageException as error:
            self._reasons.append("coverage.py: %s" % error)
        return total

    def _judge(self, total, exact):
        """What is shown of the total, and whether it misses the limit."""
        from _shardyard.limit import missed, shown

        percent, limit = total["percent"], total["fail_under"]
        return {
            "shown": shown(percent, total["precision"]),
            "under": bool(limit) and missed(percent, limit, total["precision"], exact),
        }

    def _rebase(self):
        """Makes the data one of the user's checkout, and keeps what it was as
        relative.coverage."""
        from _shardyard.measure_data import rebase

        data = os.path.join(self._out, ".coverage")
        shutil.copyfile(data, os.path.join(self._out, "relative.coverage"))
        rebase(data, self._project)

    def _how(self):
        for path in sorted(glob.glob(os.path.join(glob.escape(self._data), "*", "*.json"))):
            with open(path, encoding="utf-8") as f:
                return json.load(f)
        return {}

    def _sound(self):
        """The data files that can be used."""
        from _shardyard.measure_data import Broken, check

        files = []
        for path in sorted(glob.glob(os.path.join(glob.escape(self._data), "*", "*"))):
            if path.endswith(".json"):
                continue
            worker = os.path.basename(os.path.dirname(path))
            try:
                check(path)
                files.append(path)
            except Broken as error:
                self._reasons.append("%s: its coverage file %s" % (worker, error))
        return files

    def _report(self, cov, how, precision):
        """Writes what was asked for; coverage.xml is always written."""
        target = os.path.join(self._out, "coverage.xml")
        cov.xml_report(outfile=target, ignore_errors=True)
        root = ElementTree.parse(target).getroot()
        total = {
            "lines": {"covered": int(root.get("lines-covered")), "total": int(root.get("lines-valid"))},
            "branches": {"covered": int(root.get("branches-covered")), "total": int(root.get("branches-valid"))},
        }
        with open(os.path.join(self._out, "files.json"), "w", encoding="ascii") as f:
            json.dump(lines_of(root), f)
        valid = total["lines"]["total"] + total["branches"]["total"]
        covered = total["lines"]["covered"] + total["branches"]["covered"]
        total["percent"] = 100.0 * covered / valid if valid else 100.0

        asked = how.get("report") or {}
        if "html" in asked:
            cov.html_report(directory=os.path.join(self._out, "html"), ignore_errors=True)
        if "json" in asked:
            cov.json_report(outfile=os.path.join(self._out, "coverage.json"), ignore_errors=True)
        if "lcov" in asked:
            cov.lcov_report(outfile=os.path.join(self._out, "coverage.lcov"), ignore_errors=True)
        if "annotate" in asked:
            cov.annotate(directory=os.path.join(self._out, "annotated"), ignore_errors=True)
        if "markdown" in asked or "markdown-append" in asked:
            with open(os.path.join(self._out, "coverage.md"), "w", encoding="utf-8") as f:
                cov.report(file=f, ignore_errors=True, output_format="markdown", precision=precision)
        if how.get("by") == "pytest-cov" and (not asked or "term" in asked or "term-missing" in asked):
            self._table(cov, asked, precision)
        return total

    def _table(self, cov, asked, precision):
        """What pytest-cov prints at the end of a run."""
        text = io.StringIO()
        cov.report(
            file=text,
            ignore_errors=True,
            show_missing=("term-missing" in asked) or None,
            skip_covered=("skip-covered" in asked.values()) or None,
            precision=precision,
        )
        width = min(max(len(line) for line in text.getvalue().splitlines()), 120)
        print((" coverage: platform %s, python %s " % (sys.platform, platform.python_version())).center(width, "_"))
        print(text.getvalue(), flush=True)


if __name__ == "__main__":
    main()
