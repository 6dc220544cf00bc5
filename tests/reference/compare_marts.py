"""Whole rows of built marts against those of marts.py, both ways: a row that is missing, a row too many, a column that differs.

Rates and ratios agree to twelve digits,
seconds to a microsecond beside that, what comes of Kaplan-Meier to nine; everything else is equal.
"""

import math

#: Columns that come of Kaplan-Meier, which is in floats on both sides.
IN_FLOATS = ("breach_probability", "km_", "expected", "forecast_error")


CYCLE = ("title", "cycle")
COHORT = ("period_grain", "period_start")
CUT = ("dimension", "dimension_value", "severity")

#: What identifies a row, with the title in the place of the finding.
KEYS = {
    "handoff": CYCLE,
    "handoff_latency": (*COHORT, *CUT),
    "segment_latency": (*COHORT, *CUT, "segment"),
    "finding": ("title",),
    "binding_gap": CYCLE,
    "decayed_routing": CYCLE,
    "sla_breach": (*CYCLE, "sla"),
    "dashboard": ("period_grain", "number", "severity", "failure_mode", "clock"),
    "stage": (*CYCLE, "stage"),
    "segment": (*CYCLE, "segment", "started_at"),
    "instrumentation": (*COHORT, *CUT, "stage"),
    "cycle_share": (*COHORT, *CUT, "segment"),
    "lag_attribution": (*CYCLE, "stage"),
    "reopen": (*COHORT, *CUT),
    "compensating_control": ("title", "started_at"),
    "ownership_currency": (*CUT, "mapping_age"),
    "ingest_capacity": ("week_start", "business_unit", "step"),
    "breach_forecast": CYCLE,
    "forecast_backtest": ("week_start", "severity"),
    "single_sla": (*COHORT, *CUT),
    "deduplication": CUT,
    "scanner_overlap": ("scanner", "other_scanner"),
    "severity_matrix": ("scanner", "scanner_band", "severity"),
    "severity_calibration": ("scanner", "format", "native_term"),
    "open_aging": ("severity", "age_bucket", "team"),
    "throughput": (*COHORT, "severity"),
    "time_quality": ("anomaly", "subject", "detail"),
}

#: Where the reference is coarser than the mart: what it is compared with.
COARSER = {
    "time_quality": "SELECT anomaly, subject, CASE WHEN anomaly <> 'future' THEN detail END AS detail, sum(anomalies)::BIGINT AS anomalies, "
    "CASE WHEN anomaly <> 'future' THEN epoch_us(min(first_at)) END AS first_at, CASE WHEN anomaly <> 'future' THEN epoch_us(max(last_at)) END AS last_at "
    "FROM mart.time_quality GROUP BY anomaly, subject, 3",
}


def built(connection, mart):
    """Rows of a mart as dicts: instants in microseconds, dates as text, `title` where it has a finding; with the types of its columns."""
    types = dict(
        connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = 'mart' AND table_name = ?", [mart]
        ).fetchall()
    )
    if not types:
        return [], types
    if mart in COARSER:
        result = connection.execute(COARSER[mart])
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()], types
    picks = {
        c: f'epoch_us(t."{c}")' if t.startswith("TIMESTAMP") else f'CAST(t."{c}" AS VARCHAR)' if t == "DATE" else f't."{c}"'
        for c, t in types.items()
    }
    join = ""
    if "finding_id" in types:
        join = "LEFT JOIN mart.finding AS finding ON finding.finding_id = t.finding_id"
        picks["title"] = "finding.title"
    query = f"SELECT {', '.join(picks.values())} FROM mart.{mart} AS t {join}"  # noqa: S608
    return [dict(zip(picks, row, strict=True)) for row in connection.execute(query).fetchall()], types


def alike(column, want, got):
    if isinstance(want, float) and isinstance(got, (int, float)):
        digits = 1e-9 if column.startswith(IN_FLOATS) else 1e-12
        return math.isclose(want, got, rel_tol=digits, abs_tol=1e-6 if column.endswith("seconds") else digits)
    return type(want) is type(got) and want == got


def differences(connection, mart, want):
    """Lines that say what differs between the rows of a mart and those of the reference, which have the columns that are compared."""
    key = KEYS[mart]
    got, types = built(connection, mart)
    if not types:
        return [f"mart.{mart}: no such mart"]
    lines = []
    columns = [c for c in (want[0] if want else {}) if c not in key]
    for column in (c for c in [*key, *columns] if c not in types and c != "title"):
        lines.append(f"mart.{mart}: no column {column}")
    index = {}
    for row in got:
        place = tuple(row.get(c) for c in key)
        if place in index:
            lines.append(f"mart.{mart} {place}: more than one row")
        index[place] = row
    expected = {tuple(row[c] for c in key): row for row in want}
    if len(expected) != len(want):
        lines.append(f"mart.{mart}: the reference has more than one row of a key")
    for place, row in expected.items():
        if place not in index:
            lines.append(f"mart.{mart} {place}: missing; expected { {c: row[c] for c in columns} }")
            continue
        found = index.pop(place)
        lines += [
            f"mart.{mart} {place} {c}: expected {row[c]!r}, got {found[c]!r}"
            for c in columns
            if c in types and not alike(c, row[c], found[c])
        ]
    lines += [
        f"mart.{mart} {place}: surplus; got { {c: v for c, v in row.items() if c not in key and c != 'finding_id'} }"
        for place, row in index.items()
    ]
    return lines
