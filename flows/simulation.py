"""Writes a simulated programme: a landing zone in the real formats and, beside it, the truth about it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from transforms.domain.errors import RunError, UsageError
from transforms.domain.progress import Progress, nobody
from transforms.simulation import Shape, simulate


class Written(NamedTuple):
    """What was written, and the command that it is meant for."""

    files: int
    bytes: int
    out: Path

    @property
    def command(self) -> str:
        return f'handoff run --landing {self.out / "landing"} --policy {self.out / "policy.yaml"} --as-of "$(cat {self.out / "as_of"})"'


def write_programme(shape: Shape, out: Path, progress: Progress = nobody) -> Written:
    """Writes the programme into a new or empty folder.

    Raises `UsageError` for a shape or folder that cannot be meant, `RunError` where writing fails.
    """
    if shape.findings < 1:
        raise UsageError("--findings", seen=str(shape.findings), expected="a whole number from 1 on")
    if not 0 <= shape.noise <= 1:
        raise UsageError("--noise", seen=f"{shape.noise:g}", expected="a share from 0 to 1")
    if out.exists() and not out.is_dir():
        raise UsageError("--out", seen=f"{out} is a file", expected="a new or empty folder")
    if out.exists() and any(out.iterdir()):
        raise UsageError(
            "--out", seen=f"{out} is not empty", expected="a new or empty folder", remedy="name another one, or empty it first"
        )
    written: set[str] = set()
    size = 0
    step = f"write a programme to {out}"
    progress(step)
    try:
        for path, content in simulate(shape):
            file = out / path
            if path not in written:
                written.add(path)
                file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("ab") as target:
                target.write(content)
            size += len(content)
            progress(step, len(written))
    except OSError as error:
        raise RunError(
            "--out", seen=f"{error.filename or out} cannot be written: {error.strerror}", remedy=f"what {out} holds is not whole: empty it"
        ) from None
    return Written(len(written), size, out)
