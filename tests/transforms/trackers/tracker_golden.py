"""The golden exports of each tracker as rows in a line each, as a person reads them; what docs/trackers.md and the tests count by.

python tests/transforms/trackers/tracker_golden.py FORMAT     prints what is read of a format's exports, for its expected.yaml
"""

from __future__ import annotations

import gzip
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from transforms import intake
from transforms.domain.instants import iso, parse_stamp
from transforms.domain.policy import Policy, load_policy
from transforms.domain.sidecar import Sidecar

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests" / "golden" / "trackers"
AS_OF = "2026-06-01T00:00:00Z"


class Export(NamedTuple):
    """One golden export: its format (the folder), its name and its unpacked bytes."""

    format: str
    name: str
    content: bytes


@cache
def exports() -> tuple[Export, ...]:
    paths = sorted(path for path in GOLDEN.glob("*/*") if path.suffix != ".yaml" and "expected" not in path.name)
    return tuple(Export(path.parent.name, path.name.removesuffix(".gz"), gzip.decompress(data) if path.suffix == ".gz" else data)
                 for path, data in ((path, path.read_bytes()) for path in paths))  # fmt: skip


@cache
def policy_of(format: str) -> Policy:
    """The default policy, under that of the format's folder where there is one."""
    own = GOLDEN / format / "policy.yaml"
    layers = [("policy.yaml", (ROOT / "policy.yaml").read_text(encoding="utf-8"))]
    return load_policy(*layers, *([("own.yaml", own.read_text(encoding="utf-8"))] if own.exists() else []))


def read(content: bytes, policy: Policy, *, source: str | None = None, claim: str = "c", as_of: str = AS_OF) -> intake.Intake:
    """One export through the door that every landed file comes in by."""
    sidecar = Sidecar(source=source)
    at = parse_stamp(as_of).us
    return intake.read(content, intake.Delivery(claim_id=claim, folder="activity", path="activity/x", source=source or "activity/x", sidecar=sidecar, file_us=at, recorded_us=at), policy)


def lines(found: intake.Intake) -> dict[str, list[str]]:
    """Events, tickets and rejected rows, each as a line."""
    events = found.frames["activity"].to_pylist() if "activity" in found.frames else []
    tickets = found.frames["ticket"].to_pylist() if "ticket" in found.frames else []
    return {
        "events": sorted(_event(row) for row in events),
        "tickets": sorted(_ticket(row) for row in tickets),
        "rejected": sorted(f"{reject.pointer} {reject.reason}" for reject, _ in found.rejects),
    }


def _event(row: dict) -> str:
    told = [_iso(row["occurred_at"]), row["event"], row["ref"]]
    told += [f"ticket {row['ticket']}"] if row["event"] == "ticket_linked" else []
    return " ".join([*told, *(f"{word} {row[name]}" for word, name in (("by", "actor"), ("to", "target_person"), ("through", "channel")) if row[name])])


def _ticket(row: dict) -> str:
    told = [row["ticket"], f"{row['state']} ({row['native_state']})", f"{row['severity']} ({row['native_priority']})"]
    told += [f"of {row['assignee']}"] if row["assignee"] else []
    told += [f"due {_iso(row['due_at'])}"] if row["due_at"] else []
    told += [f"labels {', '.join(row['labels'])}"] if row["labels"] else []
    return "; ".join([*told, *([f"refs {', '.join(row['refs'])}"] if row["refs"] else [])])


def _iso(moment: object) -> str:
    return iso(parse_stamp(moment).us)


if __name__ == "__main__":
    print(yaml.safe_dump({export.name: lines(read(export.content, policy_of(export.format))) for export in exports() if export.format == sys.argv[1]}, sort_keys=True, allow_unicode=True, width=200), end="")
