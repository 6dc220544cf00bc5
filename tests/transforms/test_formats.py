"""`handoff formats --explain`: what a file holds, which format claims it, and which others it is most like."""

from __future__ import annotations

import pytest

from transforms import formats


def explained(content: bytes) -> tuple[str, str, str]:
    """(what was seen, the first format, its answer)"""
    seen, first, *_ = formats.explain(content)
    assert seen["format"] == "(content)"
    return seen["answer"], first["format"], first["answer"]


@pytest.mark.parametrize(
    ("content", "seen", "nearest", "answer"),
    [
        (b'{"results": [{"check_id": "x", "file": "y"}], "errors": []}', "the first of results has check_id, file", "semgrep", "no: it has check_id, errors, results, but not"),
        (b'{"Issues": []}', "JSON with members Issues", "gosec", "no: it has Issues, but not Stats"),
        (b"Plugin ID;Name;Hosts\n1;2;3\n", "Plugin ID;Name;Hosts", "nessus", "no: it has name, plugin id, but not"),
        (b"<site/>", "XML with root <site>", "zap", "no: it has site, but not OWASPZAPReport"),
        (b'{"matches": []}', "JSON with members matches", "grype", "no: it has matches, but not"),
        (b'{"matches": [{"vulnerability": {}, "artifact": {}}]}', "the first of matches has artifact, vulnerability", "grype", "claims it"),
    ],
)  # fmt: skip
def test_the_nearest_format_is_named_with_what_the_file_has_of_it(content, seen, nearest, answer):
    found = explained(content)
    assert seen in found[0]
    assert (found[1], found[2][: len(answer)]) == (nearest, answer)


@pytest.mark.parametrize(
    ("content", "seen"),
    [(b'{"results": [', "bytes that begin like JSON, but are not one JSON document"), (b"\xff\xfe{\x00", "bytes beginning"), (b"", "an empty file"), (b"[" * 100_000, "JSON")],
)
def test_what_is_like_nothing_says_what_it_is(content, seen):
    found = explained(content)
    assert seen in found[0]
    assert found[2] == "no: it has none of the names that this format is known by"


@pytest.mark.parametrize(("folder", "format"), [("scans", "cyclonedx"), ("assets", "cyclonedx_application"), ("people", "cyclonedx_application")])
def test_a_file_is_explained_for_the_folder_that_it_lies_in(folder, format):
    seen, first, *_ = formats.explain(b'{"bomFormat": "CycloneDX", "vulnerabilities": []}', folder)
    assert (seen["folder"], first["format"], first["answer"]) == (folder, format, "claims it")
    assert formats.landing_folder(("/", "srv", "scans", "landing", folder, "shop")) == folder


def test_yaml_is_described_by_its_keys():
    assert explained(b"# shop\napiVersion: backstage.io/v1alpha1\nkind: Component\nspec:\n  a: 1\n") == ("YAML with keys apiVersion, kind, spec", "backstage", "claims it")


def test_every_scanner_format_is_known_by_some_name():
    assert [name for name, module in formats.scanners.formats().items() if not formats._sought(module)] == []
