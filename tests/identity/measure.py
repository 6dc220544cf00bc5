"""How well identity joins what several scanners say of one thing: against hand-labelled pairs of real results, and against a simulated truth.

    python tests/identity/measure.py [--findings 2000 --seeds 1 2 3] [--write]

prints precision and recall for each kind of place, and every error; `--write` writes docs/identity.md. Both go the way that the job goes: the
formats' own modules, `tabulate`, aliases, `group`.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import polars as pl

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from transforms import identity, scanners  # noqa: E402
from transforms.binding import UNBOUND  # noqa: E402
from transforms.domain.head import Head  # noqa: E402
from transforms.domain.result import Result, Scan  # noqa: E402
from transforms.domain.source import Source  # noqa: E402
from transforms.grouping import group, stated_together  # noqa: E402
from transforms.observations import ScanFacts, tabulate  # noqa: E402
from transforms.reference import vulnerability_aliases  # noqa: E402
from transforms.simulation import Shape, simulate  # noqa: E402

GOLDEN = ROOT / "tests" / "golden"
PAGE = ROOT / "docs" / "identity.md"
LABELLED = GOLDEN / "identity"
KINDS = ("package", "code", "web", "host", "cloud")
#: What `group` reads of an observation.
_NEEDED = {
    "observation_id": pl.String,
    "sighting_id": pl.String,
    "scanner": pl.String,
    "target": pl.String,
    "title": pl.String,
    "rule": pl.String,
    "vulnerability_ids": pl.List(pl.String),
    "vulnerability_key": pl.String,
    "location_kind": pl.String,
    "location_key": pl.String,
    "own_id": pl.String,
    "captured_at": pl.Int64,
}


class Pair(NamedTuple):
    kind: str
    a: str
    a_at: str
    b: str
    b_at: str
    same: bool
    asset: str
    why: str


class Score(NamedTuple):
    """Of pairs that are the same (`right` + `missed`) and that were said to be (`right` + `wrong`)."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    apart: int = 0

    @property
    def precision(self) -> float | None:
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None

    @property
    def recall(self) -> float | None:
        return self.right / (self.right + self.missed) if self.right + self.missed else None


def score(verdicts: Iterable[tuple[bool, bool]]) -> Score:
    """Of (is the same, was said to be)."""
    counts = Counter(verdicts)
    return Score(counts[True, True], counts[False, True], counts[True, False], counts[False, False])


# Pairs of real results


def labelled() -> list[Pair]:
    return [Pair(**json.loads(line)) for line in (LABELLED / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]


def measurable(pairs: Iterable[Pair]) -> list[Pair]:
    """Those whose reports have a module here."""
    return [pair for pair in pairs if {_format(pair.a), _format(pair.b)} <= set(scanners.formats())]


def _format(report: str) -> str:
    return report.partition("/")[0]


def decide(pairs: list[Pair]) -> list[bool]:
    """Whether each pair is one finding, asked as if both results were of one target and were all that was ever seen there."""
    results = {report: _results(report) for report in sorted({report for pair in pairs for report in (pair.a, pair.b)})}
    rows: list[dict[str, Any]] = []
    for number, pair in enumerate(pairs):
        for report, at in ((pair.a, pair.a_at), (pair.b, pair.b_at)):
            if at not in results[report]:
                raise SystemExit(f"{LABELLED / 'pairs.jsonl'}: {report} has no result at {at}")
            rows += _observed([results[report][at]], _format(report), f"pair {number}")
    with open(LABELLED / "aliases.csv", "rb") as known:
        advisories = [row["vulnerability_ids"] for row in vulnerability_aliases.parse(known.read(), Source()) if isinstance(row, dict)]
    found = _findings(rows, advisories)
    return [found[2 * number] == found[2 * number + 1] for number in range(len(pairs))]


def _results(report: str) -> dict[str, Result]:
    """The first result at each pointer of a report."""
    content = gzip.decompress((GOLDEN / "scans" / report).read_bytes())
    found: dict[str, Result] = {}
    for result in scanners.formats()[_format(report)].parse(content, Scan(target="here")):
        if isinstance(result, Result):
            found.setdefault(result.pointer, result)
    return found


def _observed(results: list[Result], format_: str, target: str | None = None, sidecar_target: str | None = None) -> list[dict[str, Any]]:
    """The observations of results, by the job's own function; `target` stands for whatever the reports call it."""
    facts = ScanFacts(
        format_, scanners.formats()[format_].SCANNER, None, sidecar_target or target, None, False, 1, "UTC", None, None, "scanner", 1 << 60, False
    )
    if target is not None:
        results = [_at(result, target) for result in results]
    columns, rejects = tabulate(results, facts)
    assert not rejects, rejects[0]
    names = [*_NEEDED, "component_name", "file_path", "endpoint"]
    return [dict(zip(names, values, strict=True)) for values in zip(*(columns[name] for name in names), strict=True)]


def _at(result: Result, target: str) -> Result:
    return type(result)(**{name: getattr(result, name) for name in result.__struct_fields__} | {"target": target})


def _findings(rows: list[dict[str, Any]], advisories: Iterable[Iterable[str]]) -> list[int]:
    """The number of the finding that each row is of."""
    frame = pl.DataFrame({name: [row[name] for row in rows] for name in _NEEDED}, schema=_NEEDED).with_row_index("row")
    aliases = identity.known_aliases(advisories, stated_together(frame))
    grouped = group(frame, dict.fromkeys(frame["target"].unique().to_list(), UNBOUND), aliases)
    return grouped.sort("row")["finding"].to_list()


# The simulated truth


class Observed(NamedTuple):
    """An observation of a simulated programme: what it truly is of, and the finding that it was taken for."""

    truth: str
    found: int
    kind: str
    scanner: str
    asset: str
    says: str


def simulated(findings: int, seed: int) -> list[Observed]:
    """Every observation that the truth names, grouped as if each service were bound to its asset."""
    files = dict(_whole(simulate(Shape(findings, seed))))
    truths: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in csv.DictReader(io.StringIO(files["truth/identity.csv"].decode())):
        truths[row["file"]].append(row)
    rows, known = [], []
    for file, expected in sorted(truths.items()):
        rows_of_file = _scan(file, files)
        for observation, truth in _joined(rows_of_file, expected, file):
            rows.append(observation | {"target": truth["asset_id"]})
            known.append(truth)
    advisories = [
        row["vulnerability_ids"]
        for path, content in files.items()
        if path.startswith("landing/reference/") and vulnerability_aliases.recognise(Head(content))
        for row in vulnerability_aliases.parse(content, Source())
        if isinstance(row, dict)
    ]
    found = _findings(rows, advisories)
    return [
        Observed(
            truth["finding"], number, truth["location_kind"], truth["scanner"], truth["asset_id"], f"{row['vulnerability_key']} {row['location_key']}"
        )
        for row, truth, number in zip(rows, known, found, strict=True)
    ]


def _whole(parts: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Files that are written in several pieces, in one."""
    pieces: dict[str, list[bytes]] = defaultdict(list)
    for path, content in parts:
        pieces[path].append(content)
    return ((path, b"".join(content)) for path, content in pieces.items())


def _scan(file: str, files: dict[str, bytes]) -> list[dict[str, Any]]:
    content = files[f"landing/{file}"]
    module = scanners.recognise(Head(content))
    results = [result for result in module.parse(content, Scan(target="here")) if isinstance(result, Result)]
    return _observed(results, module.NAME, sidecar_target="here")


def _joined(rows: list[dict[str, Any]], expected: list[dict[str, str]], file: str) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Each truth with its observation: by the scanner's own id, else by the CVE, else by the rule; of several with one name, in the file's order."""
    named: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        for name in {f"id {row['own_id']}", f"rule {row['rule']}", *(f"cve {id_}" for id_ in row["vulnerability_ids"])}:
            named[row["target"], name].append(row)
            named["here", name].append(row)
    for truth in expected:
        names = [f"id {truth['own_id']}", f"cve {truth['vulnerability_id']}", f"rule {truth['rule']}"]
        places = [(target, name) for target in (truth["target"], "here") for name in names if (target, name) in named]
        if not places:
            raise SystemExit(f"{PurePosixPath(file).name}: nothing in the report is {truth['finding']}")
        yield named[places[0]][0], truth
