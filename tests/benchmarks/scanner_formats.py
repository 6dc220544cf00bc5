"""What each scanner format costs beside the plain reading of the same file, and how much memory a large report of one takes.

    python tests/benchmarks/scanner_formats.py              both tables, as Markdown: a section of docs/benchmarks.md (`make bench`)
    python tests/benchmarks/scanner_formats.py --large 1000 the second alone, with reports of so many MB
    python tests/benchmarks/scanner_formats.py --read FILE  reads one report to rows of the record: rows, seconds and peak MiB, as JSON

The reports are the golden ones (tests/golden/scans). The reference builds Python objects of all that is in the file and does nothing with them:
`json.loads`, `xml.etree` (expat and a tree), `csv.reader`, `html.parser`.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import yaml

from flows import settings
from transforms import intake
from transforms.domain.errors import FileRejected
from transforms.domain.head import BOM
from transforms.domain.result import Reject, Result, Scan
from transforms.domain.sidecar import Sidecar
from transforms.scanners import formats

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "scans"
#: A file is read again until this many seconds have gone by; the quickest reading counts.
LEAST_SECONDS = 0.03
#: The formats with most bytes of golden reports: what is small is mostly the start of a parser.
JUDGED, GOAL = 12, 3
#: Formats whose large reports are made: a list of small results, one of results with much text, and one of lists in lists.
LARGE_FORMATS = ("generic", "sarif", "trivy")
LARGE_MB = 300


class Ratio(NamedTuple):
    """Seconds over all golden reports of a format."""

    format: str
    files: int
    bytes: int
    parse: float
    reference: float

    @property
    def times(self) -> float:
        return self.parse / self.reference


def ratios() -> list[Ratio]:
    """Of every format with golden reports, most bytes first. A report that its format rejects is left out."""
    found = []
    for name, module in formats().items():
        contents = [content for content in _reports(name) if _is_read(module, content)]
        if contents:
            parse = sum(_seconds(partial(_parse, module), content) for content in contents)
            reference = sum(_seconds(read_plainly, content) for content in contents)
            found.append(Ratio(name, len(contents), sum(map(len, contents)), parse, reference))
    return sorted(found, key=lambda ratio: -ratio.bytes)


def _reports(format: str) -> Iterator[bytes]:
    for path in sorted((GOLDEN / format).glob("*.gz")):
        if path.name != "peer_findings.jsonl.gz":
            yield gzip.decompress(path.read_bytes())


def _is_read(module: Any, content: bytes) -> bool:
    try:
        read_plainly(content)
        _parse(module, content)
    except (FileRejected, ValueError, ElementTree.ParseError):
        return False
    return True


def _parse(module: Any, content: bytes) -> list[Result | Reject]:
    return list(module.parse(content, Scan()))


def _seconds(function: Callable[[bytes], object], content: bytes) -> float:
    """Of processor time, whoever else the machine works for: the quickest of its calls, of at least three."""
    best, end, calls = float("inf"), time.process_time() + LEAST_SECONDS, 0
    while calls < 3 or time.process_time() < end:
        begin = time.process_time()
        function(content)
        best, calls = min(best, time.process_time() - begin), calls + 1
    return best


def read_plainly(content: bytes) -> object:
    """Everything in the file as Python objects. Raises ValueError or ParseError where it is none of JSON, JSON lines, XML, HTML and CSV."""
    content = content.removeprefix(BOM)
    first = content.lstrip()[:16].lower()
    if first[:1] in (b"{", b"["):
        try:
            return json.loads(content)
        except ValueError:
            return [json.loads(line) for line in content.splitlines() if line.strip()]
    if first.startswith((b"<!doctype html", b"<html")):
        return HTMLParser().feed(content.decode())
    if first[:1] == b"<":
        return ElementTree.fromstring(content)
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


# Large reports


def write_large(format: str, path: Path, megabytes: int) -> int:
    """A report with the items of a golden one over and over, each time with other texts; how many items."""
    source = yaml.safe_load((GOLDEN / format / "golden.yaml").read_text())["items"]
    document = json.loads(gzip.decompress((GOLDEN / format / f"{source['file']}.gz").read_bytes()))
    items = document
    for step in source["path"]:
        items = items[step]
    texts = [json.dumps(item) for item in items]
    items[:] = ["@items@"]
    before, after = json.dumps(document).split('"@items@"')
    number = written = 0
    with open(path, "w", encoding="utf-8") as file:
        file.write(before)
        while written < megabytes * 1_000_000:
            item = texts[number % len(texts)]
            # Another title, name or fingerprint each time: equal texts would be one object in memory.
            written += file.write(("," if number else "") + item.replace('": "', f'": "{number} ', 3))
            number += 1
        file.write(after)
    return number


def read_one(path: Path) -> dict[str, float]:
    """One report to rows of the record, in this process."""
    content = path.read_bytes()
    delivery = intake.Delivery(
        claim_id="", folder="scans", path=path.name, source=path.stem, sidecar=Sidecar(target="asset", captured_at="2026-05-01T00:00:00Z"), file_us=0,
        recorded_us=settings.now_us(),
    )  # fmt: skip
    begin = time.perf_counter()
    found = intake.read(content, delivery, settings.read_policy(None))
    assert found.reason is None, found.reason
    return {"rows": found.rows_in, "seconds": time.perf_counter() - begin, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


class Large(NamedTuple):
    format: str
    bytes: int
    rows: int
    seconds: float
    peak_mib: float


def large(megabytes: int) -> Iterator[Large]:
    """Reports of so many MB, each read in a process of its own."""
    for format in LARGE_FORMATS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{format}.json"
            write_large(format, path, megabytes)
            command = [sys.executable, str(Path(__file__).resolve()), "--read", str(path)]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            done = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment).stdout)
            yield Large(format, path.stat().st_size, int(done["rows"]), done["seconds"], done["peak_mib"])


# The section


def ratio_section(found: list[Ratio]) -> Iterator[str]:
    judged = found[:JUDGED]
    within = sum(ratio.times <= GOAL for ratio in judged)
    yield "## Scanner formats"
    yield ""
    yield (
        f"Parsing alone of the golden reports to results, beside reading the same files to Python objects with `json.loads`, `xml.etree`, `csv.reader` or "
        f"`html.parser`. Most bytes first; of the first {JUDGED}, {within} are within the goal of {GOAL} times. What is small is mostly the start of a parser."
    )
    yield ""
    yield "| format | files | KB | parsing, ms | reference, ms | ratio |"
    yield "|---|---|---|---|---|---|"
    for ratio in found:
        yield f"| {ratio.format} | {ratio.files} | {ratio.bytes / 1e3:,.0f} | {ratio.parse * 1e3:.2f} | {ratio.reference * 1e3:.2f} | {ratio.times:.1f} |"


def large_section(found: Iterator[Large]) -> Iterator[str]:
    yield "## Large reports"
    yield ""
    yield "One report read whole to rows of the record, in a process of its own; the items are those of a golden report over and over, with other texts."
    yield ""
    yield "| format | MB | rows | s | peak memory, MiB | of the file's size |"
    yield "|---|---|---|---|---|---|"
    for one in found:
        times = one.peak_mib * 2**20 / one.bytes
        yield f"| {one.format} | {one.bytes / 1e6:,.0f} | {one.rows:,} | {one.seconds:.1f} | {one.peak_mib:,.0f} | {times:.1f} times |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", type=int, metavar="MB")
    parser.add_argument("--read", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if arguments.read:
        print(json.dumps(read_one(arguments.read)))
        return
    if arguments.large is None:
        print("\n".join([*ratio_section(ratios()), ""]))
    print("\n".join(large_section(large(arguments.large or LARGE_MB))))


if __name__ == "__main__":
    main()
