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
from transforms.simulation.arrivals import Arrivals  # noqa: E402
from transforms.simulation.reports import CHANNELS, FORMATS, Seen  # noqa: E402
from transforms.simulation.story import Finding  # noqa: E402
from transforms.simulation.world import Cell  # noqa: E402

GOLDEN = ROOT / "tests" / "golden"
PAGE = ROOT / "docs" / "identity.md"
LABELLED = GOLDEN / "identity"
KINDS = ("package", "code", "web", "host", "cloud")
#: The kind of place of a simulated service's findings, where the service's is another word.
_KINDS = {"image": "package"}
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
        for observation, truth in _joined(_parsed(files[f"landing/{file}"]), expected, file):
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


def channels(findings: int, seed: int) -> list[Observed]:
    """Every finding of the programme's images, code and cloud, in every shape in which `CHANNELS` may tell of it; the `scanner` is the shape."""
    rows: list[dict[str, Any]] = []
    observed: list[Observed] = []
    for number, count in Shape(findings, seed).cells():
        services: dict[str, list[Finding]] = defaultdict(list)
        for finding in Arrivals(Cell(seed, number, count)).findings:
            if finding.service.profile in CHANNELS:
                services[finding.service.asset_id].append(finding)
        for asset, found in sorted(services.items()):
            profile = found[0].service.profile
            target = found[0].service.targets["securityhub"] if profile == "cloud" else asset
            for channel, write in CHANNELS[profile].items():
                own_ids = ["" if profile == "image" else finding.handle for finding in found]
                seen = [Seen(target, *finding.sightings[0][1:], own_id, finding.fact) for finding, own_id in zip(found, own_ids, strict=True)]
                truths = [
                    {"finding": str(finding.serial), "own_id": own_id, "vulnerability_id": finding.fact.get("cve", ""), "rule": "", "target": target}
                    for finding, own_id in zip(found, own_ids, strict=True)
                ]
                for row, truth in _joined(_parsed(write(seen)), truths, channel):
                    rows.append(row | {"target": asset})
                    says = f"{row['vulnerability_key']} {row['location_key']}"
                    observed.append(Observed(f"{asset} {truth['finding']}", 0, _KINDS.get(profile, profile), channel, asset, says))
    return [one._replace(found=number) for one, number in zip(observed, _findings(rows, []), strict=True)]


def _whole(parts: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Files that are written in several pieces, in one."""
    pieces: dict[str, list[bytes]] = defaultdict(list)
    for path, content in parts:
        pieces[path].append(content)
    return ((path, b"".join(content)) for path, content in pieces.items())


def _parsed(content: bytes) -> list[dict[str, Any]]:
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


class Truth(NamedTuple):
    """Pairs of observations of one asset and kind, of two scanners (`across`) or of any (`all`), and the truths that came apart or together."""

    all: dict[str, Score]
    across: dict[str, Score]
    observations: int
    #: (kind, what one scanner says, what another says) of truths that are several findings.
    split: list[tuple[str, str, str]]
    #: (kind, truth, truth) of findings that are several truths.
    merged: list[tuple[str, str, str]]


def judge(observed: Iterable[Observed]) -> Truth:
    """Every pair of observations of one asset is asked whether it is one finding. `found` is comparable within one programme only."""
    everywhere: dict[str, Counter[tuple[bool, bool]]] = {kind: Counter() for kind in KINDS}
    across: dict[str, Counter[tuple[bool, bool]]] = {kind: Counter() for kind in KINDS}
    split: dict[tuple[str, str, str], None] = {}
    merged: dict[tuple[str, str, str], None] = {}
    count = 0
    places: dict[tuple[str, str], list[Observed]] = defaultdict(list)
    for one in observed:
        places[one.asset, one.kind].append(one)
        count += 1
    for (_, kind), here in sorted(places.items()):
        for one, other in combinations(here, 2):
            verdict = (one.truth == other.truth, one.found == other.found)
            everywhere[kind][verdict] += 1
            if one.scanner != other.scanner:
                across[kind][verdict] += 1
            if verdict == (True, False):
                split[kind, *sorted((f"{one.scanner}: {one.says}", f"{other.scanner}: {other.says}"))] = None
            elif verdict == (False, True):
                merged[kind, *sorted((one.truth, other.truth))] = None
    scored = [{kind: score(counts.elements()) for kind, counts in part.items()} for part in (everywhere, across)]
    return Truth(scored[0], scored[1], count, list(split), list(merged))


# What a person reads


def render(findings: int, seeds: list[int]) -> str:
    pairs = labelled()
    here = measurable(pairs)
    verdicts = decide(here)
    errors = [(pair, verdict) for pair, verdict in zip(here, verdicts, strict=True) if pair.same != verdict]
    truths = [judge(simulated(findings, seed)) for seed in seeds]
    out = ["# How well results are joined\n"]
    out.append(
        "Generated by `make docs` (`python tests/identity/measure.py --write`). A *pair* is two results of one asset; it is joined where the job makes one "
        "finding of it.\nPrecision: of the pairs that were joined, how many are one thing. Recall: of the pairs that are one thing, how many were joined.\n"
    )
    out.append("## Pairs of real results, labelled by hand\n")
    out.append(
        f"{len(pairs)} pairs (`tests/golden/identity`, with their provenance), labelled before identity was first run on them; {len(here)} of them are of formats that "
        f"have a module. {sum(pair.same for pair in here)} are the same.\n"
    )
    out += _table((kind, score((pair.same, verdict) for pair, verdict in zip(here, verdicts, strict=True) if pair.kind == kind)) for kind in KINDS)
    out.append(f"\n### Every error ({len(errors)})\n")
    out += ["| error | kind | one | other | why they are the same, or not |", "|---|---|---|---|---|"]
    out += [row(pair) for pair, _ in errors]
    out += ["", _REASONS]
    out.append("## Simulated programmes\n")
    observations = sum(truth.observations for truth in truths)
    out.append(
        f"`handoff simulate` writes one truth into {len(FORMATS)} scanners' formats. {findings} findings for each of the seeds "
        f"{', '.join(map(str, seeds))}: {observations} observations; every pair of one asset is asked.\n"
    )
    for title, part in (("Pairs of two scanners", "across"), ("All pairs", "all")):
        out.append(f"### {title}\n")
        out += _table((kind, _sum(getattr(truth, part)[kind] for truth in truths)) for kind in KINDS)
        out.append("")
    told = [judge(channels(findings, seed)) for seed in seeds]
    kinds = sorted({kind for truth in told for kind, found in truth.across.items() if found != Score()}, key=KINDS.index)
    out.append("### One thing in several shapes\n")
    out.append(
        f"The same programmes' images, code and cloud resources, each finding in every shape that tells of it: {_shapes()}. "
        f"{sum(truth.observations for truth in told)} observations; pairs of two shapes.\n"
    )
    out += [*_table((kind, _sum(truth.across[kind] for truth in told)) for kind in kinds), ""]
    truths += told
    split = Counter((kind, *_scanners(one, other)) for truth in truths for kind, one, other in truth.split)
    merged = [error for truth in truths for error in truth.merged]
    out += ["### Every error\n", "| error | kind | scanners | pairs of places | one of them |", "|---|---|---|--:|---|"]
    shown = {(kind, *_scanners(one, other)): f"{_code(one)} and {_code(other)}" for truth in reversed(truths) for kind, one, other in reversed(truth.split)}
    out += [f"| not joined | {kind} | {first} and {second} | {number} | {shown[kind, first, second]} |" for (kind, first, second), number in sorted(split.items())]
    out += [f"| joined | {kind} | | 1 | {_code(one)} and {_code(other)} |" for kind, one, other in merged]
    out += ["", _SIMULATED_REASONS]
    return "\n".join(out).rstrip() + "\n"


def row(pair: Pair) -> str:
    """Of a pair that was decided wrongly."""
    return f"| {'not joined' if pair.same else 'joined'} | {pair.kind} | {_name(pair.a, pair.a_at)} | {_name(pair.b, pair.b_at)} | {pair.why} |"


#: What stands behind the errors, for whoever reads them.
_REASONS = """\
What stands behind them:

- Bandit's own report is anchored by the line's code, GitLab's of Bandit's results by GitLab's hash of that line and its two neighbours. The excerpt in
  Bandit's report would give that hash too, and join 43 of the 64 (the code of the others changed between the two commits); then every change of a
  neighbouring line would make a new finding with a new t0. A finding listed twice is the lesser harm.
- Two scanners that name one weakness each in their own words share no identifier. Nothing short of a judgement joins them: they stay two findings, on
  one asset and beside each other in every list.
- A report that withholds the fingerprint that others of the same scanner have (Semgrep without a login) is anchored by rule and ordinal.
- A package is known by its name (ruling 16): where a report does not state the ecosystem, two ecosystems' packages of one name are one.
- A sample of version 15 that somebody made out of version 14 names one scanner for the results of two.
"""


_SIMULATED_REASONS = """\
What stands behind them: two scanners that each have a rule of their own for one weakness, and state neither a CVE nor the other's id. CodeQL's query and
Semgrep's rule, a penetration tester's title and ZAP's plugin share nothing but file or page; many weaknesses are in one file or page, so this is no identity.
"""


def _shapes() -> str:
    return "; ".join(", ".join(name.replace("_", " as ") for name in shapes) for shapes in CHANNELS.values())


def _scanners(one: str, other: str) -> tuple[str, str]:
    return one.partition(":")[0], other.partition(":")[0]


def _sum(scores: Iterable[Score]) -> Score:
    return Score(*(sum(column) for column in zip(*scores, strict=True)))


def _table(scores: Iterable[tuple[str, Score]]) -> list[str]:
    scored = list(scores)
    rows = [*scored, ("all", _sum(found for _, found in scored))]
    return [
        "| kind | same | not the same | joined rightly | joined wrongly | not joined | precision | recall |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        *(
            f"| {kind} | {found.right + found.missed} | {found.wrong + found.apart} | {found.right} | {found.wrong} | {found.missed} "
            f"| {_figure(found.precision)} | {_figure(found.recall)} |"
            for kind, found in rows
        ),
    ]


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return "1" if value == 1 else f"{value:.3f}"


def _name(report: str, at: str) -> str:
    return f"`{report.removesuffix('.gz')}` {_code(at)}"


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--findings", type=int, default=2_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--write", action="store_true", help="write docs/identity.md")
    options = parser.parse_args(arguments)
    page = render(options.findings, options.seeds)
    if options.write:
        PAGE.write_text(page, encoding="utf-8")
        print(PAGE)
    else:
        print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
