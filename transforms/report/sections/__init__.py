"""Sections: one module a section, discovered, so that a new section is a new file. A module states

    NAME: str            its anchor on the page
    TITLE: str           its heading
    ORDER: int           where it stands; the name decides between equals
    QUERIES: tuple       names of the SQL files below warehouse/sql/report that it reads
    KINDS: tuple         grains of the reports in which it stands: week, month, quarter
    lede(frames: Mapping[str, polars.DataFrame]) -> str           the one sentence that it opens with, plain text, true to the data
    render(frames: Mapping[str, polars.DataFrame]) -> Markup      what follows that sentence; nothing where there is nothing to show

The page sets the lede before what `render` gives; the text digest is made of the ledes alone.
`frames` also holds `period` (one row); frames with a `period_grain` hold the rows of the page's grain only.
"""

from __future__ import annotations

from types import ModuleType

from transforms.domain.discovery import discover

CONTRACT = ("NAME", "TITLE", "ORDER", "QUERIES", "KINDS", "lede", "render")


def in_order(grain: str | None = None) -> list[ModuleType]:
    """Every section, as they stand on the page; those of one report where its grain is given."""
    found = sorted(discover(__name__, __path__, CONTRACT).values(), key=lambda section: (section.ORDER, section.NAME))
    return [section for section in found if grain is None or grain in section.KINDS]
