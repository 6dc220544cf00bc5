"""Every register format over inputs in its own shape: the rows, the rejects, that no other format claims them; and every input damaged at every place."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import yaml

from transforms import registers
from transforms.domain.discovery import claimant
from transforms.domain.errors import FileRejected, ModuleMalformed
from transforms.domain.head import Head
from transforms.domain.instants import iso, parse_stamp
from transforms.domain.manifests import read_manifests
from transforms.domain.policy import RegisterNames, RegisterTerms
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.stated import Owner, owner, repository_names, split_owners

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests" / "golden" / "registers"


class Sample(NamedTuple):
    format: str
    name: str
    content: bytes
    source: Source
    rows: list[dict[str, Any]]
    rejects: list[str]


def source_of(name: str, stated: dict[str, Any]) -> Source:
    """`golden.yaml` says of a file what its sidecar would: target; everything was taken on one day."""
    return Source(path=f"people/{name}", target=stated.get("target"), snapshot_us=parse_stamp("2026-04-01T00:00:00Z").us)


def samples() -> list[Sample]:
    found = []
    for folder in sorted(path for path in GOLDEN.iterdir() if path.is_dir()):
        expected = yaml.safe_load((folder / "golden.yaml").read_text(encoding="utf-8"))
        for name in sorted(path.name for path in folder.iterdir() if path.name != "golden.yaml"):
            of = expected[name]
            found.append(Sample(folder.name, name, (folder / name).read_bytes(), source_of(name, of.get("source", {})), of["rows"], of.get("rejects", [])))
    return found


def read(format: str, content: bytes, source: Source | None = None) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows as `golden.yaml` has them (without what is empty and the status active; instants as texts), and the rejects."""
    rows = list(registers.formats()[format].parse(content, source or Source()))
    kept = [
        {
            name: iso(value) if name in ("effective_from", "effective_to") else value
            for name, value in row.items()
            if value not in (None, []) and (name, value) != ("status", "active")
        }
        for row in rows
        if not isinstance(row, Reject)
    ]
    return kept, [f"{row.pointer}: {row.reason}" for row in rows if isinstance(row, Reject)]


OURS = {
    "assets_csv": b"asset_id,name,owner_team\na,b,c\n",
    "people_csv": b"person_id,name,team\na,b,c\n",
    "ownership_csv": b"match,person_id,team\na,b,c\n",
}


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: f"{sample.format}/{sample.name}")
def test_a_register_gives_these_rows(sample):
    assert read(sample.format, sample.content, sample.source) == (sample.rows, sample.rejects)


@pytest.mark.parametrize(
    ("format", "content"), [*((sample.format, sample.content) for sample in samples()), *OURS.items()], ids=lambda value: value if isinstance(value, str) else "…"
)
def test_exactly_one_format_claims_a_register(format, content):
    assert [name for name, module in registers.formats().items() if module.recognise(Head(content))] == [format]


def test_every_format_but_our_own_has_a_golden_folder():
    assert {path.name for path in GOLDEN.iterdir() if path.is_dir()} | set(OURS) == set(registers.formats())


def test_a_file_that_two_formats_claim_is_rejected_naming_both():
    people = registers.formats()["people_csv"]
    with pytest.raises(FileRejected, match=r"ambiguous_format: formats people_csv and people_csv both claim"):
        claimant({"one": people, "other": people}, Head(OURS["people_csv"]), "register")


@pytest.mark.parametrize("stated", [{}, {"KIND": "teams"}, {"KINDS": ()}, {"KINDS": ("assets", "x")}, {"KIND": "assets", "KINDS": ("assets",)}], ids=repr)
def test_a_module_that_does_not_say_of_which_registers_its_rows_are_is_named(stated):
    module = ModuleType("house_register")
    vars(module).update(stated)
    with pytest.raises(ModuleMalformed, match=r"house_register: .*expected KIND or KINDS, of assets, people, ownership"):
        registers.require_kinds(module)


def test_nothing_of_a_secret_is_kept_of_what_is_rejected():
    secret = b"apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringData: {password: hunter2\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: [cut]\n"
    raws = [row.raw for row in registers.formats()["kubernetes"].parse(secret, Source())]
    assert raws == ["", "apiVersion: apps/v1\nkind: Deployment\nmetadata: [cut]"]


# What names and words mean


def test_a_policy_names_its_own_labels_and_words():
    source = Source(
        names=RegisterNames(team=["crew"], criticality=["grade"], asset=["thing"]),
        terms=RegisterTerms.model_validate({"criticality": {"Gold": "high"}}),
    )
    rows, rejects = read("assets_with_owners_csv", b"thing,owner,crew,team,grade,criticality\na,x@y.z,one,two,GOLD,platinum\nb,,,,Tier 0,\nc,,,,lead,\n", source)
    assert [(row["asset_id"], row.get("owner_team"), row.get("criticality")) for row in rows if row["register"] == "assets"] == [("a", "one", "high"), ("b", None, "critical")]
    assert rejects == ["row 4: unknown_criticality"]


def test_a_list_of_assets_without_the_assets_column_says_which_key_names_it():
    with pytest.raises(FileRejected, match=r"no_asset_column: .*registers\.names\.asset"):
        read("assets_with_owners_csv", b"service,owner\na,b\n", Source(names=RegisterNames(asset=["thing"])))


def test_a_cluster_is_part_of_what_its_workloads_are_called():
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"image": "i:1"}]}}
    ((one,), _), ((other,), _) = (read("kubernetes", json.dumps(pod).encode(), Source(target=name)) for name in ("blue", "green"))
    assert (one["asset_id"], other["asset_id"]) == ("blue/default/pod/p", "green/default/pod/p")


@pytest.mark.parametrize(
    ("text", "plain", "expected"),
    [
        ("anna@example.com", "team", Owner("person", "anna@example.com")),
        ("mailto:anna@example.com", "team", Owner("person", "anna@example.com")),
        ("Anna <anna@example.com>", "team", Owner("person", "anna@example.com")),
        ("user:default/anna", "team", Owner("person", "default/anna")),
        ("@anna", "team", Owner("person", "anna")),
        ("@example/web", "person", Owner("team", "web")),
        ("team:web", "person", Owner("team", "web")),
        ("web", "team", Owner("team", "web")),
        ("web", "person", Owner("person", "web")),
    ],
)
def test_whom_an_owner_names(text, plain, expected):
    assert owner(text, plain) == expected


@pytest.mark.parametrize(
    ("text", "parts"),
    [("a@x.y, b@x.y;c", ["a@x.y", "b@x.y", "c"]), ("Doe, Jane", ["Doe, Jane"]), ("Doe, Jane | a/b", ["Doe, Jane", "a/b"]), (" ; @ ;", [])],
)
def test_owners_are_told_apart(text, parts):
    assert split_owners(text) == parts


@pytest.mark.parametrize(
    ("address", "names"),
    [
        ("url:https://github.com/a/b/tree/main", ["a/b", "github.com/a/b", "https://github.com/a/b", "https://github.com/a/b.git"]),
        ("git@gitlab.example:g/s/p.git", ["g/s/p", "gitlab.example/g/s/p", "https://gitlab.example/g/s/p", "https://gitlab.example/g/s/p.git"]),
        ("git+https://github.com/a/b@4f2c", ["a/b", "github.com/a/b", "https://github.com/a/b", "https://github.com/a/b.git"]),
        ("https://gitlab.example/g/p/-/tree/main/web/", ["https://gitlab.example/g/p/-/tree/main/web"]),
        ("https://www.example.com", []),
        ("NOASSERTION", []),
        (None, []),
    ],
)
def test_a_repository_goes_by_these_names(address, names):
    assert repository_names(address) == names


# Damage: what is read and of a wrong type is never a silent null

Place = tuple[str | int, ...]
#: Attributes that are texts in some types of resource and something else in others: of the latter they are no alias.
VARYING = ("name", "dns_name", "endpoint", "private_ip", "public_ip", "default_hostname", "ipv4_address")
#: Directories are damaged in tests of their own.
STRUCTURED = [sample for sample in samples() if sample.name.endswith((".json", ".yaml")) and sample.format not in ("github_org", "scim")]


def _tree(sample: Sample) -> Any:
    if sample.name.endswith(".json"):
        return json.loads(sample.content)
    return {"items": [item[1] for item in read_manifests(sample.content) if not isinstance(item, Reject)]}


def _places(tree: Any, at: Place = ()) -> Iterator[Place]:
    if at:
        yield at
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from _places(value, (*at, key))


def _changed(tree: Any, place: Place, change: Any) -> bytes:
    """The tree as JSON with a member replaced, or removed where `change` is `...`."""
    other = copy.deepcopy(tree)
    within = other
    for key in place[:-1]:
        within = within[key]
    if change is ...:
        del within[place[-1]]
    else:
        within[place[-1]] = change
    return json.dumps(other).encode()


def _value(tree: Any, place: Place) -> Any:
    for key in place:
        tree = tree[key]
    return tree


def _read(format: str, content: bytes) -> tuple[list[dict[str, Any]], list[str]] | None:
    """None where the file as a whole is rejected; anything else that is raised fails the test."""
    try:
        return read(format, content)
    except FileRejected as error:
        assert error.reason and error.seen
        return None


@pytest.mark.parametrize("sample", STRUCTURED, ids=lambda sample: f"{sample.format}/{sample.name}")
def test_a_member_of_a_wrong_type_is_a_reject_or_is_not_read(sample):
    tree = _tree(sample)
    before = _read(sample.format, json.dumps(tree).encode())
    assert before is not None
    silent = []
    for place in _places(tree):
        if sample.format == "terraform_state" and place[-1] in VARYING:
            continue
        wrong = [[1]] if isinstance(_value(tree, place), dict) else {"a": {"b": 1}}
        after = _read(sample.format, _changed(tree, place, wrong))
        if after is not None and after[0] != before[0] and not Counter(after[1]) - Counter(before[1]):
            silent.append("/".join(map(str, place)))
    assert silent == []


@pytest.mark.parametrize("sample", STRUCTURED, ids=lambda sample: f"{sample.format}/{sample.name}")
@pytest.mark.parametrize("change", [..., None, "\x00=1", []], ids=repr)
def test_a_member_that_is_gone_or_another_takes_no_reader_down(sample, change):
    tree = _tree(sample)
    for place in _places(tree):
        _read(sample.format, _changed(tree, place, change))


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: f"{sample.format}/{sample.name}")
def test_a_file_that_is_cut_takes_no_reader_down(sample):
    size = len(sample.content.rstrip())
    for end in range(1, size, max(1, size // 40)):
        found = _read(sample.format, sample.content[:end])
        if sample.name.endswith((".json", ".xml")):
            assert found is None
        elif found and sample.name.endswith(".csv"):
            whole = [row for row in found[0] if row["pointer"] != found[0][-1]["pointer"]]
            assert whole == sample.rows[: len(whole)]


@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize(
    ("format", "document"),
    [
        ("okta_csv", "login,email,status,department\nkim@example.com,kim@example.com,ACTIVE,Data\n"),
        ("entra_csv", "userPrincipalName,displayName,mail\nkim@example.com,Kim,kim@example.com\n"),
        ("servicenow_cmdb", "name,sys_id,sys_class_name,install_status,owned_by.email\nweb-1,a1,cmdb_ci_server,Installed,kim@example.com\n"),
        ("assets_with_owners_csv", "service,owner,team\nshop,kim@example.com,payments\n"),
    ],
)
def test_what_a_spreadsheet_saved_with_another_delimiter_is_the_same(format, document, delimiter):
    saved = document.replace(",", delimiter).encode()
    assert [name for name, module in registers.formats().items() if module.recognise(Head(saved))] == [format]
    assert read(format, saved) == read(format, document.encode())
    assert read(format, saved)[0]
