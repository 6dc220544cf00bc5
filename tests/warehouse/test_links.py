"""Links that are good for one person, one handoff, one answer and one use."""

from __future__ import annotations

import base64
import json
import sqlite3
import string
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from transforms.domain.errors import RunError
from warehouse import links

KEY, OTHER = b"k" * 64, b"l" * 64
EXPIRES = 1_000_000
SAID = ("f" * 32, 2, "anna", "acknowledge", EXPIRES)
TOKEN = links.make(KEY, *SAID)


@pytest.fixture
def link():
    found = links.read(KEY, TOKEN, 0)
    assert found
    return found


def test_a_link_says_what_was_signed(link):
    assert link[:5] == SAID


def test_the_same_words_are_the_same_link_and_other_words_another():
    assert links.make(KEY, *SAID) == TOKEN
    others = [links.make(KEY, *SAID, nonce="n"), links.make(OTHER, *SAID)]
    for place, value in enumerate(("g" * 32, 3, "bo", "decline", EXPIRES + 1)):
        others.append(links.make(KEY, *(value if place == at else said for at, said in enumerate(SAID))))
    assert len({TOKEN, *others}) == 8
    nonces = {links.read(KEY, token, 0).nonce for token in [TOKEN, *others] if links.read(KEY, token, 0)}
    assert len(nonces) == 7


def test_it_holds_until_just_before_it_expires():
    assert links.read(KEY, TOKEN, EXPIRES - 1)
    assert links.read(KEY, TOKEN, EXPIRES) is None


def test_another_key_does_not_know_it():
    assert links.read(OTHER, TOKEN, 0) is None


def test_no_character_can_be_changed_added_or_left_out():
    alphabet = string.ascii_letters + string.digits + "-_=.+/ \u00e9\udcff"
    for place in range(len(TOKEN)):
        assert links.read(KEY, TOKEN[:place] + TOKEN[place + 1 :], 0) is None
        for char in alphabet:
            if char != TOKEN[place]:
                assert links.read(KEY, TOKEN[:place] + char + TOKEN[place + 1 :], 0) is None, (place, char)
    for more in (*alphabet, "." + TOKEN, "\n", "\0"):
        assert links.read(KEY, TOKEN + more, 0) is None
        assert links.read(KEY, more + TOKEN, 0) is None


def test_what_others_sign_themselves_is_nothing():
    def spelled(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).decode().rstrip("=")

    payload = spelled(json.dumps([*SAID, "nonce"]).encode())
    for token in ("", ".", payload, f"{payload}.", f".{TOKEN.partition('.')[2]}", f"{payload}.{TOKEN.partition('.')[2]}", "x" * 100_000, TOKEN + "x" * 100_000):
        assert links.read(KEY, token, 0) is None


def test_what_is_signed_for_a_form_is_no_link_and_the_other_way_round():
    proof = links.form_proof(KEY, TOKEN, 5)
    assert links.is_form_proof(KEY, TOKEN, 5, proof)
    payload, _, mac = TOKEN.partition(".")
    assert links.read(KEY, f"{payload}.{proof}", 0) is None
    for token, issued, given in ((TOKEN, 6, proof), (TOKEN + "x", 5, proof), (TOKEN, 5, mac), (TOKEN, 5, ""), (TOKEN, 5, "\udcff")):
        assert not links.is_form_proof(KEY, token, issued, given)


def test_it_is_used_once(link, tmp_path):
    path = tmp_path / "links.sqlite3"
    assert not links.is_used(path, link)
    for expected in (True, False, False):
        with links.use(path, link, 7) as is_unused:
            assert is_unused == expected
    assert links.is_used(path, link)
    assert not links.is_used(path, link._replace(nonce="another"))


def test_it_stays_unused_where_what_it_is_used_for_fails(link, tmp_path):
    path = tmp_path / "links.sqlite3"
    with pytest.raises(OSError, match="disk full"), links.use(path, link, 7):
        raise OSError("disk full")
    assert not links.is_used(path, link)


def test_of_eight_at_once_one_uses_it(link, tmp_path):
    path, start, done = tmp_path / "links.sqlite3", Barrier(8), []

    def use() -> bool:
        start.wait()
        with links.use(path, link, 7) as is_unused:
            if is_unused:
                done.append(1)
            return is_unused

    with ThreadPoolExecutor(8) as pool:
        assert sorted(found.result() for found in [pool.submit(use) for _ in range(8)]) == [False] * 7 + [True]
    assert done == [1]


def test_a_spoilt_file_is_said(link, tmp_path):
    path = tmp_path / "links.sqlite3"
    path.write_text("no database " * 100)
    with pytest.raises(RunError, match=r"links\.sqlite3: .*file of used links"), links.use(path, link, 7):
        raise AssertionError("it was used")


def test_the_file_says_what_was_used(link, tmp_path):
    with links.use(tmp_path / "links.sqlite3", link, 7):
        pass
    with sqlite3.connect(tmp_path / "links.sqlite3") as connection:
        rows = connection.execute("SELECT nonce, finding_id, cycle, person_id, action, used_us FROM used_link").fetchall()
    connection.close()
    assert rows == [(link.nonce, "f" * 32, 2, "anna", "acknowledge", 7)]
