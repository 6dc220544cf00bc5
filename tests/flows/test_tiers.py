"""What leaves the home: the redacted tier, in which nothing says who, where or on what, and the published copy as files for other tools."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
import warnings

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import settings
from flows.job import Options, redact_copy, run
from transforms.domain.errors import ModuleMalformed, UsageError
from warehouse import export, redact, verify
from warehouse.models import models

AS_OF = "2026-05-01T00:00:00Z"
#: Every identifying value of the zone is made of one word like this: which one is seen says what leaked.
MARKER = re.compile(r"zq[a-z0-9]+qz", re.IGNORECASE)
KEY = b"0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def marked_home(tools, tmp_path_factory):
    """The home of a programme in which every field of the input that can identify holds a marker; the policy asks for the redacted tier."""
    zone, folder = tools.Zone(), tmp_path_factory.mktemp("marked")
    more = {"name": "Zqnameqz Zqsurnameqz", "email": "zqmailqz@zqdomainqz.example", "role": "zqroleqz", "channel": "zqchannelqz"}
    zone.people(
        tools.person("zqpersonannaqz", manager_id="zqpersonleadqz", **more), tools.person("zqpersonboqz"), tools.person("zqpersonleadqz", "security"),
        tools.person("zqpersongoneqz", status="departed", manager_id="zqpersonleadqz"),
    )  # fmt: skip
    zone.assets(
        {"asset_id": "zqassetqz", "name": "zqassetnameqz", "aliases": "zqhostoneqz", "kind": "zqkindqz", "application": "zqapplicationqz", "owner_team": "payments"},
        {"asset_id": "zqassettwoqz", "name": "zqhosttwoqz", "owner_team": "payments"}, {"asset_id": "zqassettwinqz", "name": "zqhosttwoqz", "owner_team": "payments"},
        {"asset_id": "zqassetgoneqz", "name": "zqhostthreeqz", "owner_team": "payments"},
    )  # fmt: skip
    zone.ownership(
        {"match": "asset:zqassetqz", "person_id": "zqpersonannaqz", "team": "payments", "effective_from": "2020-01-01T00:00:00Z"},
        {"match": "name:zqhostthree*", "person_id": "zqpersongoneqz", "team": "payments"},
    )
    for number, target in enumerate(("zqhostoneqz", "zqhosttwoqz", "zqhostthreeqz", "zqhostunknownqz.zqdomainqz.example")):
        for part in range(4):
            zone.scan(
                f"2026-03-{10 + number:02d}T09:00:00Z", ("Critical", "High", "Medium", "Low")[part], target=target, own=f"zqown{number}{part}qz", scanner=f"tool{part % 2}",
                cve=f"CVE-2026-{part}", title=("Weak cipher", f"Weak cipher on {target.upper()}", "Seen by ZqNameQz  zqsurnameqz", "Leaks /srv/zqpathunknownqz/key")[part],
                file_path=f"src/zqpathqz/zqfile{part}qz.py", description="zqdescriptionqz", vuln_id_from_tool=f"zqpathqz/zqfile{part}qz.py",
                side={"engagement": "zqengagementqz", "scan_id": f"zqscan{number}{part}qz", "source": "zqsourceqz"},
            )  # fmt: skip
    zone.scan("2026-03-19T09:00:00Z", target="zqhostoneqz", own="zqownruleqz", cve=None, title="Weak cipher", vuln_id_from_tool="zqpathqz/zqfile0qz.py", file_path="src/zqpathqz/zqfile0qz.py")
    zone.scan("2026-03-20T09:00:00", target="zqhostoneqz", own="zqownurlqz", cve="CVE-2026-9", title="Cookie", endpoints=["https://zqhosturlqz.example/zqpathurlqz"])
    for part in range(4):
        zone.event("notified", f"2026-03-10T09:0{part}:00Z", "zqactorbotqz", ref="zqown00qz", target_person="zqpersonannaqz", channel="zqchannelqz")
        zone.event("notified", f"2026-03-13T09:0{part}:00Z", "zqactorbotqz", ref=f"zqown2{part}qz", target_person="zqpersongoneqz")
    for part in range(4):
        zone.event("commented", f"2026-03-11T09:0{part}:00Z", "zqpersonboqz", ref=f"zqown0{part}qz", comment="zqcommentqz")
        zone.event("acknowledged", f"2026-03-12T09:0{part}:00Z", "zqpersonannaqz", ref=f"zqown0{part}qz", ticket="zqticketqz", comment="zqcommentqz")
    zone.event("acknowledged", "2026-03-12T09:00:00Z", "zqstrangerqz", ref="zqown10qz")
    zone.event("control_accepted", "2026-03-12T10:00:00Z", "zqpersonannaqz", ref="zqown00qz", comment="zqcommentqz")
    zone.event("withdrawn", "2026-03-12T10:00:00Z", "zqpersonannaqz", ref="zqown01qz", comment="zqcommentqz")
    zone.event("acknowledged", "2026-03-12T10:00:00Z", "zqpersonannaqz", ref="zqrefunknownqz")
    for number in range(12):
        zone.event("acknowledged", f"2026-03-15T09:00:{number:02d}Z", "zqpersonannaqz", ref=f"zqown{number % 4}{number // 4}qz")
    for event in zone.events:
        event["event_id"] = f"zqevent{event['event_id']}qz"
    zone.put("scans/zqfilenameqz.json", "zqnothingqz").put("scans/zqrejectedqz.json", json.dumps({"findings": [{"severity": "High", "title": "zqrejectedrowqz"}]}))
    landing = zone.write(folder / "landing")
    policy = folder / "policy.yaml"
    policy.write_text("routing: {escalation_default: zqpersonleadqz, mapping_age: 30d}\nscans: {authorized: ['zqhostone*']}\npublish: {redacted: true}\n")
    home = folder / "home"
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore", DeprecationWarning)  # Great Expectations' own
        patch.setenv("HANDOFF_REDACTION_KEY", KEY.decode())
        run(Options(str(landing), home, policy, AS_OF, report=False))
    return home


@pytest.fixture(scope="module")
def redacted(marked_home):
    with duckdb.connect(str(marked_home / "handoff-redacted.duckdb"), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def full(marked_home):
    with duckdb.connect(str(marked_home / "handoff.duckdb"), read_only=True) as connection:
        yield connection


def markers(connection, schemas=("mart", "record", "question")) -> dict[str, list[tuple[str, str]]]:
    """Where each marker stands: (table, column) of the first row that shows it, by marker."""
    found: dict[str, list[tuple[str, str]]] = {}
    for schema, table in connection.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall():
        if schema in schemas:
            result = connection.execute(f"FROM {schema}.{table}")
            names = [column[0] for column in result.description]
            for row in result.fetchall():
                for name, value in zip(names, row, strict=True):
                    for word in MARKER.findall(str(value)):
                        found.setdefault(word.casefold(), []).append((f"{schema}.{table}", name))
    return found


# The redacted tier


def test_the_full_copy_shows_what_was_planted(full):
    found = markers(full, ("mart",))
    columns = {column for places in found.values() for _, column in places}
    names = {"owner_id", "acknowledged_by", "actor", "target_person", "candidate", "candidates", "named_by", "rejected", "proposed_id", "why", "escalated_to"}
    things = {"asset_id", "name", "application", "target", "own_ids", "engagement", "file_path", "location_key", "title", "event_id", "ref", "ticket", "comment", "channel"}
    rest = {"evidence", "detail", "message", "dimension_value", "actor_role", "subject_id", "vulnerability_key"}
    assert names | things | rest <= columns, "a column that nothing was planted in proves nothing"


def test_no_cell_of_the_redacted_tier_identifies_anything(redacted):
    assert markers(redacted) == {}


def test_no_byte_of_the_redacted_file_identifies_anything(marked_home, full):
    content = (marked_home / "handoff-redacted.duckdb").read_bytes().lower()
    assert [word for word in markers(full) if word.encode() in content] == []


def test_no_comment_of_the_redacted_tier_identifies_anything(redacted):
    said = redacted.execute("SELECT comment FROM duckdb_columns() UNION ALL SELECT comment FROM duckdb_tables() UNION ALL SELECT sql FROM duckdb_views()").fetchall()
    assert [text for (text,) in said if MARKER.search(text or "")] == []


def test_a_title_stays_unless_it_names_something(full, redacted):
    before, after = (dict(connection.execute("SELECT title, count(*) FROM mart.finding GROUP BY title").fetchall()) for connection in (full, redacted))
    assert {title for title in after if not title.startswith("text-")} == {"Weak cipher", "Cookie"}
    assert sum(before.values()) == sum(after.values())
    assert len(before) == len(after)


def test_figures_instants_and_teams_are_those_of_the_full_copy(full, redacted):
    for query in (
        "SELECT severity, team, captured_at, acknowledged_at, latency_seconds, handoff_due_at, failure_mode, breach_attribution FROM mart.handoff ORDER BY ALL",
        "SELECT * EXCLUDE (dimension_value) FROM mart.handoff_latency ORDER BY ALL",
        "FROM mart.dashboard ORDER BY ALL",
        "FROM question.teams_blamed_by_a_single_sla",
        "FROM record.run",
    ):
        assert full.execute(query).fetchall() == redacted.execute(query).fetchall(), query


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM mart.handoff JOIN mart.finding USING (finding_id, asset_id)",
        "SELECT count(*) FROM mart.finding_alias JOIN mart.handoff USING (finding_id)",
        "SELECT count(*) FROM mart.event JOIN mart.handoff USING (finding_id, cycle) WHERE acknowledged_by = actor_id",
        "SELECT count(*) FROM mart.obligation JOIN mart.finding ON finding_id = subject_id",
        "SELECT count(*) FROM mart.obligation JOIN mart.scan_coverage ON asset_id = subject_id",
        "SELECT count(*) FROM mart.flag JOIN mart.finding ON mart.finding.finding_id = subject_id",
        "SELECT count(*) FROM mart.flag JOIN mart.event ON mart.event.event_id = subject_id",
        "SELECT count(*) FROM mart.handoff JOIN mart.reattribution ON owner_id = proposed_id",
        "SELECT count(*) FROM mart.handoff JOIN mart.handoff_latency ON dimension = 'engagement' AND dimension_value = engagement",
        "SELECT count(*) FROM mart.time_quality JOIN mart.handoff ON detail = acknowledged_by",
    ],
)
def test_joins_work_as_they_did(full, redacted, query):
    (before,) = full.execute(query).fetchone()
    assert redacted.execute(query).fetchone() == (before,)
    assert before > 0


def test_the_redacted_tier_has_every_mart_and_says_what_is_redacted(redacted):
    columns = redacted.execute("SELECT table_name, column_name, data_type, comment FROM duckdb_columns() WHERE schema_name = 'mart' ORDER BY table_name, column_index").fetchall()
    assert [column[:3] for column in columns] == [(name, column.name, column.type) for name, model in models().items() for column in model.columns]
    said = {(table, name): comment for table, name, _, comment in columns}
    assert said["handoff", "owner_id"].endswith("Redacted: a keyed pseudonym.")
    assert said["event", "comment"].endswith("Redacted: left out.")
    assert "Redacted" not in said["handoff", "captured_at"]


def test_questions_of_the_marts_can_be_asked_of_it(redacted):
    there = {name for (name,) in redacted.execute("SELECT view_name FROM duckdb_views() WHERE schema_name = 'question'").fetchall()}
    assert {"open_for_a_person", "teams_blamed_by_a_single_sla", "run_behind_this_file"} <= there
    assert there.isdisjoint({"files_behind_a_figure", "files_that_lost_rows", "why_it_is_due_then"})


def test_same_key_same_pseudonyms_another_key_others(marked_home, redacted, tmp_path):
    owners = "SELECT DISTINCT owner_id FROM mart.handoff WHERE owner_id IS NOT NULL"
    found = []
    for number, key in enumerate((KEY, KEY[::-1])):
        with duckdb.connect(str(redact.write(marked_home / "handoff.duckdb", tmp_path / f"{number}.duckdb", key)), read_only=True) as connection:
            found.append(set(connection.execute(owners).fetchall()))
    here = set(redacted.execute(owners).fetchall())
    assert found[0] == here != set()
    assert found[1].isdisjoint(here)


def test_verify_says_that_a_redacted_copy_holds_no_record(marked_home):
    with pytest.raises(UsageError, match="redacted copy"):
        verify.verify_file(marked_home / "handoff-redacted.duckdb", "code")


@pytest.mark.parametrize("name", models())
def test_every_column_of_every_mart_is_declared(name):
    assert redact.rules()[f"mart.{name}"].keys() == {column.name for column in models()[name].columns}


def test_a_column_that_is_not_declared_is_an_error(monkeypatch):
    handoff = models()["handoff"]
    wider = handoff._replace(columns=(*handoff.columns, handoff.columns[0]._replace(name="new_column")))
    monkeypatch.setattr(redact, "models", lambda: {**models(), "handoff": wider})
    redact.rules.cache_clear()
    with pytest.raises(ModuleMalformed, match=r"redaction.yaml.*mart.handoff.*new_column"):
        redact.rules()


@given(st.text("abcXYZ019 -_./:", max_size=12), st.from_regex(r"[a-z]{2,8}([-._/][a-z0-9]{1,8}){0,3}", fullmatch=True), st.text("abcXYZ019 -_./:", max_size=12))
def test_a_text_names_something_however_it_is_written(before, name, after):
    names = redact._finder([name])
    assert names(f"{before} {name.upper()} {after}")
    assert names(f"{before}({re.sub('[-._/]', ' ', name)}){after}")
    assert not redact._finder(["other"])("Weak cipher in CVE-2026-1 of package")


@pytest.mark.parametrize("text", ["at https://x", "mail a@b.c", "host 10.1.2.3 up", "reads /etc/shadow", "on db1.corp", "GHSA-8v27-2fg9-7h62 at db.local"])
def test_a_text_that_tells_a_place_names_something(text):
    assert redact._finder([])(text)


@pytest.mark.parametrize("text", ["SSL 64-bit ciphers (SWEET32)", "log4j 2.14.1", "HTTP TRACE / TRACK", "CVE-2026-12 in GHSA-8v27-2fg9-7h62", "input/output error"])
def test_a_text_about_a_vulnerability_names_nothing(text):
    assert not redact._finder(["2026", "12", "ghsa"])(text)


# The key


@pytest.fixture
def home_copy(marked_home, tmp_path, monkeypatch):
    """A home with a published copy, no key in the environment, and no key file yet."""
    monkeypatch.delenv("HANDOFF_REDACTION_KEY", raising=False)
    (tmp_path / "home").mkdir()
    shutil.copy(marked_home / "handoff.duckdb", tmp_path / "home")
    return tmp_path / "home"


def test_a_key_is_made_once_and_only_for_its_owner(home_copy):
    first = settings.redaction_key(home_copy)
    assert len(first) >= 32
    assert (home_copy / "redaction.key").stat().st_mode & 0o777 == 0o600
    assert settings.redaction_key(home_copy) == first


def test_a_key_that_others_may_read_or_guess_is_refused(home_copy, monkeypatch):
    settings.redaction_key(home_copy)
    (home_copy / "redaction.key").chmod(0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        settings.redaction_key(home_copy)
    monkeypatch.setenv("HANDOFF_REDACTION_KEY", "secret")
    with pytest.raises(UsageError, match="6 characters") as refused:
        settings.redaction_key(home_copy)
    assert "secret" not in str(refused.value)


def test_a_file_that_is_there_is_never_overwritten(home_copy, tmp_path):
    (tmp_path / "mine.duckdb").write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        redact_copy(home_copy, tmp_path / "mine.duckdb")
    assert (tmp_path / "mine.duckdb").read_text() == "mine"
    assert not (home_copy / "redaction.key").exists()


# Export


@pytest.fixture(scope="module")
def parquet(marked_home, tmp_path_factory):
    """The published copy as Parquet."""
    folder = tmp_path_factory.mktemp("export") / "tables"
    export.export(marked_home, folder)
    return folder


def test_every_documented_table_is_exported_and_read_back(full, parquet):
    contents = json.loads((parquet / export.DICTIONARY).read_text())
    assert {table["table"] for table in contents["tables"]} == {
        f"{schema}.{name}" for schema, name in full.execute("SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema <> 'question'").fetchall()
    }
    for table in contents["tables"]:
        content = (parquet / table["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == table["sha256"]
        order = ", ".join(f'"{name}"' for name in dict.fromkeys([*table["key"], *(column["name"] for column in table["columns"])]))
        name, _, rest = table["table"].partition(".")
        wanted = full.execute(f'FROM {name}."{rest}" ORDER BY {order}').to_arrow_table()
        assert pq.read_table(parquet / table["file"]).equals(wanted), table["table"]
        assert pl.read_parquet(parquet / table["file"]).height == table["rows"] == wanted.num_rows
    assert contents["as_of"] == AS_OF
    assert contents["digests"]["marts"] == full.execute("SELECT mart_digest FROM record.run").fetchone()[0]


def test_parquet_says_what_its_columns_mean(parquet):
    schema = pq.read_schema(parquet / "mart.handoff.parquet")
    assert schema.metadata[b"key"] == b"finding_id, cycle"
    assert schema.metadata[b"comment"].startswith(b"One row per handoff cycle")
    assert schema.field("cycle").metadata == {b"comment": b"Handoff cycle of the finding, from 1.", b"type": b"INTEGER"}
    assert pq.read_metadata(parquet / "mart.handoff.parquet").row_group(0).column(0).compression == "ZSTD"


def test_the_same_copy_gives_the_same_bytes(marked_home, parquet, tmp_path):
    export.export(marked_home, tmp_path / "again")
    names = sorted(path.name for path in parquet.iterdir())
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == names
    assert [name for name in names if (parquet / name).read_bytes() != (tmp_path / "again" / name).read_bytes()] == []


def test_row_groups_do_not_depend_on_how_the_engine_cuts_its_batches(monkeypatch):
    monkeypatch.setattr(export.flat, "ROW_GROUP", 10)
    rows = duckdb.sql("SELECT range AS i FROM range(25)").to_arrow_table()
    for size in (3, 10, 25):
        assert [frame.column("i").to_pylist() for frame in export._row_groups(rows.to_reader(size))] == [list(range(10)), list(range(10, 20)), list(range(20, 25))]
    assert [frame.num_rows for frame in export._row_groups(rows.slice(0, 0).to_reader())] == [0]


def test_csv_holds_the_chosen_tables_and_no_formula(warehouse, zone, tmp_path):
    zone.scan("2026-04-01T09:00:00Z", title='=HYPERLINK("http://x","y")', own="@SUM(1)")
    warehouse.run(zone.write(tmp_path / "landing"), AS_OF, published=True)
    contents = export.export(warehouse.home.folder, tmp_path / "out", "csv", ["mart.finding", "question"])
    names = {table["table"] for table in contents["tables"]}
    assert "mart.finding" in names
    assert {name.partition(".")[0] for name in names - {"mart.finding"}} == {"question"}
    with (tmp_path / "out" / "mart.finding.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["title"] == "'=HYPERLINK(\"http://x\",\"y\")"
    assert row["own_ids"] == "'@SUM(1)"
    assert (row["first_captured_at"], row["known_exploited"], row["epss"]) == ("2026-04-01T09:00:00Z", "false", "")


def test_a_folder_that_holds_something_is_never_written_to(marked_home, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds something"):
        export.export(marked_home, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(("wanted", "words"), [(["mart.nothing"], "mart.nothing"), (["other"], "other")])
def test_a_table_that_is_not_there_is_wrong_usage(marked_home, tmp_path, wanted, words):
    with pytest.raises(UsageError, match=words):
        export.export(marked_home, tmp_path / "out", "parquet", wanted)
    assert list(tmp_path.iterdir()) == []
