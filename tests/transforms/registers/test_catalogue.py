"""The page on register formats, and the policy's comment on their names, are what the code says now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from transforms.domain.policy import RegisterNames
from transforms.registers import formats

POLICY = Path(__file__).resolve().parents[3] / "policy.yaml"


@pytest.fixture(scope="module")
def catalogue(tools):
    return tools.sibling("register_catalogue", "transforms/registers/catalogue.py")


def test_the_page_is_the_one_that_is_generated(catalogue):
    assert catalogue.PAGE.read_text(encoding="utf-8") == catalogue.render(), "run `make docs`"


def test_every_format_says_what_it_is():
    assert [name for name, module in formats().items() if not (module.__doc__ or "").strip()] == []


def test_the_policy_lists_the_names_that_hold_by_default():
    listed = re.findall(r"^#   (\w+: \[.*\])$", POLICY.read_text(encoding="utf-8"), re.MULTILINE)
    stated = yaml.safe_load("\n".join(listed))
    assert {name: stated.get(name) for name in RegisterNames.model_fields} == RegisterNames().model_dump()
