"""The page docs/registers.md: every register format, as its module states it and as it reads its golden inputs.

python tests/transforms/registers/catalogue.py                  prints it
python tests/transforms/registers/catalogue.py --write          writes docs/registers.md
"""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from pathlib import Path

import yaml

from transforms.domain.policy import RegisterNames, RegisterTerms
from transforms.registers import TABLES, formats, joined, kinds

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "registers.md"
GOLDEN = ROOT / "tests" / "golden" / "registers"


def render() -> str:
    """The page docs/registers.md."""
    lines = [
        "# Register formats",
        "",
        "Written by `python tests/transforms/registers/catalogue.py --write` (`make docs`); do not edit. What a format is stands in its module",
        "(`transforms/registers/`); counts are of the inputs in `tests/golden/registers`, whose provenance and licence its `README.md` states.",
        "",
        "A register is a snapshot of its source: it lands in `assets/` or `people/` and is recognised by its content, never by its name or folder",
        "(`handoff formats --explain FILE` says by what). A row that differs from the last snapshot's closes the version before it, a row that is gone is closed,",
        "nothing is overwritten. A file of several registers is one landed file (`kind` `assets+people`) and one snapshot of each.",
        "",
        "- A snapshot that lacks more of a register's keys than `registers.maximum_loss` allows is held as a whole until `handoff release` or `handoff discard`, and flagged.",
        "- A row that cannot be used is in `record.rejected_row`, flagged, and as absent as one that is not there.",
        "- Files of one name in one folder, dates and digits apart, are snapshots of one source. The same key in two sources is one row with a conflict.",
        "- A part of a register (one team's namespace, one page of an export) says so in its sidecar: `complete: false`, or is a source of its own.",
        "",
        "| format | reads | registers |",
        "|---|---|---|",
        *(f"| [{name}](#{name}) | {module.TITLE} | {', '.join(kinds(module))} |" for name, module in formats().items()),
        "",
        "# Names and words",
        "",
        "Under which names (columns, labels, tags, annotations, properties) a foreign register states what is policy, with these defaults; a key of your own policy",
        "replaces that list. The first name that is there is meant. Case does not matter, nor blank, hyphen and underscore; a name without a slash is also that of a",
        "label with any prefix (`team` reads `example.com/team`).",
        "",
        "| `registers.names.` | names |",
        "|---|---|",
        *(f"| `{field}` | {', '.join(f'`{name}`' for name in names)} |" for field, names in RegisterNames().model_dump().items()),
        "",
        "What its words mean is policy too; your own words are laid over these. A word that is not there is a rejected row (`unknown_criticality`, `unknown_status`),",
        "which is read again under the policy that says what it means.",
        "",
        "| `registers.terms.` | meaning | words, in any case |",
        "|---|---|---|",
        *_terms(),
        "",
        "Both hold for files that land from then on, and for those read again (`handoff reprocess SHA`).",
        "",
        "# Owners",
        "",
        "A mail address, `user:x` and `@x` are persons; `org/team`, `@org/team` (by their last part), `group:x` and `team:x` are teams. A bare word is a team in labels and tags and a person in a",
        "list of owners. A stated team, else the first team among the owners, is `owner_team`; every other owner is a row of the ownership register",
        "(`asset:ID`), its priority its place in the list. A person whom no directory knows stays a reference: findings routed by it are `unknown_person`.",
    ]
    for name in formats():
        lines += ["", *_section(name)]
    return "\n".join(lines) + "\n"


def _terms() -> list[str]:
    rows = []
    for field, words in RegisterTerms.model_validate({}).model_dump().items():
        for meaning in dict.fromkeys(words.values()):
            rows.append(f"| `{field}` | {meaning} | {', '.join(f'`{word}`' for word, means in words.items() if means == meaning)} |")
    return rows


def _section(name: str) -> list[str]:
    module = formats()[name]
    table = ", ".join(f"`record.{TABLES[kind].name}`" for kind in kinds(module))
    lines = [f"## {name}", "", inspect.cleandoc(module.__doc__ or ""), "", f"- Kept in {table}; `landed_file.kind` is `{joined(kinds(module))}`."]
    inputs = sorted(path for path in (GOLDEN / name).glob("*") if path.name != "golden.yaml")
    expected = yaml.safe_load((GOLDEN / name / "golden.yaml").read_text(encoding="utf-8")) if inputs else {}
    return [*lines, f"- Inputs, with their rows: {', '.join(_counted(path, expected[path.name]) for path in inputs)}."] if inputs else lines


def _counted(path: Path, expected: dict) -> str:
    """How many rows of each register a golden input has; the tests hold the module to them."""
    only = kinds(formats()[path.parent.name])[0]
    found = Counter(row.get("register", only) for row in expected["rows"]) + Counter({"rejected": len(expected.get("rejects", []))})
    return f"`{path.name}` " + ", ".join(f"{count} {what}" for what in (*TABLES, "rejected") if (count := found[what]))


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(render(), encoding="utf-8")
    else:
        print(render())
