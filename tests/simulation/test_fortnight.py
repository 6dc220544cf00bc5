"""A fortnight of the loop, looked at three times, once of them doubled: `python tests/simulation/fortnight.py` looks every ten hours."""

from __future__ import annotations

from datetime import timedelta


def test_what_is_said_in_a_fortnight(tools, tmp_path):
    fortnight = tools.sibling("handoff_fortnight", "simulation/fortnight.py")
    life = fortnight.Fortnight(tools, tmp_path, findings=12)
    life.live([14, 206])
    doubled = life.dispatch(fortnight.START + timedelta(hours=206))
    assert doubled.counts["messages"] == 0
    life.live([302])
    end = fortnight.START + timedelta(hours=302)
    found = life.figures(end, held=end - fortnight.START)
    none = {name: count for name, count in found.items() if name.startswith("missed") or name.endswith("twice")}
    none |= {name: found[name] for name in ("in quiet hours", "told another than expected", "early warnings twice a day", "events of the record, of those that were told")}
    assert none == dict.fromkeys(none, 0) and len(none) == 9
    assert found["messages"] + found["early warnings"] == found["letters"] > found["early warnings"] > 0 and found["taken"] > 0
    assert found["climbed: handoff"] > 0 and found["expected: handoff"] > 0 and found["climbed: reassignment"] > 0
    assert found["most a day"] <= 3 and found["most digests a day"] <= 1
