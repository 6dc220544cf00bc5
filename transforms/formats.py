"""Which formats are read, and which of them claims a content: what `handoff formats` prints."""

from __future__ import annotations

from transforms import reference, registers, scanners, trackers
from transforms.domain.head import Head

FOLDERS = {"scans": scanners, "assets, people": registers, "activity": trackers, "reference": reference}


def listing() -> list[dict[str, str]]:
    """Every format: folder, name, what it is."""
    return [{"folder": folder, "format": name, "reads": module.TITLE} for folder, package in FOLDERS.items() for name, module in package.formats().items()]


def explain(content: bytes) -> list[dict[str, str]]:
    """What the content looks like, and each format's answer."""
    head = Head(content)
    rows = [{"folder": "", "format": "(content)", "answer": head.summary}]
    for folder, package in FOLDERS.items():
        for name, module in package.formats().items():
            rows.append({"folder": folder, "format": name, "answer": "claims it" if module.recognise(head) else "no"})
    claims = [row for row in rows if row["answer"] == "claims it"]
    return claims + [row for row in rows if row not in claims]
