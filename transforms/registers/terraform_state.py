"""Terraform and OpenTofu: the state file (version 4), and `terraform show -json` of a state.

A managed resource that the cloud gives a name of its own is an asset by it: `arn`, `self_link`, or an Azure `id`; so is any other with an `id` that
carries tags or labels, by `TYPE/ID`. What has neither (attachments, random values, null resources, data sources) is none.

- Name is the tag or label `Name`, else the attribute `name`. Aliases are `id`, addresses, host names and registry addresses, and the resource's address in
  the configuration. The kind is the resource's type.
- Team, owner, application, environment and the like are the tags or labels that the policy names, those of the resource over the provider's
  defaults (`tags_all`). An owner without an @ or a word before it is a team.
- A state holds secrets: nothing else of it is kept, also not of a rejected row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from transforms.domain import documents
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.manifests import listing, mapping, required, scalar
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.stated import Stated

NAME = "terraform_state"
TITLE = "Terraform state (state file, terraform show -json)"
KINDS = ("assets", "ownership")

_ALIASES = (
    "id", "public_ip", "private_ip", "public_dns", "private_dns", "dns_name", "fqdn", "hostname", "endpoint", "address", "repository_url", "domain_name",
    "default_hostname", "ip_address", "ipv4_address", "public_ip_address", "bucket_domain_name", "login_server",
)  # fmt: skip
#: Later ones over earlier ones.
_TAGS = ("tags_all", "effective_labels", "terraform_labels", "tags", "labels")


def recognise(head: Head) -> bool:
    if not head.is_json_object:
        return False
    if {"version", "terraform_version", "resources"} <= head.json.keys():
        return True
    return {"format_version", "values"} <= head.json.keys() and "planned_values" not in head.json


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    state = documents.decode(msgspec.json.Decoder(dict[str, Any]), content, "a Terraform state")
    try:
        found = _of_values(mapping(state, "values")) if "values" in state else _of_state(state)
        for pointer, what in found:
            yield from _rows(pointer, what, source)
    except ValueError as error:
        reason, _, detail = str(error).partition(": ")
        raise FileRejected(reason, seen=detail, expected="a Terraform state") from None


def _of_state(state: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any] | ValueError]]:
    if state.get("version") != 4:
        raise ValueError(f"unknown_version: the state is of version {state.get('version')!r}, 4 is read (Terraform 0.12 and later)")
    for number, resource in enumerate(listing(state, "resources")):
        pointer = f"/resources/{number}"
        try:
            if not isinstance(resource, dict):
                raise ValueError(f"malformed: a {type(resource).__name__}, expected an object")
            if required(resource, "mode") != "managed":
                continue
            module = scalar(resource, "module")
            address = f"{module}." if module else ""
            address += f"{required(resource, 'type')}.{required(resource, 'name')}"
            instances = listing(resource, "instances")
        except ValueError as error:
            yield pointer, error
            continue
        for index, instance in enumerate(instances):
            where = f"{pointer}/instances/{index}"
            if not isinstance(instance, dict):
                yield where, ValueError(f"malformed: a {type(instance).__name__}, expected an object")
            elif "deposed" not in instance:
                found = {"type": resource["type"], "values": instance.get("attributes")}
                try:
                    yield where, {**found, "address": f"{address}{_index(instance.get('index_key'))}"}
                except ValueError as error:
                    yield where, error


def _of_values(values: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any] | ValueError]]:
    modules = [("/values/root_module", mapping(values, "root_module"))]
    while modules:
        pointer, module = modules.pop(0)
        for number, resource in enumerate(listing(module, "resources")):
            where = f"{pointer}/resources/{number}"
            if not isinstance(resource, dict):
                yield where, ValueError(f"malformed: a {type(resource).__name__}, expected an object")
            elif not isinstance(resource.get("mode"), str):
                yield where, ValueError("missing_mode: the resource has no mode")
            elif resource["mode"] != "data" and "deposed_key" not in resource:
                yield where, resource
        for number, child in enumerate(listing(module, "child_modules")):
            where = f"{pointer}/child_modules/{number}"
            if isinstance(child, dict):
                modules.append((where, child))
            else:
                yield where, ValueError(f"malformed: a {type(child).__name__}, expected an object")


def _index(key: Any) -> str:
    if not isinstance(key, int | str | None):
        raise ValueError(f"bad_index_key: a {type(key).__name__}, expected a number or a text")
    return "" if key is None else f"[{key}]" if isinstance(key, int) else f'["{key}"]'


def _rows(pointer: str, what: dict[str, Any] | ValueError, source: Source) -> Iterator[dict | Reject]:
    try:
        if isinstance(what, ValueError):
            raise what
        rows = _asset(what, source)
    except ValueError as error:
        reason, _, detail = str(error).partition(": ")
        yield Reject(pointer, reason, detail)
        return
    yield from ({"pointer": pointer, **row} for row in rows)


def _listed(tags: list[Any], of: str) -> dict[str, Any]:
    """Tags in a list: objects with key and value, or words. `team:web` says something under a name, `web` only that it is tagged."""
    found: dict[str, Any] = {}
    for tag in tags:
        if isinstance(tag, dict):
            found[required(tag, "key")] = tag.get("value")
        elif isinstance(tag, str):
            name, _, value = tag.partition("=" if "=" in tag else ":")
            found[name] = value
        else:
            raise ValueError(f"bad_{of}: {of} holds a {type(tag).__name__}, expected words, or objects with key and value")
    return found


def _asset(resource: dict[str, Any], source: Source) -> list[dict[str, Any]]:
    address, kind, values = required(resource, "address"), required(resource, "type"), resource.get("values")
    if not isinstance(values, dict):
        raise ValueError(f"missing_attributes: {address} has a {type(values).__name__} for its attributes, expected an object")
    own_id = scalar(values, "id")
    cloud_id = scalar(values, "arn") or scalar(values, "self_link") or (own_id if own_id and own_id.lower().startswith("/subscriptions/") else None)
    tags: dict[str, Any] = {}
    for name in _TAGS:
        held = values.get(name)
        if isinstance(held, dict):
            tags.update(held)
        elif isinstance(held, list):
            tags.update(_listed(held, name))
        elif held is not None:
            raise ValueError(f"bad_{name}: {address} has a {type(held).__name__} for its {name}, expected names with values, or words")
    asset_id = cloud_id or (f"{kind}/{own_id}" if own_id and tags else None)
    if asset_id is None:
        return []
    named = next((text for key in sorted(tags) if key.lower() == "name" and (text := scalar(tags, key))), None)
    spoken = values.get("name")
    aliases = [values[name] for name in _ALIASES if isinstance(values.get(name), str)]
    return Stated(tags, source).rows(
        asset_id=asset_id,
        name=named or (spoken if isinstance(spoken, str) and spoken else None) or own_id,
        plain="team",
        kind=kind,
        aliases=[*aliases, address],
    )
