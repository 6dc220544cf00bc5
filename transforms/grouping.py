"""Observations → findings: one asset or unbound target, one vulnerability, one place (record.md 'Identity'). In columns, since there are millions."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from transforms.binding import Binding
from transforms.identity import FAMILIES, canonical_id

#: The order of observations (ruling 5); a missing own id sorts as the empty text.
ORDER = ("captured_at", "scanner", "own_id", "title", "observation_id")
#: The order of sightings under which a finding takes its id (ruling 28 breaks the tie by the sighting).
_FIRST = ("captured_at", "scanner", "own_id", "title", "sighting_id")


def group(observations: pl.DataFrame, bindings: Mapping[str, Binding], aliases: Mapping[str, str]) -> pl.DataFrame:
    """The observations with `key` (vulnerability key through the aliases), `finding` (a number, from 0) and `finding_id`.

    `observations`: those that count, instants in microseconds. `bindings`: what each target binds to at as_of. `aliases`: id → the one id
    that it means. Sorted by finding, in it by `ORDER`; `finding_id` is the id of the finding's earliest sighting.
    """
    where = {target: f"asset\x1f{bound.asset_id}" if bound.asset_id else f"target\x1f{target}" for target, bound in bindings.items()}
    keyed = _with_keys(observations, aliases).with_columns(
        where=pl.col("target").replace_strict(where, return_dtype=pl.String),
        own_id=pl.col("own_id").fill_null(""),
    )
    place = pl.concat_str([pl.col(name).fill_null("") for name in ("where", "key", "location_kind", "location_key")], separator="\x1e")
    numbered = keyed.with_columns(finding=place.rank("dense").cast(pl.Int64) - 1).drop("where")
    first = numbered.select("finding", *_FIRST).sort("finding", *_FIRST).group_by("finding", maintain_order=True).agg(finding_id=pl.col("sighting_id").first())
    return numbered.join(first, on="finding", validate="m:1").sort("finding", *ORDER)


def stated_together(observations: pl.DataFrame) -> list[list[str]]:
    """The sets of two and more ids that observations state, each once."""
    several = observations.filter(pl.col("vulnerability_ids").list.len() > 1)
    return [ids.split("\n") for ids in several.select(pl.col("vulnerability_ids").list.join("\n")).unique().to_series().to_list()]


def _with_keys(observations: pl.DataFrame, aliases: Mapping[str, str]) -> pl.DataFrame:
    """`key`: the canonical id through the aliases, where what the report states comes to exactly one; else as it was keyed when it came."""
    if not aliases:
        return observations.with_columns(key=pl.col("vulnerability_key"))
    stated = observations.select(ids=pl.col("vulnerability_ids").list.join("\n")).unique().filter(pl.col("ids").str.len_bytes() > 0)
    canonical = {ids: canonical_id(ids.split("\n"), aliases) for ids in stated["ids"].to_list()}
    named = {ids: id_ for ids, id_ in canonical.items() if id_}
    rule = pl.when(pl.col("rule").str.len_bytes() > 0).then("rule").otherwise("title")
    by_rule = pl.concat_str(pl.col("scanner").replace(FAMILIES), rule, separator="|")
    return observations.with_columns(ids=pl.col("vulnerability_ids").list.join("\n")).with_columns(
        key=pl.when(pl.col("ids").str.len_bytes() > 0)
        .then(pl.coalesce(pl.col("ids").replace_strict(named, default=None, return_dtype=pl.String), by_rule))
        .otherwise("vulnerability_key")
    ).drop("ids")
