"""Evidence of one control as of an instant: from the published copy, or from the marts of a past instant made for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flows import settings
from warehouse import evidence, history, models, published
from warehouse.compute import compute_known
from warehouse.evidence import Provenance
from warehouse.home import Home
from warehouse.job import calendar_digest


def list_controls(home: Path) -> list[dict[str, Any]]:
    """Every control, with the counts of the published copy."""
    with published.open_copy(home) as connection:
        return evidence.listing(connection)


def write_pack(home: Path, control: str, *, framework: str | None = None, as_of: str | None = None, out: Path | None = None) -> tuple[Path, dict[str, Any]]:
    """Writes the pack of a control and returns its folder and manifest. Raises `UsageError` for a control or an instant that is not there."""
    found = evidence.find_control(control, framework)
    with _marts(home, settings.instant(as_of)) as (connection, provenance):
        folder = out or Home(home).evidence / evidence.folder_name(found, provenance.as_of_us)
        return folder, evidence.write_pack(connection, found, provenance, folder)


@contextmanager
def _marts(home: Path, as_of_us: int | None) -> Iterator[tuple[Any, Provenance]]:
    """An open file with the marts of that instant, and where they come from."""
    with published.open_copy(home) as connection:
        last = evidence.published_provenance(connection)
        if as_of_us in (None, last.as_of_us):
            yield connection, last
            return
    policy = history.past_at(Home(home), as_of_us).policy
    with TemporaryDirectory(prefix="handoff-") as folder, history.copy_known(Home(home), Path(folder) / "past.duckdb", as_of_us) as connection:
        compute_known(connection, policy, as_of_us)
        models.build(connection)
        yield connection, Provenance(as_of_us, policy, settings.code_version(), calendar_digest(policy))
