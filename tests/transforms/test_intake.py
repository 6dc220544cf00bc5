"""One file in: a bad row is one rejected row, a bad file one quarantined file with its reason, and nothing raises."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms import intake
from transforms.domain.instants import iso, parse_stamp
from transforms.domain.policy import Policy
from transforms.domain.sidecar import Sidecar, read_sidecar

AS_OF = "2026-05-04T12:00:00Z"
GOLDEN = sorted(path for path in (Path(__file__).parents[1] / "golden" / "scans").glob("*/*.gz") if path.name != "peer_findings.jsonl.gz")
WEB = Sidecar(target="web", captured_at="2026-05-01T00:00:00Z")


@pytest.fixture(scope="module")
def policy(tools) -> Policy:
    return tools.make_policy()


@pytest.fixture
def read(policy):
    def read(folder: str, content: str | bytes, sidecar: Sidecar = WEB, *, rules: Policy = policy, file: str = "2026-05-02T00:00:00Z", is_own: bool = False) -> intake.Intake:
        delivery = intake.Delivery(
            claim_id="c", folder=folder, path=f"{folder}/x", source=f"{folder}/x", sidecar=sidecar, file_us=parse_stamp(file).us, recorded_us=parse_stamp(AS_OF).us, is_own=is_own
        )
        found = intake.read(content.encode() if isinstance(content, str) else content, delivery, rules)
        rows = sum(frame.num_rows for frame in found.frames.values())
        assert found.rows_in == rows + len(found.rejects)
        assert found.reason is None or not found.frames
        return found

    return read


def report(*items: object, **top: object) -> str:
    return json.dumps({**top, "findings": list(items)})


def item(**more: object) -> dict:
    return {"title": "T", "severity": "High", "description": "d", **more}


def rows(found: intake.Intake, *columns: str) -> list[tuple]:
    assert found.reason is None, found.reason
    (frame,) = found.frames.values()
    return list(zip(*(frame.column(name).to_pylist() for name in columns), strict=True))


def reasons(found: intake.Intake) -> list[tuple[str, str]]:
    return [(reject.pointer, reject.reason) for reject, _ in found.rejects]


# Scans


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("text", "malformed"),
        (None, "malformed"),
        (7, "malformed"),
        ([], "malformed"),
        ({}, "missing_title"),
        ({"title": " ", "severity": "High", "description": "d"}, "missing_title"),
        ({"title": "T", "description": "d"}, "missing_severity"),
        ({"title": "T", "severity": 3, "description": "d"}, "missing_severity"),
        ({"title": "T", "severity": "High"}, "missing_description"),
        (item(date="yesterday"), "malformed"),
        (item(date="2026-02-30"), "malformed"),
        (item(endpoints=["https://h:99999/"]), "malformed"),
        (item(endpoints=["http://[::1"]), "malformed"),
        (item(endpoints=[{"host": "h", "port": "x"}]), "malformed"),
        (item(endpoints="https://h/"), "malformed"),
        (item(vulnerability_ids="CVE-1"), "malformed"),
        (item(title={"a": 1}), "malformed"),
        (item(date="2026-05-04T12:05:00.000001Z"), "future"),
        (item(date="9999-12-31T23:59:59Z"), "future"),
        (item(date=1e18), "bad_instant"),
    ],
)
def test_a_bad_item_is_one_rejected_row_and_the_others_load(read, bad, reason):
    found = read("scans", report(item(), bad, item(title="U")))
    assert reasons(found) == [("/findings/1", reason)]
    assert [title for (title,) in rows(found, "title")] == ["T", "U"]
    (reject, _) = found.rejects[0]
    assert reject.detail


def test_without_a_target_each_row_is_rejected_with_what_to_do(read):
    found = read("scans", report(item(), item(service="web"), item(endpoints=["https://h.example.com/a"])), Sidecar())
    assert reasons(found) == [("/findings/0", "no_target")]
    assert "meta.yaml" in found.rejects[0][0].detail
    assert rows(found, "target") == [("web",), ("h.example.com",)]


def test_an_item_with_several_endpoints_is_several_rows_and_they_balance(read):
    found = read("scans", report(item(endpoints=["https://h/a", "https://h/b", "https://h/a"]), item()), Sidecar(captured_at="2026-05-01T00:00:00Z"))
    assert len(rows(found, "endpoint")) == 2
    assert reasons(found) == [("/findings/1", "no_target")]
    assert found.rows_in == 3


def test_rejects_of_one_item_have_distinct_pointers(read):
    found = read("scans", report(item(date="2027-01-01T00:00:00Z", endpoints=["https://h/a", "https://h/b"])))
    assert reasons(found) == [("/findings/0", "future"), ("/findings/0#2", "future")]


def test_a_future_row_says_when_it_may_be_tried_again(read):
    found = read("scans", report(item(date="2026-06-01T00:00:00Z")))
    assert [iso(retry) for _, retry in found.rejects] == ["2026-06-01T00:00:00Z"]


def test_within_the_clock_tolerance_a_row_is_kept(read, tools):
    assert reasons(read("scans", report(item(date="2026-05-04T12:05:00Z")))) == []
    strict = tools.make_policy("clock_tolerance: 0s")
    assert reasons(read("scans", report(item(date="2026-05-04T12:00:00.000001Z")), rules=strict)) == [("/findings/0", "future")]


@pytest.mark.parametrize(
    ("date", "sidecar", "expected"),
    [
        ("2026-04-01T10:00:00+02:00", WEB, ("2026-04-01T08:00:00Z", "report", False)),
        ("2026-04-01T10:00:00", WEB, ("2026-05-01T00:00:00Z", "sidecar", False)),
        ("2026-04-01", WEB, ("2026-05-01T00:00:00Z", "sidecar", False)),
        ("2026-04-01", Sidecar(target="web"), ("2026-04-01T00:00:00Z", "report_date", True)),
        ("2026-04-01", Sidecar(target="web", time_zone="Europe/Berlin"), ("2026-03-31T22:00:00Z", "report_date", True)),
        ("2026-04-01T10:00:00", Sidecar(target="web", time_zone="Asia/Kolkata"), ("2026-04-01T04:30:00Z", "report", True)),
        (None, WEB, ("2026-05-01T00:00:00Z", "sidecar", False)),
        (None, Sidecar(target="web", captured_at="2026-05-01", time_zone="Asia/Tokyo"), ("2026-04-30T15:00:00Z", "sidecar", True)),
        (None, Sidecar(target="web"), ("2026-05-02T00:00:00Z", "file", False)),
        # a zero that some tool writes for 'not said'
        ("0001-01-01T00:00:00Z", WEB, ("2026-05-01T00:00:00Z", "sidecar", False)),
        ("1970-01-01T00:00:00Z", Sidecar(target="web"), ("2026-05-02T00:00:00Z", "file", False)),
    ],
)  # fmt: skip
def test_when_it_was_captured_and_who_says_so(read, date, sidecar, expected):
    ((captured, *rest),) = rows(read("scans", report(item(**({"date": date} if date else {}))), sidecar), "captured_at", "captured_at_source", "is_naive")
    assert (captured.isoformat() + "Z", *rest) == expected


def test_a_file_time_of_zero_is_no_capture(read):
    ((captured,),) = rows(read("scans", report(item()), Sidecar(target="web"), file="1970-01-01T00:00:00Z"), "captured_at")
    assert captured.isoformat() + "Z" == AS_OF


@pytest.mark.parametrize(
    ("top", "sidecar", "scanner"),
    [({}, {}, "generic"), ({"name": " Zed "}, {}, "zed"), ({"type": "Alpha", "name": "Zed"}, {}, "alpha"), ({"type": "Alpha"}, {"scanner": " Beta "}, "beta")],
)
def test_who_scanned(read, top, sidecar, scanner):
    assert rows(read("scans", report(item(), **top), Sidecar(target="web", **sidecar)), "scanner") == [(scanner,)]


def test_midnight_is_of_the_sources_zone(read, tools):
    berlin = tools.make_policy("sources: {'*': {time_zone: Europe/Berlin}}")
    found = read("scans", report(item(date="2026-04-01T00:00:00Z"), item(date="2026-04-01T00:00:00+02:00", title="U")), rules=berlin)
    assert rows(found, "is_midnight") == [(False,), (True,)]


def test_the_scope_is_the_sidecars_else_the_targets_of_its_results(read):
    assert read("scans", report(item(service="b"), item(service="a", title="U"))).scope == ["a", "b"]
    assert read("scans", report(item(service="b")), Sidecar(scope=["z"])).scope == ["z"]
    assert read("scans", report()).scope == ["web"]


def test_contents_of_one_observation_differ_where_anything_kept_differs(read):
    base, *others = [item(), item(severity="Low"), item(unique_id_from_tool="A"), item(epss_score=0.5), item(known_exploited=True), item(cvssv3="CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")]
    ids = rows(read("scans", report(base, *others)), "observation_id", "content_id")
    assert len({content for _, content in ids}) == len(ids)
    assert rows(read("scans", report(base, base)), "content_id")[0] == rows(read("scans", report(base)), "content_id")[0]


# Registers


@pytest.mark.parametrize(
    ("header", "bad", "reason"),
    [
        ("asset_id,name,status", ",x,", "missing_asset_id"),
        ("asset_id,status", "b,gone", "unknown_status"),
        ("asset_id,criticality", "b,severe", "unknown_criticality"),
        ("asset_id,internet_facing", "b,perhaps", "unknown_internet_facing"),
        ("asset_id,effective_from", "b,yesterday", "bad_instant"),
        ("asset_id,name", "b,c,d", "malformed"),
        ("person_id,status", "b,away", "unknown_status"),
        ("person_id,kind", "b,alien", "unknown_kind"),
        ("person_id,name", ",b", "missing_person_id"),
        ("match,person_id", ",b", "missing_match"),
        ("match,person_id,priority", "a,b,first", "bad_priority"),
        ("match,person_id,effective_to", "a,b,31.02.2026", "bad_instant"),
        pytest.param("match,person_id,priority", "a,b,²", "bad_priority"),
        pytest.param("match,person_id,priority", "a,b,99999999999", "bad_priority"),
    ],
)  # fmt: skip
def test_a_bad_register_row_is_rejected_and_the_others_load(read, header, bad, reason):
    good = ",".join("a" if name in ("asset_id", "person_id", "match") else "" for name in header.split(","))
    found = read("assets", f"{header}\n{good}\n{bad}\n{good.replace('a', 'z', 1)}\n", Sidecar())
    assert reasons(found) == [("row 3", reason)]
    assert found.rows_in == 3


def test_a_register_in_other_clothes(read):
    found = read("assets", b"\xef\xbb\xbf Asset_ID ,NAME,Aliases,Status\r\n\r\n a ,\"x, y\",p; q ;,ACTIVE\r\n", Sidecar())
    assert rows(found, "asset_id", "name", "aliases", "status") == [("a", "x, y", ["p", "q"], "active")]


@pytest.mark.parametrize(("header", "kind"), [("asset_id", "assets"), ("person_id,team", "people"), ("match,person_id", "ownership"), ("match,team", "ownership")])
def test_a_register_is_known_by_its_columns_in_either_folder(read, header, kind):
    for folder in ("assets", "people"):
        assert read(folder, f"{header}\n{','.join('x' for _ in header.split(','))}\n", Sidecar()).kind == kind


def test_a_snapshot_is_of_its_sidecars_instant_else_of_the_run(read):
    assert iso(read("assets", "asset_id\na\n", Sidecar(captured_at="2026-03-01", time_zone="Asia/Tokyo")).snapshot_us) == "2026-02-28T15:00:00Z"
    assert iso(read("assets", "asset_id\na\n", Sidecar()).snapshot_us) == AS_OF


# Activity


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("acknowledgd,2026-05-01T00:00:00Z,A,", "unknown_event"),
        (",2026-05-01T00:00:00Z,A,", "unknown_event"),
        ("acknowledged,,A,", "missing_occurred_at"),
        ("acknowledged,2026-02-30T00:00:00Z,A,", "bad_instant"),
        ("acknowledged,2026-05-01T25:00:00Z,A,", "bad_instant"),
        ("acknowledged,soon,A,", "bad_instant"),
        ("acknowledged,0001-01-01T00:00:00Z,A,", "bad_instant"),
        ("acknowledged,2026-05-01T00:00:00Z,,", "missing_ref"),
        ("routed,2026-05-01T00:00:00Z,A,urgent", "unknown_severity"),
        ("acknowledged,2026-05-04T12:05:00.000001Z,A,", "future"),
        ("acknowledged,2026-05-01T00:00:00Z,A,,,,", "malformed"),
    ],
)
def test_a_bad_event_is_rejected_and_the_others_load(read, row, reason):
    found = read("activity", f"event,occurred_at,ref,severity\nacknowledged,2026-05-01T00:00:00Z,A,\n{row}\ncommented,2026-05-01T00:00:00Z,A,\n", Sidecar())
    assert reasons(found) == [("row 3", reason)]
    assert rows(found, "event") == [("acknowledged",), ("commented",)]


@pytest.mark.parametrize("line", ["{", "[]", "7", '{"event": 1e999}', '{"event": {"a": 1}}', '{"event": "acknowledged", "occurred_at": "2026-05-01T00:00:00Z", "ref": "\\ud800"}', "\x00", "{" * 5000])
def test_a_bad_line_is_rejected_and_the_others_load(read, line):
    good = json.dumps({"event": "acknowledged", "occurred_at": "2026-05-01T00:00:00Z", "ref": "A"})
    found = read("activity", f"{good}\n{line}\n\n{good}\n", Sidecar())
    assert [pointer for pointer, _ in reasons(found)] == ["row 2"]
    assert len(rows(found, "event")) == 2


def test_a_bad_first_line_is_one_rejected_row_too(read):
    good = json.dumps({"event": "acknowledged", "occurred_at": "2026-05-01T00:00:00Z", "ref": "A"})
    assert reasons(read("activity", f'{{"event": "acknowledged", "ref": \n{good}\n', Sidecar())) == [("row 1", "malformed")]


def test_recorded_at_may_be_stated_and_not_later_than_the_run(read):
    text = "event,occurred_at,ref,recorded_at\ncommented,2026-04-01T00:00:00Z,A,2026-04-02T00:00:00Z\ncommented,2026-04-01T00:00:00Z,A,2026-06-01T00:00:00Z\ncommented,2026-04-01T00:00:00Z,A,2026-03-01T00:00:00Z\n"
    found = read("activity", text, Sidecar())
    assert [at.isoformat() for (at,) in rows(found, "recorded_at")] == ["2026-04-02T00:00:00"]
    assert reasons(found) == [("row 3", "future"), ("row 4", "future")]
    # The first will be known one day; the second contradicts itself for good and is not read again and again.
    assert [retry and iso(retry) for _, retry in found.rejects] == ["2026-06-01T00:00:00Z", None]


def test_a_delivered_file_is_only_a_file_whatever_it_says(read):
    text = "event,occurred_at,ref,method,asserted_by\nacknowledged,2026-05-01T00:00:00Z,A,own,root\n"
    assert rows(read("activity", text, Sidecar()), "method") == [("file",)]
    assert rows(read("activity", text, Sidecar(), is_own=True), "method") == [("own",)]


def test_an_event_without_an_id_is_known_by_its_columns(read):
    header = "event,occurred_at,ref,actor\n"
    one, other, third = ("commented,2026-05-01T00:00:00Z,A,anna", "commented,2026-05-01T02:00:00+02:00,A, anna ", "commented,2026-05-01T00:00:00Z,A,bo")
    ids = [event_id for (event_id,) in rows(read("activity", header + "\n".join([one, other, third]), Sidecar()), "event_id")]
    assert ids[0] == ids[1] != ids[2]


def test_a_naive_stamp_takes_the_zone_of_sidecar_or_policy(read, tools):
    text = "event,occurred_at,ref\ncommented,2026-05-01T00:00:00,A\n"
    found = read("activity", text, Sidecar(time_zone="Asia/Kolkata"))
    assert [(at.isoformat(), naive, midnight) for at, naive, midnight in rows(found, "occurred_at", "is_naive", "is_midnight")] == [("2026-04-30T18:30:00", True, True)]
    tokyo = tools.make_policy("sources: {activity: {time_zone: Asia/Tokyo}}")
    assert rows(read("activity", text, Sidecar(), rules=tokyo), "occurred_at")[0][0].isoformat() == "2026-04-30T15:00:00"


# Files that cannot be used


@pytest.mark.parametrize(
    ("folder", "content", "reason"),
    [
        ("scans", b"", "empty_file"),
        ("scans", b" \n\t", "empty_file"),
        ("scans", b"hello", "unknown_format"),
        ("scans", b"\x00" * 100, "unknown_format"),
        ("scans", b"{" * 50_000, "unknown_format"),
        ("scans", b"[" * 100_000, "unknown_format"),
        ("scans", b'{"findings": [' + b'{"a":' * 50_000, "unknown_format"),
        ("scans", report(item()).encode("utf-16"), "unknown_format"),
        ("scans", report(item()).encode()[:-5], "unknown_format"),
        ("scans", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><OWASPZAPReport>&b;</OWASPZAPReport>', "hostile_xml"),
        ("scans", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><OWASPZAPReport>&x;</OWASPZAPReport>', "hostile_xml"),
        ("scans", b"<OWASPZAPReport>" + b"<a>" * 100_000, "malformed"),
        ("scans", b"<OWASPZAPReport>\x00</OWASPZAPReport>", "malformed"),
        ("scans", b'<?xml version="1.0" encoding="klingon"?><OWASPZAPReport/>', "malformed"),
        ("assets", b"asset_id,name\na,\xff\n", "encoding"),
        ("assets", "asset_id,name\na,ä\n".encode("utf-16"), "unknown_format"),
        ("assets", b"asset_id,name\na,x\x00y\n", "unknown_format"),
        ("assets", b"asset_id,name\n" + b"a,x\n" * 2000 + b"b,x\x00y\n", "malformed"),
        ("assets", b"asset_id,name,name\na,x,y\n", "malformed"),
        ("assets", b"name\nx\n", "unknown_format"),
        ("people", b'{"findings": []}', "unknown_format"),
        ("activity", b"event\nacknowledged\n", "unknown_format"),
        ("activity", b"\xff\xfe", "unknown_format"),
        ("reference", b"a,b\n", "unknown_format"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_used_says_why(read, folder, content, reason):
    found = read(folder, content)
    assert found.reason and found.reason.startswith(f"{reason}:"), found.reason
    assert len(found.reason) < 2000


@pytest.mark.parametrize("text", ["captured_at: 0001-01-01\ntime_zone: Asia/Tokyo", "captured_at: 0001-01-01T00:00:00Z\ntime_zone: America/New_York", 'target: "\\ud800"'])
@pytest.mark.parametrize("folder", ["scans", "assets"])
def test_an_impossible_sidecar_is_a_quarantined_file(read, folder, text):
    found = read(folder, {"scans": report(item()), "assets": "asset_id\na\n"}[folder], read_sidecar(("x.meta.yaml", text)))
    assert found.reason or folder == "assets"


@pytest.mark.parametrize(
    "more",
    [
        {"title": "a\x00b"},
        {"title": "<script>alert(1)</script>"},
        {"title": "=HYPERLINK(1)"},
        {"title": "x" * 1_000_000},
        {"line": 10**30},
        {"line": 1e99},
        {"line": "nan"},
        {"cwe": 10**30},
        {"cwes": ["CWE-", "", "x", -1]},
        {"cvssv3": "CVSS:3.1/AV:N"},
        {"cvssv3_score": "inf"},
        {"epss_score": "nan"},
        {"date": -1e18},
        {"endpoints": [{"host": "h", "port": 10**12}]},
        {"unknown": {"deep": [[[[[]]]]]}},
        {"title": "\u202e\U0001f4a9é"},
    ],
)
def test_odd_values_are_kept_or_left_out_and_never_raise(read, more):
    found = read("scans", report(item(), item(**more)))
    assert found.reason is None
    assert found.rows_in == 2


def test_half_a_surrogate_pair_loses_no_report(read):
    found = read("scans", '{"findings": [{"title": "T", "severity": "High", "description": "d"}, {"title": "x\\ud800", "severity": "High", "description": "\\ud83d\\ude00"}]}')
    assert rows(found, "title") == [("T",), ("x\ufffd",)]


@pytest.mark.parametrize(("field", "value", "column"), [("epss_score", 97, "epss"), ("epss_score", "nan", "epss"), ("cvssv3_score", "inf", "native_score"), ("cvssv3_score", 98, "native_score")])
def test_a_number_out_of_its_range_is_no_value(read, field, value, column):
    assert rows(read("scans", report(item(**{field: value}))), column) == [(None,)]


def test_whatever_a_reader_does_not_foresee_takes_only_its_own_file(read, monkeypatch):
    from transforms.scanners import formats

    def fail(content: bytes, scan: object):
        raise ZeroDivisionError("a defect")
        yield

    monkeypatch.setattr(formats()["generic"], "parse", fail)
    found = read("scans", report(item()))
    assert found.reason and found.reason.startswith("unreadable: reading it failed with ZeroDivisionError")


def _damaged(content: bytes, seed: int) -> bytes:
    """The content with something cut out, doubled, overwritten or inserted."""
    rng = random.Random(seed)
    at, length = rng.randrange(len(content)), rng.choice((1, 1, 2, 8, 200, 5000))
    noise = rng.choice((b"\x00", b"\xff", b'"', b"[", b"{", b"}", b"<", b"&x;", b"\\ud800", b"9" * 400, b"1e999", b"-", b"null", b"true", b"\n", b",,,", b"2026-13-45", "\u2028".encode()))
    return [content[:at] + content[at + length :], content[:at] + noise + content[at + rng.choice((0, 1, length)) :], content[:at], content[: at + length] + content[at:]][rng.randrange(4)]


@pytest.mark.parametrize("path", [path for path in GOLDEN if path.stat().st_size < 30_000], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_damaged_report_never_raises_and_balances(read, path):
    content = gzip.decompress(path.read_bytes())
    for seed in range(6):
        found = read("scans", _damaged(content[:60_000] if seed % 2 else content, seed))
        assert not (found.reason or "").startswith("unreadable"), found.reason


SAMPLES = {
    "assets": b"asset_id,name,aliases,status,criticality,internet_facing,effective_from\na,x,\"p;q\",active,high,true,2026-01-01\nb,y,,,,,\n",
    "people": b"match,person_id,team,priority,effective_from,effective_to\nasset:a,anna,t,10,2026-01-01,2026-02-01T00:00:00Z\n",
    "activity": b'{"event_id": "e1", "event": "acknowledged", "occurred_at": "2026-05-01T00:00:00Z", "ref": "A"}\n{"event": "routed", "occurred_at": "2026-05-01", "ref": "A", "severity": "high"}\n',
    "reference": b"cveID,dateAdded\nCVE-2026-1,2026-01-01\nCVE-2026-2,2026-01-02\n",
    "scans": report(item(), item(date="2026-04-01", cve="CVE-2026-1", endpoints=["https://h:8443/a?b#c"], line=3, cwe=79, epss_score=0.5)).encode(),
}


@given(st.sampled_from(sorted(SAMPLES)), st.binary(max_size=40), st.integers(0, 2000), st.integers(0, 60))
def test_arbitrary_bytes_anywhere_never_raise(tools, folder, noise, at, length):
    content = SAMPLES[folder]
    at = min(at, len(content))
    delivery = intake.Delivery(claim_id="c", folder=folder, path="x", source="x", sidecar=WEB, file_us=1, recorded_us=parse_stamp(AS_OF).us)
    found = intake.read(content[:at] + noise + content[at + length :], delivery, tools.make_policy())
    assert found.rows_in == sum(frame.num_rows for frame in found.frames.values()) + len(found.rejects)
    assert not (found.reason or "").startswith("unreadable"), found.reason


@given(st.text(max_size=40))
def test_any_text_in_any_column_is_kept_or_rejected(tools, text):
    event = {"event_id": text, "ref": text, "event": "commented", "actor": text, "occurred_at": "2026-05-01T00:00:00Z", "comment": text}
    delivery = intake.Delivery(claim_id="c", folder="activity", path="x", source="x", sidecar=Sidecar(), file_us=1, recorded_us=parse_stamp(AS_OF).us)
    found = intake.read(json.dumps(event, ensure_ascii=False).encode("utf-8", "replace"), delivery, tools.make_policy())
    assert found.reason is None
    assert found.rows_in == 1


@pytest.mark.parametrize("results", [0, 1, 3, 4, 5, 9])
def test_a_large_report_read_in_pieces_gives_what_it_gives_at_once(read, monkeypatch, results):
    text = report(*(item(title=f"T{number}", service=f"web-{number}", **({} if number % 4 else {"severity": 7})) for number in range(results)), 42)
    whole = read("scans", text)
    monkeypatch.setattr(intake, "FRAME_RESULTS", 2)
    pieces = read("scans", text)
    assert pieces.frames["observation"].equals(whole.frames["observation"])
    assert (pieces.rejects, pieces.scope, pieces.rows_in) == (whole.rejects, whole.scope, results + 1)


def test_a_report_that_takes_more_memory_than_there_is_says_so(read, monkeypatch):
    def out_of_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(intake, "tabulate", out_of_memory)
    found = read("scans", report(item()))
    assert found.reason is not None and found.reason.startswith("too_large: 70 bytes take more memory") and found.rows_in == 0
