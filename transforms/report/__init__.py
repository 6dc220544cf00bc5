"""The report: one HTML page without script or outside asset, made of discovered sections.

Frames come in by the name of their query (warehouse/sql/report); what stands here only words, sorts and draws them.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import polars
from jinja2 import Environment, StrictUndefined

from transforms.report import sections
from transforms.report.period import GRAINS, Period, grain_of
from transforms.report.wording import day, instant

__all__ = ["GRAINS", "grain_of", "queries", "render"]


def queries() -> dict[str, str]:
    """Every query that a section asks for, and the file of the first section that does."""
    wanted: dict[str, str] = {}
    for section in sections.in_order():
        for name in section.QUERIES:
            wanted.setdefault(name, str(section.__file__))
    return dict(sorted(wanted.items()))


def render(frames: Mapping[str, polars.DataFrame], period: str) -> str:
    """The page of one period (week, month, quarter; weekly, monthly, quarterly are understood).

    `frames` holds `period` (one row a grain) and a frame a query; of a frame with a `period_grain` a section sees that grain's rows only.
    Raises `UsageError` for another period.
    """
    grain = grain_of(period)
    own = {
        name: frame.filter(polars.col("period_grain") == grain) if "period_grain" in frame.columns else frame for name, frame in frames.items()
    }
    span = Period.of(own)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    parts = [
        {"name": section.NAME.replace("_", "-"), "title": section.TITLE, "lede": section.lede(own), "body": section.render(own)}
        for section in sections.in_order(grain)
    ]
    return environment.from_string(_resource("page.html.j2")).render(
        style=_resource("style.css"), period=span, parts=parts, as_of=instant(span.as_of), local=instant(span.local_as_of, span.zone), day=day
    )


def _resource(name: str) -> str:
    return files("transforms.report").joinpath(name).read_text(encoding="utf-8")
