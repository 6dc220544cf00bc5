"""The report: every figure from a query below sql/report, the page from transforms.report."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import duckdb
import polars

from transforms import report
from transforms.domain.errors import ModuleMalformed, RunError
from warehouse.home import Home
from warehouse.raw import write_durably
from warehouse.schema import sql_file


def frames(connection: duckdb.DuckDBPyConnection) -> dict[str, polars.DataFrame]:
    """The frame of every query that a section asks for, by name, and `period`; rows of all grains, in a fixed order.

    `connection` is to the warehouse of a finished run, or to a published copy, which lacks schema `derived`. Raises `RunError` where it has
    no run, or was published by other code, `ModuleMalformed` where a section names a query that has no file.
    """
    is_copy = not _has_parameters(connection)
    connection.execute(sql_file("report/parameter_published.sql" if is_copy else "report/parameter.sql"))
    period = sql_file("report/period.sql")
    connection.execute(f"CREATE OR REPLACE TEMP VIEW report_period AS {period}")  # our own file
    try:
        found = {"period": connection.execute("FROM report_period ORDER BY period_grain").pl()}
        if found["period"].is_empty():
            raise RunError("report", seen="no finished run to report on", remedy="run `handoff run --landing DIR` first")
        for name, section in report.queries().items():
            if not files("warehouse").joinpath("sql", "report", f"{name}.sql").is_file():
                raise ModuleMalformed(section, seen=f"no sql/report/{name}.sql", remedy="write it, or take the name out of QUERIES")
            query = sql_file(f"report/{name}.sql")
            try:
                found[name] = connection.execute(query).pl()
            except (duckdb.BinderException, duckdb.CatalogException) as error:
                if is_copy:
                    seen = f"it is of other code: {str(error).splitlines()[0]}"
                    raise RunError("the published copy", seen=seen, remedy="publish it again with `handoff run`") from None
                raise ModuleMalformed(f"sql/report/{name}.sql", seen=str(error)) from error
            except duckdb.Error as error:
                raise ModuleMalformed(f"sql/report/{name}.sql", seen=str(error)) from error
        return found
    finally:
        connection.execute("DROP VIEW report_period")
        connection.execute("DROP VIEW report_parameter")


def _has_parameters(connection: duckdb.DuckDBPyConnection) -> bool:
    query = "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'derived' AND table_name = 'parameter'"
    return connection.execute(query).fetchone() != (0,)


def write_report(connection: duckdb.DuckDBPyConnection, home: Home, period: str, desk_url: str | None = None) -> Path:
    """Writes `report-<period>.html`, and `report-<period>.txt` beside it for mail; returns the page's path.

    Period is week, month or quarter (or weekly, monthly, quarterly). With `desk_url` its findings lead to the desk that is served there.
    """
    found = frames(connection)
    path = home.reports / f"report-{period}.html"
    write_durably(path.with_suffix(".txt"), report.render_text(found, period, desk_url=desk_url).encode("utf-8"))
    write_durably(path, report.render(found, period, desk_url=desk_url).encode("utf-8"))
    return path
