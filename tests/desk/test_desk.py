"""The desk as files: complete, inert, of the published copy alone, replaced in one step; and what it links to."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import settings
from transforms import desk as pages
from transforms.domain.errors import UsageError
from transforms.explanation import Life
from transforms.report import finding
from warehouse import desk, published
from warehouse.connection import connect
from warehouse.published import open_copy

POLICY = "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src data:; base-uri 'none'; form-action 'none'"


def called(path: Path) -> list:
    """The arguments of the one call that a data file is."""
    text = path.read_text(encoding="utf-8")
    found = re.fullmatch(r"handoff\.[a-z]+\((.*)\);\n", text, re.DOTALL)
    assert found
    return json.loads(f"[{found[1]}]")


def rows(folder: Path, page: str) -> list[dict]:
    """The rows of a page by their columns' names."""
    (about,) = called(folder / "data" / f"{page}.js")
    names = [column["name"] for column in about["columns"]]
    found = [dict(zip(names, row, strict=True)) for number in range(about["chunks"]) for row in called(folder / "data" / f"{page}-{number}.js")[1]]
    assert len(found) == about["total"]
    return found


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def elements(path: Path) -> list[tuple[str, dict]]:
    parser = Elements()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser.found


def test_every_page_has_a_strict_policy_and_asks_for_files_beside_it_only(hostile_desk):
    written = sorted(path.name for path in hostile_desk.glob("*.html"))
    assert written == ["finding.html", "findings.html", "flags.html", "index.html", "people.html", "quarantines.html", "queue.html", "runs.html", "teams.html"]
    for path in hostile_desk.glob("*.html"):
        found = elements(path)
        assert ("meta", {"http-equiv": "Content-Security-Policy", "content": POLICY}) in found
        for tag, attributes in found:
            assert not [name for name in attributes if name.startswith("on")]
            assert "style" not in attributes
            if tag == "script":
                assert (hostile_desk / attributes["src"]).is_file()
            if tag in ("a", "link") and not attributes["href"].startswith(("#", "data:,")):
                assert (hostile_desk / attributes["href"]).is_file()


def test_no_text_of_a_source_is_in_a_page(hostile_desk, redacted_desk):
    for path in hostile_desk.glob("*.html"):
        if path.name != "quarantines.html":
            shared = (redacted_desk / path.name).read_text(encoding="utf-8").replace('<li><a href="quarantines.html">Quarantines</a></li>\n', "")
            other = path.read_text(encoding="utf-8").replace('<li><a href="quarantines.html">Quarantines</a></li>\n', "")
            if path.name != "index.html":
                assert other == shared, "pages are shells: only their data differ"


def test_what_others_wrote_is_as_they_published_it():
    for path, expected in pages.VENDORED.items():
        assert pages.digest(path) == expected
    assert pages.VENDORED.keys() == {path for path in pages.ASSETS if path.startswith("vendor/")}


def test_the_pages_hold_what_the_copy_holds(hostile_desk, hostile_home):
    with open_copy(hostile_home) as connection:
        counts = dict(connection.execute(
            "SELECT 'findings', count(*) FROM mart.finding UNION ALL SELECT 'flags', count(*) FROM mart.flag UNION ALL SELECT 'people', count(*) FROM mart.person "
            "UNION ALL SELECT 'runs', count(*) FROM record.run UNION ALL SELECT 'queue', count(*) FROM mart.handoff WHERE is_open AND acknowledged_at IS NULL"
        ).fetchall())  # fmt: skip
        ids = {row[0] for row in connection.execute("SELECT finding_id FROM mart.finding").fetchall()}
    (about,) = called(hostile_desk / "data" / "index.js")
    assert {name: about["counts"][name] for name in counts} == counts
    assert {row["finding_id"] for row in rows(hostile_desk, "findings")} == ids
    assert {row["person"]: row["waiting"] for row in rows(hostile_desk, "people")}["bo"] == 1, "to whom it was transferred"
    assert [row["outcome"] for row in rows(hostile_desk, "quarantines")] == ["quarantined"]
    told = [called(path)[0] for path in (hostile_desk / "data" / "finding").glob("*.js")]
    assert {finding_id for bucket in told for finding_id in bucket["lives"]} == ids


def test_the_redacted_desk_names_nobody(redacted_desk):
    text = "".join(path.read_text(encoding="utf-8") for path in (redacted_desk / "data").rglob("*.js"))
    assert not re.search(r"\b(anna|bo|cy|pay|gone)\b", text)
    assert not (redacted_desk / "quarantines.html").exists()
    assert {row["finding_id"] for row in rows(redacted_desk, "findings")} == {
        finding_id for path in (redacted_desk / "data" / "finding").glob("*.js") for finding_id in called(path)[0]["lives"]
    }


def test_a_desk_replaces_a_desk_and_nothing_else(hostile_home, hostile_desk, tmp_path):
    out = tmp_path / "desk"
    desk.write(hostile_home, out)
    (out / "data" / "old.js").write_text("", encoding="utf-8")
    written = desk.write(hostile_home, out)
    files = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert files == {str(path.relative_to(hostile_desk)): path.read_bytes() for path in hostile_desk.rglob("*") if path.is_file()}, "the same copy, the same bytes"
    assert (written.files, written.bytes) == (len(files), sum(map(len, files.values())))
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(UsageError, match="something else than a desk"):
        desk.write(hostile_home, other)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == [], "no draft is left"


def test_without_a_redacted_tier_there_is_no_redacted_desk(hostile_home, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(hostile_home / "handoff.duckdb", home)
    with pytest.raises(UsageError, match="redacted"):
        desk.write(home, tmp_path / "desk", is_redacted=True)
    assert not (tmp_path / "desk").exists()


def test_a_desk_of_an_empty_record_has_empty_pages(hostile_home, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(hostile_home / "handoff.duckdb", home)
    with connect(home / "handoff.duckdb") as connection:
        for table in ("finding", "handoff", "flag", "person", "event", "finding_alias", "handoff_latency"):
            connection.execute(f"DELETE FROM mart.{table}")
    written = desk.write(home, tmp_path / "desk")
    assert {name: written.rows[name] for name in ("findings", "queue", "flags", "people", "teams")} == dict.fromkeys(("findings", "queue", "flags", "people", "teams"), 0)
    assert called(tmp_path / "desk" / "data" / "queue.js")[0]["chunks"] == 0


@pytest.mark.parametrize(("findings", "digits"), [(0, 0), (200, 0), (201, 1), (3_200, 1), (3_201, 2), (51_200, 2), (100_000, 3), (10_000_000, 3)])
def test_a_data_file_holds_some_hundred_lives(findings, digits):
    assert pages.bucket_digits(findings) == digits


@given(st.lists(st.text(), max_size=5), st.text())
def test_any_text_survives_the_way_into_a_data_file(texts, title):
    """Back as JSON it is the same, but for what no page may show; and no byte of it ends the line that it stands in."""
    file = pages.lives("x", [Life("f" * 32, title, [("On", text) for text in texts], [])], {})
    assert b"\n" not in file.content[:-1]
    assert "\u2028" not in file.content.decode()
    found = json.loads(file.content.decode().removeprefix("handoff.lives(").removesuffix(");\n"))
    title_place, facts, parts = found["lives"]["f" * 32]
    assert found["texts"][title_place] == finding.foreign(title, "").striptags() if title.isalnum() else True
    assert (len(facts), parts) == (len(texts), [])


# Where it is served


def test_a_page_of_a_finding_leads_to_the_desk_that_is_served(hostile_home, monkeypatch):
    life = published.life(hostile_home, "F0")
    monkeypatch.setenv("HANDOFF_DESK_URL", "https://handoff.example.com/desk/")
    assert settings.desk_url() == "https://handoff.example.com/desk"
    assert f'href="https://handoff.example.com/desk/finding.html#{life.finding_id}"' in finding.render(life, settings.desk_url())
    monkeypatch.delenv("HANDOFF_DESK_URL")
    assert settings.desk_url() is None
    assert "finding.html#" not in finding.render(life, settings.desk_url())


@pytest.mark.parametrize("address", ["javascript:alert(1)", "handoff.example.com", "https://", "https://x.example/?a=b", "https://x.example/#y", "https://[x"])
def test_an_address_that_is_none_is_refused(address, monkeypatch):
    monkeypatch.setenv("HANDOFF_DESK_URL", address)
    with pytest.raises(UsageError, match="HANDOFF_DESK_URL"):
        settings.desk_url()
