"""CVSS vectors in the forms that scanners write."""

import pytest

from transforms.domain.scores import probability, vectors

V2, V3 = "AV:N/AC:L/Au:N/C:P/I:P/A:P", "AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


@pytest.mark.parametrize("text", [V2, f"CVSS2#{V2}", f"({V2})", f"CVSS:2.0/{V2}", f" (CVSS2#{V2}) "])
def test_v2_is_bare(text):
    assert vectors(text) == (V2,)


def test_v3_names_its_version():
    assert vectors(V3) == (f"CVSS:3.0/{V3}",)
    assert vectors(f"CVSS:3.1/{V3}") == (f"CVSS:3.1/{V3}",)


def test_newest_first_and_each_once():
    v4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"
    assert vectors(V2, f"CVSS:3.0/{V3}", f"CVSS:3.1/{V3}", v4, V2) == (v4, f"CVSS:3.1/{V3}", f"CVSS:3.0/{V3}", V2)


@pytest.mark.parametrize("text", ["", None, "high", "CVSS2#E:F/RL:W/RC:ND", "7.5", "AV:N AC:L"])
def test_what_rates_nothing_is_left_out(text):
    assert vectors(text) == ()


@pytest.mark.parametrize(("value", "expected"), [("0.97", 0.97), (0, 0.0), ("9438", None), ("nan", None), (None, None)])
def test_a_probability_is_at_most_one(value, expected):
    assert probability(value) == expected
