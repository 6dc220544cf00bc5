"""Register snapshots to versions: effective time, completeness, several sources, any order of arrival (rulings 29, 30, 37)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from transforms.versions import ALWAYS, Row, Snapshot, Timeline, timeline


def build(*snapshots: tuple, source: str = "s") -> Timeline:
    """Snapshots as (instant, rows) or (instant, rows, options); a row is (key, value) or (key, value, effective_from)."""
    found, rows = [], {}
    for number, (at, members, *more) in enumerate(snapshots):
        options: dict[str, Any] = {"complete": True, "recorded": 1000, "source": source, **(more[0] if more else {})}
        claim = f"c{number}"
        found.append(Snapshot(claim, options["source"], at, claim, options["recorded"], options["complete"]))
        rows[claim] = [Row(key, from_us[0] if from_us else None, (value.encode(), str(from_us).encode()), {"value": value}) for key, value, *from_us in members]
    return timeline("asset", found, rows)


def history(found: Timeline, key: str = "a", instants: range = range(0, 100, 5)) -> dict[int, str | None]:
    """The value at each instant at which it changes; -1 is 'always'."""
    changes: dict[int, str | None] = {}
    last: object = object()
    for at in (-1, *instants):
        values = found.at(key, at if at >= 0 else ALWAYS)
        value = values["value"] if values else None
        if value != last:
            changes[at] = last = value
    return changes


PARTIAL = {"complete": False}


def test_the_first_snapshot_always_held():
    assert history(build((10, [("a", "x")]))) == {-1: "x"}


def test_a_row_that_differs_opens_a_version_at_its_snapshot():
    assert history(build((10, [("a", "x")]), (20, [("a", "y")]))) == {-1: "x", 20: "y"}


def test_a_row_that_is_the_same_opens_nothing():
    found = build((10, [("a", "x")]), (20, [("a", "x")]), (30, [("a", "x")]))
    assert found.changes == [ALWAYS]


def test_a_key_that_comes_later_holds_from_its_snapshot():
    assert history(build((10, [("b", "z")]), (20, [("b", "z"), ("a", "x")]))) == {-1: None, 20: "x"}


def test_a_stated_effective_from_wins_over_the_snapshots_instant():
    assert history(build((10, [("a", "x", 40)]))) == {-1: None, 40: "x"}
    assert history(build((10, [("a", "x")]), (60, [("a", "y", 40)]))) == {-1: "x", 40: "y"}
    assert history(build((10, [("a", "x")]), (20, [("a", "y", 40)]))) == {-1: "x", 40: "y"}


def test_rows_of_one_key_in_one_file_are_successive_versions():
    assert history(build((10, [("a", "z", 60), ("a", "x"), ("a", "y", 30)]))) == {-1: "x", 30: "y", 60: "z"}


def test_a_key_absent_from_a_complete_snapshot_is_closed_and_may_come_back():
    assert history(build((10, [("a", "x"), ("b", "z")]), (20, [("b", "z")]))) == {-1: "x", 20: None}
    assert history(build((10, [("a", "x")]), (20, []), (30, [("a", "x")]))) == {-1: "x", 20: None, 30: "x"}
    assert history(build((10, [("a", "x")]), (20, []), (30, [("a", "y", 15)]))) == {-1: "x", 20: None} | {20: "y"}


def test_what_was_announced_for_later_is_closed_with_its_key():
    assert history(build((10, [("a", "x"), ("a", "y", 50)]), (20, []))) == {-1: "x", 20: None}


def test_an_absent_key_of_an_incomplete_snapshot_stays():
    assert history(build((10, [("a", "x"), ("b", "z")]), (20, [("b", "w")], PARTIAL))) == {-1: "x"}
    assert history(build((10, [("a", "x"), ("b", "z")]), (20, [("b", "w")], PARTIAL)), "b") == {-1: "z", 20: "w"}


def test_a_value_that_comes_back_after_an_incomplete_snapshot_is_a_version_again():
    assert history(build((10, [("a", "x")]), (20, [("a", "y")], PARTIAL), (30, [("a", "x")]))) == {-1: "x", 20: "y", 30: "x"}
    assert history(build((10, [("a", "x")]), (20, [("a", "y")]), (30, [("a", "x")]))) == {-1: "x", 20: "y", 30: "x"}
    assert history(build((10, [("a", "x")], PARTIAL), (20, [("a", "y")], PARTIAL), (30, [("a", "x")], PARTIAL))) == {-1: "x", 20: "y", 30: "x"}


def test_an_incomplete_snapshot_keeps_the_other_versions_of_its_key():
    assert history(build((10, [("a", "x"), ("a", "z", 60)]), (20, [("a", "y")], PARTIAL), (30, [("a", "y"), ("a", "z", 60)]))) == {-1: "x", 20: "y", 60: "z"}


def test_a_key_absent_after_an_incomplete_snapshot_is_closed_by_the_next_complete_one():
    assert history(build((10, [("a", "x"), ("b", "z")]), (20, [("b", "w")], PARTIAL), (30, [("b", "w")]))) == {-1: "x", 30: None}


def test_one_key_and_instant_with_two_contents_keeps_the_later_recorded_then_the_smallest():
    found = build((10, [("a", "y", 30), ("a", "x", 30)]))
    assert history(found) == {-1: None, 30: "x"}
    assert [(clash.kind, clash.kept[0], clash.lost[0]) for clash in found.disagreements] == [("asset", b"x", b"y")]
    found = build((10, [("a", "x", 30)], {"recorded": 1}), (20, [("a", "y", 30)], {"recorded": 2}))
    assert history(found) == {-1: None, 30: "y"}
    assert [(clash.kept[0], clash.lost[0], clash.recorded_us) for clash in found.disagreements] == [(b"y", b"x", 2)]


def test_a_row_given_twice_is_no_contradiction():
    assert build((10, [("a", "x", 30), ("a", "x", 30)])).disagreements == []


def test_one_key_active_in_two_sources_is_one_key_with_a_contradiction():
    found = build((10, [("a", "x")], {"source": "one"}), (10, [("a", "y", 30)], {"source": "two"}))
    assert history(found) == {-1: "x", 30: "y"}
    assert [(clash.kind, clash.key, clash.kept[0], clash.lost[0]) for clash in found.disagreements] == [("asset_source", "a", b"y", b"x")]


def test_a_source_that_closes_a_key_leaves_the_others():
    found = build((10, [("a", "x")], {"source": "one"}), (10, [("a", "y", 30)], {"source": "two"}), (50, [], {"source": "two"}))
    assert history(found) == {-1: "x", 30: "y", 50: "x"}


def test_two_sources_that_agree_are_still_said_to_be_two():
    found = build((10, [("a", "x")], {"source": "one"}), (10, [("a", "x")], {"source": "two"}))
    assert history(found) == {-1: "x"}
    assert [clash.kind for clash in found.disagreements] == ["asset_source"]


def test_since_when_and_epochs():
    found = build((10, [("a", "x")]), (20, [("a", "y")]), (40, [("b", "z"), ("a", "y")]))
    assert [found.start("a", at) for at in (0, 19, 20, 90)] == [None, None, 20, 20]
    assert found.at("nobody", 50) is None
    assert list(found) == ["a", "b"]
    assert found.epoch(0) != found.epoch(20) == found.epoch(39) != found.epoch(40)


ROWS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")) | st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from([15, 30, 45])), max_size=4)
SNAPSHOTS = st.lists(
    st.tuples(ROWS, st.booleans(), st.sampled_from(["one", "two"])), min_size=1, max_size=5
).map(lambda found: [((number + 1) * 10, rows, {"complete": complete, "source": source}) for number, (rows, complete, source) in enumerate(found)])  # fmt: skip


@given(SNAPSHOTS, st.randoms(use_true_random=False))
def test_the_order_of_arrival_and_of_rows_changes_nothing(snapshots, random):
    # Distinct instants; claims are named by instant, so that only the order of arrival differs.
    def arranged(order: list[tuple]) -> Timeline:
        found = [Snapshot(str(at), options["source"], at, str(at), 1000, options["complete"]) for at, _, options in order]
        rows = {
            str(at): [Row(key, from_us[0] if from_us else None, (value.encode(), str(from_us).encode()), {"value": value}) for key, value, *from_us in members]
            for at, members, _ in order
        }
        return timeline("asset", found, rows)

    plain = arranged(snapshots)
    mixed = [(at, random.sample(rows, len(rows)), options) for at, rows, options in random.sample(snapshots, len(snapshots))]
    other = arranged(mixed)
    for key in "ab":
        assert history(other, key) == history(plain, key)
    assert {clash[:4] for clash in other.disagreements} == {clash[:4] for clash in plain.disagreements}


@given(SNAPSHOTS)
def test_a_version_holds_until_the_next_and_changes_only_at_a_change(snapshots):
    found = build(*snapshots)
    for key in "ab":
        for at in range(0, 100, 5):
            if found.epoch(at) == found.epoch(at + 4):
                assert found.at(key, at) == found.at(key, at + 4)


# Through the registers


def test_effective_time_not_the_time_of_learning_decides(zone):
    """A register delivered long after the scan still binds what it says that it bound then."""
    zone.assets({"asset_id": "pay", "name": "pay-api", "effective_from": "2026-04-01T09:00:00Z"}).scan("2026-04-01T09:00:00Z")
    zone.event("acknowledged", "2026-04-01T09:00:00Z")
    assert zone.cycle("2026-12-01T00:00:00Z")["binding_status"] == "bound"


def test_a_snapshot_without_a_sidecar_is_of_when_it_was_recorded(zone):
    zone.assets({"asset_id": "pay", "name": "pay-api"}, path="assets/assets-1.csv", captured_at="2026-03-01T00:00:00Z")
    zone.files.pop("assets/assets.csv")
    zone.assets({"asset_id": "pay", "name": "other-name"}, path="assets/assets-2.csv").scan("2026-04-01T09:00:00Z")
    assert zone.cycle("2026-05-01T00:00:00Z")["binding_status"] == "unbound"
    zone.event("acknowledged", "2026-04-30T09:00:00Z")
    assert zone.cycle("2026-05-01T00:00:00Z")["binding_status"] == "bound"


def test_two_dated_exports_are_one_source(zone):
    zone.files.pop("assets/assets.csv")
    zone.assets({"asset_id": "pay", "name": "pay-api"}, {"asset_id": "b", "name": "b"}, path="assets/assets-2026-03-01.csv", captured_at="2026-03-01T00:00:00Z")
    zone.assets({"asset_id": "b", "name": "b"}, path="assets/assets-2026-04-10.csv", captured_at="2026-04-10T00:00:00Z")
    zone.scan("2026-04-01T09:00:00Z")
    assert zone.cycle("2026-04-09T00:00:00Z")["binding_status"] == "bound"
    assert zone.cycle("2026-04-11T00:00:00Z")["binding_status"] == "unbound"
