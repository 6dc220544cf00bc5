"""The page on scanner formats is what the modules say and do now."""

from __future__ import annotations

import pytest

from transforms.scanners import formats


@pytest.fixture(scope="module")
def catalogue(tools):
    tools.sibling("agreement", "transforms/scanners/agreement.py")
    return tools.sibling("catalogue", "transforms/scanners/catalogue.py")


def test_the_page_is_the_one_that_is_generated(catalogue):
    assert catalogue.PAGE.read_text(encoding="utf-8") == catalogue.render(), "run `make docs`"


@pytest.mark.parametrize("name", formats())
def test_a_format_is_read_from_real_reports_and_tells_its_results_apart_without_their_severity(catalogue, name):
    reports = [report for report in catalogue.agreement.reports() if report.format == name]
    results = catalogue._results(reports)
    assert results, "a format ships only with a real report"
    assert "severity" not in catalogue._identity(results)
    assert (formats()[name].__doc__ or "").strip()


def test_what_is_wanted_is_not_here_yet(catalogue):
    wanted = catalogue.wanted()
    assert list(wanted) == sorted(wanted, key=str.lower) and all(wanted.values())
    assert not {tool.lower().replace(" ", "_") for tool in wanted} & set(formats())
