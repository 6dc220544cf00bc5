"""The landing zone: what is a file of it, what is not, archives and sidecars, and nothing that a hostile one could do."""

from __future__ import annotations

import errno
import gzip
import io
import os
import random
import stat
import tarfile
import zipfile
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from transforms.domain.digests import sha256
from transforms.domain.errors import UsageError
from warehouse import landing
from warehouse.landing import Found, Problem, scan_landing

NOW = 1_777_896_000_000_000


@pytest.fixture
def put(tmp_path: Path):
    def put(path: str, content: bytes = b"{}", *, age_seconds: float = 3600) -> Path:
        whole = tmp_path / path
        whole.parent.mkdir(parents=True, exist_ok=True)
        whole.write_bytes(content)
        os.utime(whole, (NOW / 1e6 - age_seconds,) * 2)
        return whole

    return put


@pytest.fixture
def scan(tmp_path: Path):
    def scan(url: str | None = None, *, settle_us: int = 0) -> tuple[dict[str, Found], dict[str, str]]:
        """Found by path, messages of problems by path."""
        items = list(scan_landing(url or str(tmp_path), settle_us=settle_us, now_us=NOW))
        return {item.path: item for item in items if isinstance(item, Found)}, {item.path: item.message for item in items if isinstance(item, Problem)}

    return scan


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def tarred(*members: tuple[str, bytes], mode: str = "w", format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=format) as archive:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


# What is a file


@pytest.mark.parametrize("url", ["/nowhere/at/all", "nosuchprotocol://x", "memory://nothing-here"])
def test_a_landing_zone_that_is_not_there_is_wrong_usage(scan, url):
    with pytest.raises(UsageError) as error:
        scan(url)
    assert error.value.exit_code == 2
    assert url in str(error.value)


def test_a_file_is_no_landing_zone(scan, put):
    with pytest.raises(UsageError):
        scan(str(put("scans/a.json")))


def test_an_empty_landing_zone_is_fine(scan, tmp_path):
    assert scan() == ({}, {})
    (tmp_path / "scans").mkdir()
    assert scan() == ({}, {})


def test_every_folder_is_read_in_the_order_of_paths(scan, put):
    for path in ("scans/b.json", "scans/a/z.json", "assets/a.csv", "people/p.csv", "activity/x.csv", "reference/kev.csv"):
        put(path)
    found, problems = scan()
    assert list(found) == ["activity/x.csv", "assets/a.csv", "people/p.csv", "reference/kev.csv", "scans/a/z.json", "scans/b.json"]
    assert problems == {}
    assert found["scans/a/z.json"].folder == "scans"
    assert found["scans/b.json"].file_us == NOW - 3600 * 1_000_000


@pytest.mark.parametrize("name", [".hidden", ".a.json", "a.json.part", "a.json.tmp", ".git/a.json", "x.part/a.json"])
def test_ignored_names(scan, put, name):
    put(f"scans/{name}")
    assert scan() == ({}, {})


def test_what_lies_elsewhere_is_said_and_not_read(scan, put):
    put("readme.txt")
    put("scan/a.json")
    put("incidents/i.yaml")
    found, problems = scan()
    assert found == {}
    assert set(problems) == {"readme.txt", "scan"}
    assert "scans" in problems["scan"]


def test_a_file_that_is_still_being_written_waits(scan, put):
    put("scans/new.json", age_seconds=5)
    put("scans/old.json", age_seconds=11)
    assert set(scan(settle_us=10_000_000)[0]) == {"scans/old.json"}
    assert set(scan()[0]) == {"scans/new.json", "scans/old.json"}


# Claims


def test_a_claim_is_the_content_and_what_the_sidecar_says(scan, put):
    put("scans/a.json", b"1")
    put("scans/b.json", b"1")
    put("scans/c.json", b"1")
    put("scans/d.json", b"1")
    put("scans/c.json.meta.yaml", b"target: web\nscanner: zap")
    put("scans/d.json.meta.yaml", b"# the same\nscanner: 'zap'\ntarget:   web\n")
    found, _ = scan()
    a, b, c, d = (found[f"scans/{name}.json"] for name in "abcd")
    assert a.claim_id == b.claim_id == sha256(b"1")
    assert c.claim_id == d.claim_id != a.claim_id
    assert a.sha256 == c.sha256


def test_a_packed_file_is_its_content(scan, put):
    put("scans/a.json", b'{"a": 1}')
    put("scans/b.json.gz", gzip.compress(b'{"a": 1}'))
    put("scans/c.zip", zipped(("x/c.json", b'{"a": 1}')))
    put("scans/d.tar", tarred(("x/d.json", b'{"a": 1}')))
    put("scans/e.tar.gz", tarred(("e.json", b'{"a": 1}'), mode="w:gz"))
    put("scans/f.TGZ", tarred(("f.json", b'{"a": 1}'), mode="w:gz"))
    put("scans/export", zipped(("g.json", b'{"a": 1}'), method=zipfile.ZIP_LZMA))
    put("scans/misnamed.json", gzip.compress(b'{"a": 1}'))
    put("scans/h.zip", zipped(("h.json.gz", gzip.compress(b'{"a": 1}'))))
    put("scans/i.tar", tarred(("i.json.gz", gzip.compress(b'{"a": 1}'))))
    found, problems = scan()
    assert set(found) == {
        "scans/a.json", "scans/b.json.gz", "scans/c.zip!x/c.json", "scans/d.tar!x/d.json", "scans/e.tar.gz!e.json", "scans/f.TGZ!f.json", "scans/export!g.json",
        "scans/misnamed.json", "scans/h.zip!h.json.gz", "scans/i.tar!i.json.gz",
    }  # fmt: skip
    assert {item.claim_id for item in found.values()} == {sha256(b'{"a": 1}')}
    assert not problems


def test_a_packed_member_that_is_damaged_is_the_bytes_that_it_is_and_the_others_load(scan, put):
    damaged = gzip.compress(b'{"a": 1}')[:-6]
    put("scans/a.zip", zipped(("a.json.gz", damaged), ("b.json", b"{}")))
    found, _ = scan()
    assert {path: item.content for path, item in found.items()} == {"scans/a.zip!a.json.gz": damaged, "scans/a.zip!b.json": b"{}"}


def test_members_that_are_no_reports_are_passed_over(scan, put):
    put("scans/a.zip", zipped(("d/", b""), (".DS_Store", b"x"), ("x/.git", b"x"), ("a.tmp", b"x"), ("a.json", b"{}")))
    assert set(scan()[0]) == {"scans/a.zip!a.json"}
    put("scans/a.zip", zipped())
    assert scan() == ({}, {})


# Sidecars


def test_the_nearer_sidecar_wins_key_by_key(scan, put):
    put("scans/_scan.yaml", b"scanner: far\nengagement: e\ntarget: far")
    put("scans/deep/_scan.yaml", b"scanner: folder\nengagement: audit\ntarget: folder")
    put("scans/deep/er/a.json")
    put("scans/deep/er/a.meta.yaml", b"scanner: stem\ntarget: stem")
    put("scans/deep/er/a.json.meta.yaml", b"target: full")
    found, problems = scan()
    assert set(found) == {"scans/deep/er/a.json"}
    side = found["scans/deep/er/a.json"].sidecar
    assert (side.target, side.scanner, side.engagement) == ("full", "stem", "audit")
    assert problems == {}


def test_the_sidecar_of_an_archive_is_of_all_its_members_and_theirs_are_nearer(scan, put):
    put("scans/a.zip", zipped(("x/a.json", b"1"), ("x/a.json.meta.yaml", b"target: inner"), ("b.json", b"2")))
    put("scans/a.zip.meta.yaml", b"target: outer\nscanner: zap")
    found, _ = scan()
    assert {path: (item.sidecar.target, item.sidecar.scanner) for path, item in found.items()} == {"scans/a.zip!x/a.json": ("inner", "zap"), "scans/a.zip!b.json": ("outer", "zap")}


def test_two_registers_in_one_archive_are_two_sources_and_a_packed_one_is_the_plain_ones(scan, put):
    put("assets/export-2026-05-04.zip", zipped(("eu-2026-05-04.csv", b"asset_id\na\n"), ("us-2026-05-04.csv", b"asset_id\nb\n")))
    put("assets/eu-2026-05-03.csv", b"asset_id\nc\n")
    found, _ = scan()
    assert [item.source for item in found.values()] == ["assets/eu", "assets/eu", "assets/us"]


@pytest.mark.parametrize(
    "text", [b"colour: red", b"target: [", b"captured_at: soon", b"\xff", b"target: " + b"[" * 5000, b'target: "\\ud800"', b'source: "\\ud800"', b'scope: ["a", "\\udfff"]', b"- x", b"complete: 7"]
)
def test_a_bad_sidecar_is_the_fault_of_its_file_only(scan, put, text):
    put("scans/a.json")
    put("scans/a.json.meta.yaml", text)
    put("scans/b.json", b"2")
    found, _ = scan()
    assert found["scans/a.json"].fault and found["scans/a.json"].fault.startswith("sidecar")
    assert found["scans/b.json"].fault is None
    str(found["scans/a.json"].sidecar.model_dump()).encode()


# Hostile ones


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "x\\..\\..\\x.json", "a/../../../b.json"])
def test_a_name_that_climbs_out_is_only_a_name(scan, put, tmp_path, name):
    put("scans/a.zip", zipped((name, b"1")))
    put("scans/b.tar", tarred((name, b"2")))
    found, problems = scan()
    assert {item.content for item in found.values()} == {b"1", b"2"}
    assert not problems
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.zip", "b.tar"]


def test_links_and_devices_in_archives_are_passed_over(scan, put):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for number, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE)):
            info = tarfile.TarInfo(f"l{number}.json")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        info = tarfile.TarInfo("a.json")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"1"))
    put("scans/a.tar", out.getvalue())
    link = zipfile.ZipInfo("l.json")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("b.json", "2")
    put("scans/b.zip", out.getvalue())
    assert {item.content for item in scan()[0].values()} == {b"1", b"2"}


def test_links_in_the_landing_zone_are_read_only_to_files_inside_it(scan, put, tmp_path):
    inside = put("scans/..data/a.json", b"1")
    outside = tmp_path.parent / "secret.json"
    outside.write_bytes(b"secret")
    (tmp_path / "scans" / "good.json").symlink_to(inside)
    (tmp_path / "scans" / "bad.json").symlink_to(outside)
    (tmp_path / "scans" / "dead.json").symlink_to("/nowhere")
    (tmp_path / "scans" / "round").symlink_to(tmp_path / "scans")
    (tmp_path / "scans" / "round2").symlink_to(tmp_path)
    found, problems = scan()
    assert {path: item.content for path, item in found.items()} == {"scans/good.json": b"1"}
    assert set(problems) == {"scans/bad.json", "scans/dead.json", "scans/round", "scans/round2"}
    assert "secret" not in str(problems["scans/bad.json"])


def test_a_folder_of_the_landing_zone_may_be_mounted_by_a_link(scan, put, tmp_path):
    put("elsewhere/a.json", b"1")
    (tmp_path / "scans").symlink_to(tmp_path / "elsewhere")
    assert set(scan()[0]) == {"scans/a.json"}


def test_pipes_are_not_waited_for(scan, put, tmp_path):
    put("scans/a.json")
    os.mkfifo(tmp_path / "scans" / "pipe.json")
    found, problems = scan()
    assert set(found) == {"scans/a.json"}
    assert set(problems) == {"scans/pipe.json"}


def test_names_that_are_no_text_are_kept_as_text(scan, put, tmp_path):
    put("scans/a.json", b"1")
    with open(os.fsencode(tmp_path / "scans") + b"/\xff.json", "wb") as file:
        file.write(b"2")
    found, _ = scan()
    assert {item.content for item in found.values()} == {b"1", b"2"}
    for path, item in found.items():
        (path + item.source).encode()


@pytest.mark.parametrize("pack", [lambda body: ("a.json.gz", gzip.compress(body)), lambda body: ("a.zip", zipped(("a.json", body))), lambda body: ("a.tar.gz", tarred(("a.json", body), mode="w:gz")),
                                  lambda body: ("a.zip", zipped(*((f"{n}.json", body[:600]) for n in range(3)))),
                                  lambda body: ("a.zip", zipped(("a.json.gz", gzip.compress(body)))), lambda body: ("a.tar", tarred(("a.json.gz", gzip.compress(body))))])  # fmt: skip
def test_what_grows_beyond_the_limit_is_a_faulty_file_and_the_others_load(scan, put, monkeypatch, pack):
    monkeypatch.setattr(landing, "MAX_MEMBER_BYTES", 1000)
    name, content = pack(b" " * 1001)
    put(f"scans/{name}", content)
    put("scans/z.json", b"{}")
    found, _ = scan()
    assert found["scans/z.json"].fault is None
    (bomb,) = (item for path, item in found.items() if path != "scans/z.json")
    assert bomb.fault and "too_large" in bomb.fault
    assert bomb.content == content


def test_a_file_beyond_the_limit_is_not_opened_and_said(scan, put, monkeypatch):
    monkeypatch.setattr(landing, "MAX_FILE_BYTES", 1000)
    put("scans/a.json", b" " * 1001)
    put("scans/b.json", b" " * 1000)
    found, problems = scan()
    assert list(found) == ["scans/b.json"]
    assert problems == {"scans/a.json": "too_large: 1,001 bytes, a file may have 1,000; it is not read: split it, or scan in parts"}


def test_too_many_members_are_a_faulty_file(scan, put, monkeypatch):
    monkeypatch.setattr(landing, "MAX_MEMBERS", 2)
    put("scans/a.zip", zipped(*((f"{n}.json", b"{}") for n in range(3))))
    assert "too_large" in (scan()[0]["scans/a.zip"].fault or "")


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_archive_is_a_faulty_file_never_an_error(seed):
    rng = random.Random(seed)
    for _ in range(120):
        method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
        tar = tarred(*((f"{'é' * 60}/{n}.json", b'{"a": 1}' * 90) for n in range(3)), format=rng.choice((tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)))
        name, whole = rng.choice([("a.zip", zipped(*((f"d/{n}.json", b'{"a": 1}' * 90) for n in range(3)), method=method)), ("a.tar", tar), ("a.tgz", gzip.compress(tar)), ("a.gz", gzip.compress(b"{}" * 90))])
        content = bytearray(whole)
        for _ in range(rng.choice((1, 2, 10))):
            content[rng.randrange(len(content))] = rng.randrange(256)
        if rng.random() < 0.3:
            del content[rng.randrange(len(content)) :]
        for member, body, fault in landing._members(name, bytes(content)):
            assert isinstance(body, bytes)
            assert member is not None or fault is None or body == bytes(content)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_an_encrypted_member_and_two_of_one_name(scan, put):
    body = bytearray(zipped(("a.json", b"1")))
    body[6] |= 1
    body[body.index(b"PK\x01\x02") + 8] |= 1
    put("scans/a.zip", bytes(body))
    put("scans/b.zip", zipped(("a.json", b"1"), ("a.json", b"2")))
    found, _ = scan()
    assert "encrypted" in (found["scans/a.zip"].fault or "")
    assert "scans/b.zip!a.json" in found


# What cannot be read


class _Broken(MemoryFileSystem):
    """A file system that refuses some paths, as a share without permission does."""

    protocol = "broken"
    store: dict = {}  # noqa: RUF012  # as its parent's
    pseudo_dirs = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.replace("broken://", "memory://"))

    def ls(self, path, detail=True, **kwargs):
        if "locked" in path:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return super().ls(path, detail=detail, **kwargs)

    def cat_file(self, path, start=None, end=None, **kwargs):
        if "secret" in path:
            raise OSError(errno.EIO, "Input/output error", path)
        return super().cat_file(path, start, end, **kwargs)


def test_an_unreadable_folder_or_file_has_its_own_message_and_everything_else_is_found(scan):
    fsspec.register_implementation("broken", _Broken, clobber=True)
    system = fsspec.filesystem("broken")
    for path in ("zone/scans/a.json", "zone/scans/locked/b.json", "zone/scans/secret.json", "zone/scans/c.json", "zone/scans/c.json.meta.yaml", "zone/assets/locked/x.csv"):
        system.pipe_file(path, b"scanner: zap" if path.endswith("yaml") else path.encode())
    found, problems = scan("broken://zone")
    assert set(found) == {"scans/a.json", "scans/c.json"}
    assert found["scans/c.json"].sidecar.scanner == "zap"
    assert set(problems) == {"scans/locked", "scans/secret.json", "assets/locked"}
    assert "Permission denied" in problems["scans/locked"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_without_permission(scan, put, tmp_path):
    put("scans/locked/a.json")
    (tmp_path / "scans" / "locked").chmod(0)
    try:
        assert "Permission denied" in scan()[1]["scans/locked"]
    finally:
        (tmp_path / "scans" / "locked").chmod(0o755)
