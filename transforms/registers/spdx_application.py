"""SPDX documents (2.2 and 2.3, JSON; also in the envelope of GitHub's SBOM export) as what an application is made of.

What the document describes (`documentDescribes`, else the relationships DESCRIBES and DESCRIBED_BY) is an asset, its packages are none: a container by its image
without tag and digest, anything else by its package URL without version, or its name. Aliases are the package URL with and without version, and the
repository of a `github` package URL and of the download location. The purpose is the kind. SPDX names no team: supplier and originator are
left out, as they are vendors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import msgspec

from transforms.domain import documents
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.manifests import as_scalar, listing, mapping, objects, required, scalar
from transforms.domain.packages import repository_url, unversioned
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.stated import Stated, repository_names, slug_names, untagged

NAME = "spdx_application"
TITLE = "SPDX as application composition (JSON)"
KIND = "assets"


def recognise(head: Head) -> bool:
    if not head.is_json_object:
        return False
    inner = head.value("sbom")
    return "spdxVersion" in head.json or (isinstance(inner, dict) and "spdxVersion" in inner)


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    document = documents.decode(msgspec.json.Decoder(dict[str, Any]), content, "an SPDX document")
    base = ""
    if "spdxVersion" not in document:
        base = "/sbom"
    try:
        document = mapping(document, "sbom") if base else document
        version = required(document, "spdxVersion")
        if not version.startswith("SPDX-2."):
            raise ValueError(f"unknown_version: {version}, SPDX-2.2 and SPDX-2.3 are read")
        described, packages = _described(document), listing(document, "packages")
    except ValueError as error:
        reason, _, detail = str(error).partition(": ")
        raise FileRejected(reason, seen=detail, expected="an SPDX 2 document") from None
    if not described:
        raise FileRejected("nothing_described", seen="neither documentDescribes nor a relationship DESCRIBES", expected="the package that the document is of")
    places = {package.get("SPDXID"): number for number, package in enumerate(packages) if isinstance(package, dict) and isinstance(package.get("SPDXID"), str)}
    for name in described:
        if name not in places:
            yield Reject(f"{base}/documentDescribes", "unknown_package", f"{name} is described and is no package of the document")
            continue
        pointer = f"{base}/packages/{places[name]}"
        try:
            rows = _asset(packages[places[name]], source)
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            yield Reject(pointer, reason, detail)
            continue
        yield from ({"pointer": pointer, **row} for row in rows if row["register"] == KIND)


def _described(document: dict[str, Any]) -> list[str]:
    """The ids of what the document is of, each once."""
    found = [text for item in listing(document, "documentDescribes") if (text := as_scalar(item, "documentDescribes"))]
    me = scalar(document, "SPDXID") or "SPDXRef-DOCUMENT"
    for item in objects(document, "relationships"):
        kind, one, other = (required(item, name) for name in ("relationshipType", "spdxElementId", "relatedSpdxElement"))
        if kind == "DESCRIBES" and one == me:
            found.append(other)
        if kind == "DESCRIBED_BY" and other == me:
            found.append(one)
    return list(dict.fromkeys(found))


def _asset(package: dict[str, Any], source: Source) -> list[dict[str, Any]]:
    name = required(package, "name")
    kind = (scalar(package, "primaryPackagePurpose") or "").lower() or None
    purl = next((found for item in objects(package, "externalRefs") if (found := _purl(item))), None)
    full = untagged(name) if kind == "container" else name
    aliases = [name, full]
    if purl and kind == "container":
        aliases.append(repository_url(purl) or full)
    elif purl:
        aliases += [unversioned(purl), purl]
        if purl.startswith("pkg:github/"):
            aliases += slug_names("github.com", unquote(unversioned(purl).removeprefix("pkg:github/")))
    aliases += repository_names(scalar(package, "downloadLocation"))
    asset_id = unversioned(purl) if purl and kind != "container" else full
    return Stated({}, source).rows(asset_id=asset_id, name=full, plain="team", kind=kind, aliases=aliases)


def _purl(reference: dict[str, Any]) -> str | None:
    return scalar(reference, "referenceLocator") if required(reference, "referenceType") == "purl" else None
