"""A finding's life as one page: no script, no outside asset; the same style and the same care with foreign text as the reports."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from transforms.explanation import Entry, Grid, Life, Part, stamp
from transforms.report.fragments import Column, finding_address, foreign, join, table

#: A sentence of ours with what sources wrote in it; what they wrote by itself was cut before.
_LONGEST = 4_000


def render(life: Life, desk_url: str | None = None) -> str:
    """The page. With `desk_url` it links to the finding in the desk that is served there."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    parts = [{"name": part.name, "title": part.title, "sentence": foreign(part.sentence, longest=_LONGEST), "body": _body(part)} for part in life.parts]
    return environment.from_string(_resource("finding.html.j2")).render(
        style=_resource("style.css") + _resource("finding.css"),
        life=life,
        title=foreign(life.title),
        facts=[(label, foreign(text, longest=_LONGEST)) for label, text in life.facts],
        parts=parts,
        desk=finding_address(desk_url, life.finding_id) if desk_url else None,
    )


def _body(part: Part) -> Markup:
    return join([*(_grid(grid) for grid in part.grids), _timeline(part) if part.entries else Markup("")])


def _grid(grid: Grid) -> Markup:
    columns = [Column(label, number in grid.figures) for number, label in enumerate(grid.columns)]
    return table(grid.caption, columns, [[foreign(cell, "", _LONGEST) for cell in row] for row in grid.rows], is_wide=len(columns) > 3)


def _timeline(part: Part) -> Markup:
    entries = join(_entry(entry) for entry in part.entries)
    return Markup('<h3 id="{0}-timeline">Timeline (UTC)</h3>\n<ol class="life" aria-labelledby="{0}-timeline">\n{1}</ol>\n').format(part.name, entries)


def _entry(entry: Entry) -> Markup:
    who = Markup(' <span class="who">{}</span>').format(foreign(entry.who)) if entry.who else Markup("")
    detail = Markup('<p class="detail">{}</p>').format(foreign(entry.detail, longest=_LONGEST)) if entry.detail else Markup("")
    style = f"is-{entry.kind}" if entry.counts else f"is-{entry.kind} is-void"
    return Markup('<li class="{}"><time datetime="{}">{}</time><div><span class="what">{}</span>{}{}</div></li>\n').format(
        style, f"{entry.at.isoformat()}Z", stamp(entry.at), entry.what, who, detail
    )


def _resource(name: str) -> str:
    return files("transforms.report").joinpath(name).read_text(encoding="utf-8")
