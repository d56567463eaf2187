"""The text of every attempt that failed, those included that were run again."""

import json
import os

from .replay_records import in_order, report_of

FIRST, LAST = 16000, 48000  # characters that are kept of a longer text
ALL = 64_000_000  # of all texts


def write(config, records, list_path, out_path):
    """records is replay_records.Records. In each line of the file list_path there
    are a test, the number of the attempt, the worker and where the reports are.
    What there is to say goes to out_path, an attempt a line."""
    if not os.path.exists(list_path):
        return
    room = ALL
    with open(list_path, encoding="utf-8") as found, open(out_path, "w", encoding="utf-8") as out:
        for line in found:
            test, attempt, worker, extents = json.loads(line)
            text = _clipped("\n".join(_texts(config, records.read(extents))))
            room -= len(text)
            if room < 0:
                return
            if text:
                out.write(json.dumps({"test": test, "attempt": attempt, "worker": worker, "text": text}) + "\n")


def _texts(config, records):
    for record in in_order(records):
        if record["kind"] == "died":
            yield record["data"]["message"]
        if record["kind"] != "report" or record["data"].get("outcome") != "failed":
            continue
        report = report_of(config, record["data"])
        if report.when != "call":
            yield "_ %s _" % report.when
        yield report.longreprtext.rstrip()
        for name, content in report.sections:
            if content.strip():
                yield "----- %s -----\n%s" % (name, content.rstrip())


def _clipped(text):
    if len(text) <= FIRST + LAST:
        return text
    return "%s\n[... %d characters are left out ...]\n%s" % (text[:FIRST], len(text) - FIRST - LAST, text[-LAST:])
