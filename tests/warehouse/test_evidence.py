"""Evidence packs: chains that lead back to the landed file, the same bytes wherever they are printed, nothing that a spreadsheet computes."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil

import pyarrow.parquet as pq
import pytest

from transforms.domain.delimited import spreadsheet_safe
from transforms.domain.errors import UsageError
from warehouse import evidence, obligations, published, raw
from warehouse import rebuild as rebuilding
from warehouse.load import Stamp

AS_OF = "2026-05-01T00:00:00Z"
FORMULA = "=HYPERLINK(\"http://evil.example\";\"click\")"
FILES = {"chains.csv", "chains.parquet", "subjects.csv", "subjects.parquet", "definitions.md", "digests.json", "manifest.json"}


def control(name: str) -> obligations.Control:
    return evidence.find_control(name)


def pack(warehouse, name, folder):
    """The pack of a control as its home now has it: file name to bytes."""
    with published.open_copy(warehouse.home.folder) as connection:
        evidence.write_pack(connection, control(name), evidence.published_provenance(connection), folder)
    return contents(folder)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rows(files, name):
    return list(csv.DictReader(files[name].decode().splitlines(keepends=True)))


@pytest.fixture(scope="module")
def landing(tools, tmp_path_factory):
    """A handoff taken, fixed and verified, one reopened, one of a hostile title, one under a control that lapsed, one unrated; and a contradiction."""
    zone = tools.Zone().scan("2026-04-06T09:00:00Z", own="A", title="plain").scan("2026-04-06T09:00:00Z", own="B", title=FORMULA, cve="CVE-2026-2")
    zone.scan("2026-04-06T09:00:00Z", "Low", own="C", title="controlled", cve="CVE-2026-3").scan("2026-04-06T09:00:00Z", "Weird", own="D", title="unrated", cve="CVE-2026-4")
    zone.event("notified", "2026-04-06T09:05:00Z", "tracker", target_person="anna@example.com", channel="chat")
    zone.event("acknowledged", "2026-04-06T09:10:00Z", "cy").event("acknowledged", "2026-04-06T10:00:00Z", "Anna@example.com", comment=FORMULA, ticket="T-1")
    zone.event("resolved", "2026-04-07T10:00:00Z").event("verified", "2026-04-08T10:00:00Z", "cy").event("reopened", "2026-04-20T10:00:00Z", "cy")
    zone.event("control_accepted", "2026-04-07T10:00:00Z", "bo", ref="C").event("control_expired", "2026-04-10T10:00:00Z", "bo", ref="C")
    # The same event once more, later: the earlier one stays.
    zone.put("activity/again.csv", [{"event_id": "e003", "ref": "A", "event": "resolved", "actor": "bo", "occurred_at": "2026-04-07T11:00:00Z"}])
    return zone.write(tmp_path_factory.mktemp("evidence") / "landing")


@pytest.fixture(scope="module")
def home(tools, landing, tmp_path_factory):
    """A home that has run over it, published."""
    warehouse = tools.Warehouse(tmp_path_factory.mktemp("evidence") / "home")
    warehouse.run(landing, AS_OF, published=True)
    return warehouse


@pytest.fixture(scope="module")
def printed(home, tmp_path_factory):
    """The pack of CC7.1."""
    return pack(home, "CC7.1", tmp_path_factory.mktemp("packs") / "cc7.1")


def test_a_pack_holds_what_its_manifest_says(printed):
    manifest = json.loads(printed["manifest.json"])
    assert printed.keys() == FILES
    assert manifest["files"] == {name: {"bytes": len(printed[name]), "sha256": hashlib.sha256(printed[name]).hexdigest()} for name in FILES - {"manifest.json"}}
    assert (manifest["framework"], manifest["control"], manifest["as_of"]) == ("SOC 2 (TSC 2017 with 2022 revisions)", "CC7.1", AS_OF)
    assert manifest["counts"] == {"population": 6, "complete_chains": 1, "exceptions": 5, "pending": 0, "events": len(rows(printed, "chains.csv"))}


def test_the_digests_are_those_of_the_run(printed, home):
    ((code, policy, calendar, state, own, merkle),) = home.sql("SELECT code_version, policy_digest, calendar_digest, state_digest, own_digest, merkle_root FROM record.run")
    assert json.loads(printed["digests.json"]) == {"code": code, "policy": policy, "calendar": calendar, "record": {"state": state, "own_events": own, "files": merkle}}
    assert json.loads(printed["manifest.json"])["digests"] == json.loads(printed["digests.json"])


def test_a_chain_says_who_did_what_when_and_whether_it_counted(printed, home):
    ((finding,),) = home.sql("SELECT finding_id FROM mart.finding WHERE title = 'plain'")
    chain = [row for row in rows(printed, "chains.csv") if (row["finding_id"], row["cycle"]) == (finding, "1")]
    assert [(row["occurred_at"][5:16], row["what"], row["is_counted"], row["status"], row["person_id"], row["role"], row["team"], row["standing"]) for row in chain] == [
        ("04-06T09:00", "captured", "true", "counted", "", "", "", ""),
        ("04-06T09:05", "notified", "true", "counted", "", "", "", "unknown_person"),
        ("04-06T09:10", "acknowledged", "false", "not_allowed", "cy", "engineer", "other", "active"),
        ("04-06T10:00", "acknowledged", "true", "counted", "anna", "engineer", "payments", "active"),
        ("04-07T10:00", "resolved", "true", "counted", "anna", "engineer", "payments", "active"),
        ("04-08T10:00", "verified", "true", "counted", "cy", "engineer", "other", "active"),
    ]
    assert [row["position"] for row in chain] == ["1", "2", "3", "4", "5", "6"]
    assert (chain[0]["actor"], chain[1]["target_person"], chain[3]["ticket"]) == ("one", "anna@example.com", "T-1")


def test_every_link_of_a_chain_leads_back_to_the_row_that_says_so(printed, home, landing):
    traced = 0
    for row in rows(printed, "chains.csv"):
        if row["method"] == "computed":
            assert row["source_sha256"] == "" and row["what"] == "control_due"
            continue
        content = raw.load(home.home.raw, row["source_sha256"])
        if row["source_file"] == "own":
            assert row["method"] == "own"
            continue
        assert (landing / row["source_file"]).read_bytes() == content
        assert hashlib.sha256(content).hexdigest() == row["source_sha256"]
        if row["what"] == "captured":
            _, _, number = row["source_pointer"].rpartition("/")
            ((title,),) = home.sql("SELECT title FROM mart.finding WHERE finding_id = ?", [row["finding_id"]])
            assert json.loads(content)["findings"][int(number)]["title"] == title
        else:
            item = json.loads(content.splitlines()[int(row["source_pointer"].split()[-1]) - 1])
            assert (item["event_id"], item["event"], item["occurred_at"]) == (row["event_id"], row["what"], row["occurred_at"])
        traced += 1
    assert traced >= 11


def test_every_handoff_of_the_population_has_its_capture_first(printed):
    first = {(row["finding_id"], row["cycle"]): row["what"] for row in rows(printed, "chains.csv") if row["position"] == "1"}
    assert first.keys() == {(row["finding_id"], row["cycle"]) for row in rows(printed, "subjects.csv")}
    assert sorted(first.values()) == ["captured"] * 4 + ["control_due", "reopened"]


def test_the_population_says_which_are_complete_and_why_not(printed):
    found = {(row["title"], row["cycle"]): (row["status"], row["reasons"]) for row in rows(printed, "subjects.csv")}
    assert found["plain", "1"] == ("complete", "chain_of_states: verified; identified: dated_by_sidecar; named_accountability: acknowledged; ranked: ranked")
    assert found["plain", "2"] == ("exception", "chain_of_states: not_acknowledged; named_accountability: never_acknowledged")
    assert found["unrated", "1"] == ("exception", "ranked: unrated")


def test_nothing_is_a_formula_in_csv_and_everything_is_as_it_came_in_parquet(printed, tmp_path):
    for stem in ("chains", "subjects"):
        (tmp_path / stem).write_bytes(printed[f"{stem}.parquet"])
        exact, shown = pq.read_table(tmp_path / stem).to_pylist(), rows(printed, f"{stem}.csv")
        assert FORMULA in {value for row in exact for value in row.values()}
        assert f"'{FORMULA}" in {value for row in shown for value in row.values()}
        assert not [value for row in shown for value in row.values() if value[:1] in ("=", "+", "-", "@")]
        assert [row["finding_id"] for row in exact] == [row["finding_id"] for row in shown]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\n=1", "\r=1", "\ttext", "\uff1d1", "\u00a0=1"])
def test_what_a_spreadsheet_would_compute_gets_an_apostrophe(text):
    assert spreadsheet_safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "a=1", "1-2", "pay-api", "2026-04-06T09:00:00Z", " plain"])
def test_what_it_would_not_stays(text):
    assert spreadsheet_safe(text) == text


@pytest.mark.parametrize("name", ["CC7.1", "CA-7", "7.4"])
def test_a_pack_printed_again_is_the_same_to_the_byte(home, tmp_path, name):
    first = pack(home, name, tmp_path / "one")
    assert pack(home, name, tmp_path / "two") == first
    assert pack(home, name, tmp_path / "one") == first, "over the earlier one"


def test_a_pack_of_a_home_rebuilt_from_raw_is_the_same_to_the_byte(printed, home, tools, tmp_path):
    other = tools.Warehouse(tmp_path / "other")
    shutil.copytree(home.home.raw, other.home.raw)
    with tools.parsed_here():
        rebuilding.rebuild(other.home, tools.make_policy(), Stamp("rebuilt", tools.us(AS_OF), "code", tools.make_policy().digest))
    (tmp_path / "nothing").mkdir()
    other.run(tmp_path / "nothing", AS_OF, published=True)
    assert pack(other, "CC7.1", tmp_path / "pack") == printed


def test_a_pack_of_another_home_that_read_the_same_is_the_same_to_the_byte(printed, landing, tools, tmp_path):
    other = tools.Warehouse(tmp_path / "other")
    other.runs = 70  # other run ids
    other.run(landing, AS_OF, published=True)
    assert pack(other, "CC7.1", tmp_path / "pack") == printed


def test_the_definitions_say_what_was_judged_and_under_what(printed, home):
    text = printed["definitions.md"].decode()
    found = control("CC7.1")
    for words in (found.audit_reads, found.answer, found.limits, found.query, "4 business hours", "90 days", *found.obligations):
        assert words in text
    assert home.sql("SELECT policy_digest FROM record.run")[0][0] in text


def test_a_folder_with_something_else_in_it_is_left_alone(home, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds something else"):
        pack(home, "CC7.1", tmp_path)
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def test_a_copy_published_by_code_without_evidence_says_so(tools, tmp_path):
    warehouse = tools.Warehouse(tmp_path / "home")
    (tmp_path / "landing").mkdir()
    warehouse.run(tmp_path / "landing", AS_OF, marts=True)
    with warehouse.open() as connection:
        connection.execute("DROP TABLE mart.control_evidence")
        with pytest.raises(UsageError, match="holds no control evidence"):
            evidence.listing(connection)


# Finding a control


@pytest.mark.parametrize(("text", "found"), [("cc7.1", "CC7.1"), ("a.8.8", "A.8.8"), ("ra-5", "RA-5"), ("article 17", "Article 17"), ("ARTICLE17", "Article 17"), ("gv.rr", "GV.RR")])
def test_a_control_is_found_in_any_case(text, found):
    assert control(text).control == found


@pytest.mark.parametrize(("text", "framework", "words"), [("cc7", None, ["CC7.1"]), ("ra5", None, ["RA-5"]), ("zzz", None, ["--list"]), ("cc7.1", "iso", ["no control"]), ("cc7.1", "hipaa", ["'hipaa' is none", "SOC 2"])])
def test_an_unknown_control_names_those_near_it(text, framework, words):
    with pytest.raises(UsageError) as error:
        evidence.find_control(text, framework)
    for word in words:
        assert word in str(error.value)


def test_one_id_in_two_frameworks_needs_the_framework(monkeypatch):
    one = control("CC7.1")
    monkeypatch.setattr(obligations, "controls", lambda: (one, one._replace(framework="Another")))
    with pytest.raises(UsageError, match=r"several frameworks have it.*--framework"):
        evidence.find_control("cc7.1")
    assert evidence.find_control("cc7.1", "anoth").framework == "Another"
