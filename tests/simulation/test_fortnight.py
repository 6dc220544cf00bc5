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
    found = life.figures(fortnight.START + timedelta(hours=302))
    nothing = {name: found[name] for name in ("duplicates", "rungs climbed twice", "in quiet hours")}
    assert nothing == dict.fromkeys(nothing, 0)
    assert found["messages"] == found["letters"] > 0 and found["escalations"] > 0 and found["answered"] > 0
    assert found["most a day"] <= 3 and found["most digests a day"] <= 1
