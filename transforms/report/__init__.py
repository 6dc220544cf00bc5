"""The report: one HTML page without script or outside asset, made of discovered sections, and the same in plain text.

Frames come in by the name of their query (warehouse/sql/report); what stands here only words, sorts and draws them.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import polars
from jinja2 import Environment, StrictUndefined

from transforms.report import sections, text
from transforms.report.period import GRAINS, Period, grain_of
from transforms.report.wording import instant, sentence_case

__all__ = ["GRAINS", "grain_of", "queries", "render", "render_text", "title"]


def queries() -> dict[str, str]:
    """Every query that a section asks for, and the file of the first section that does."""
    wanted: dict[str, str] = {}
    for section in sections.in_order():
        for name in section.QUERIES:
            wanted.setdefault(name, str(section.__file__))
    return dict(sorted(wanted.items()))


def render(frames: Mapping[str, polars.DataFrame], period: str, *, is_paged: bool = False, desk_url: str | None = None) -> str:
    """The page of one period (week, month, quarter; weekly, monthly, quarterly are understood).

    `frames` holds `period` (one row a grain) and a frame a query; of a frame with a `period_grain` a section sees that grain's rows only.
    `is_paged`: with what a renderer of pages needs beyond a browser (pdf.css). With `desk_url` findings lead to the desk that is served there. Raises `UsageError` for another period.
    """
    grain, desk_url = grain_of(period), desk_url.rstrip("/") if desk_url else None
    own = _of_grain(frames, grain, desk_url)
    span = Period.of(own)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    parts = [
        {"name": section.NAME.replace("_", "-"), "title": section.TITLE, "lede": section.lede(own), "body": section.render(own)}
        for section in sections.in_order(grain)
    ]
    return environment.from_string(_resource("page.html.j2")).render(
        style=_resource("style.css") + (_resource("pdf.css") if is_paged else ""),
        period=span,
        audience=sentence_case(span.audience),
        parts=parts,
        as_of=instant(span.as_of),
        local=instant(span.local_as_of, span.zone),
        is_paged=is_paged,
    )


def title(frames: Mapping[str, polars.DataFrame], period: str) -> str:
    """What the page is called."""
    return f"Security handoffs: {Period.of(_of_grain(frames, grain_of(period))).title}"


def render_text(frames: Mapping[str, polars.DataFrame], period: str, *, desk_url: str | None = None) -> str:
    """The same period in plain text, as `render` takes it."""
    return text.render(_of_grain(frames, grain_of(period), desk_url))


def _of_grain(frames: Mapping[str, polars.DataFrame], grain: str, desk_url: str | None = None) -> dict[str, polars.DataFrame]:
    own = {name: frame.filter(polars.col("period_grain") == grain) if "period_grain" in frame.columns else frame for name, frame in frames.items()}
    return {**own, "period": own["period"].with_columns(polars.lit(desk_url, polars.String).alias("desk_url"))}


def _resource(name: str) -> str:
    return files("transforms.report").joinpath(name).read_text(encoding="utf-8")
