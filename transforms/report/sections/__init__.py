"""Sections: one module a section, discovered, so that a new section is a new file. A module states

    NAME: str            its anchor on the page
    TITLE: str           its heading
    ORDER: int           where it stands; the name decides between equals
    QUERIES: tuple       names of the SQL files below warehouse/sql/report that it reads
    render(frames: Mapping[str, polars.DataFrame]) -> Markup      opens with one `fragments.sentence`, true to the data

`frames` also holds `period` (one row); frames with a `period_grain` hold the rows of the page's grain only.
"""

from __future__ import annotations

from types import ModuleType

from transforms.domain.discovery import discover

CONTRACT = ("NAME", "TITLE", "ORDER", "QUERIES", "render")


def in_order() -> list[ModuleType]:
    """Every section, as they stand on the page."""
    return sorted(discover(__name__, __path__, CONTRACT).values(), key=lambda section: (section.ORDER, section.NAME))
