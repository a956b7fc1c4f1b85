"""Sums pytest's JUnit reports into one closing line of pytest's form; fails if nothing ran or a test failed.

Usage: closing_line.py REPORT.xml...
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections import Counter


def total(reports: list[str]) -> tuple[Counter[str], float]:
    """How many tests ended in which way, and the seconds they took."""
    counts: Counter[str] = Counter()
    seconds = 0.0
    for report in reports:
        for suite in ET.parse(report).iter("testsuite"):
            failed, errors, skipped = (int(suite.get(name, "0")) for name in ("failures", "errors", "skipped"))
            passed = int(suite.get("tests", "0")) - failed - errors - skipped
            counts.update(failed=failed, passed=passed, skipped=skipped, errors=errors)
            seconds += float(suite.get("time", "0"))
    return counts, seconds


def main(reports: list[str]) -> int:
    counts, seconds = total(reports)
    words = ", ".join(f"{number} {name}" for name, number in counts.items() if number) or "no tests ran"
    print(f" {words} in {seconds:.2f}s ".center(80, "="))
    return int(not counts["passed"] or bool(counts["failed"] + counts["errors"]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
