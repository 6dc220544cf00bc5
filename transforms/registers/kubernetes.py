"""Kubernetes manifests and `kubectl get … -o yaml|json`: several documents, lists and typed lists.

Workloads (Deployment, StatefulSet, DaemonSet, CronJob, Job, ReplicaSet, ReplicationController, Pod, and Argo's Rollout and Knative's Service) are
assets by `NAMESPACE/KIND/NAME`, behind the cluster's name where the sidecar's `target` says it: two clusters may have the same names. What another
object owns (a ReplicaSet of a Deployment, a Pod) is no asset of its own.

- Name is `NAMESPACE/NAME`; aliases are the bare name, the images of every container without tag and digest, and the hosts of Ingresses in the same file
  that lead to it through a Service.
- Team, owner, application, environment and the like are the labels and annotations that the policy names, of the workload, else of its pod
  template, else of its Namespace where that is in the file. An owner without an @ or a word before it is a team.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from transforms.domain.delimited import RAW_LIMIT
from transforms.domain.head import Head
from transforms.domain.manifests import listing, mapping, objects, read_manifests, required, scalar
from transforms.domain.result import Reject
from transforms.domain.source import Source
from transforms.domain.stated import Stated, untagged

NAME = "kubernetes"
TITLE = "Kubernetes manifests (YAML or JSON)"
KINDS = ("assets", "ownership")

_WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "ReplicaSet", "ReplicationController", "Pod", "Rollout")
_API_VERSION = re.compile(rb"^[ \t]*apiVersion[ \t]*:[ \t]*[\"']?(?!(?:[\w-]+\.)?backstage\.io/)[\w./-]+[\"']?[ \t]*\r?$", re.MULTILINE)
_KIND = re.compile(rb"^[ \t]*kind[ \t]*:[ \t]*[\"']?[A-Z]\w*[\"']?[ \t]*\r?$", re.MULTILINE)
_OTHER = re.compile(rb"^[ \t]*[\"']?apiVersion[\"']?[ \t]*:[ \t]*[\"']?(?:[\w-]+\.)?backstage\.io/", re.MULTILINE)


def recognise(head: Head) -> bool:
    if head.is_json_list:
        return False
    if head.is_json_object:
        version, kind = head.value("apiVersion"), head.value("kind")
        if not isinstance(version, str) or not isinstance(kind, str) or not {"metadata", "items"} & head.json.keys() or "backstage.io/" in version:
            return False
        items = head.value("items")
        first = items[0] if isinstance(items, list) and items else {}
        return not (isinstance(first, dict) and "backstage.io/" in str(first.get("apiVersion")))
    return bool(_API_VERSION.search(head.content) and _KIND.search(head.content)) and not _OTHER.search(head.content)


def _shown(raw: str) -> str:
    """What is kept of a document that is rejected: nothing of a Secret."""
    return "" if "Secret" in raw else raw[:RAW_LIMIT]


class _File(NamedTuple):
    """What the objects of one file say of each other."""

    #: Labels and annotations of a namespace.
    namespaces: dict[str, dict[str, Any]]
    #: (namespace, selector, hosts) of the Services that Ingresses lead to.
    hosts: list[tuple[str, dict[str, Any], list[str]]]


def parse(content: bytes, source: Source) -> Iterator[dict | Reject]:
    found = list(read_manifests(content))
    file = _file([item[1] for item in found if not isinstance(item, Reject)])
    for item in found:
        if isinstance(item, Reject):
            yield Reject(item.pointer, item.reason, item.detail, _shown(item.raw))
            continue
        pointer, thing, raw = item
        try:
            rows = _rows(thing, file, source)
        except ValueError as error:
            reason, _, detail = str(error).partition(": ")
            yield Reject(pointer, reason, detail, _shown(raw))
            continue
        yield from ({"pointer": pointer, **row} for row in rows)


def _file(things: list[dict[str, Any]]) -> _File:
    """What namespaces, Services and Ingresses say; one that cannot be read says nothing of others."""
    namespaces: dict[str, dict[str, Any]] = {}
    selectors: dict[tuple[str, str], dict[str, Any]] = {}
    behind: dict[tuple[str, str], list[str]] = {}
    for thing in things:
        try:
            kind, metadata = scalar(thing, "kind"), mapping(thing, "metadata")
            if kind == "Namespace":
                namespaces[required(metadata, "name")] = _said(metadata)
            elif kind == "Service":
                selectors[_namespace(metadata), required(metadata, "name")] = _selector(thing)
            elif kind == "Ingress":
                for service, host in _routes(mapping(thing, "spec")):
                    behind.setdefault((_namespace(metadata), service), []).append(host)
        except ValueError:
            continue  # rejected where it stands
    return _File(namespaces, [(key[0], selectors[key], hosts) for key, hosts in sorted(behind.items()) if selectors.get(key)])


def _selector(service: dict[str, Any]) -> dict[str, str | None]:
    found = mapping(mapping(service, "spec"), "selector")
    return {name: scalar(found, name) for name in found}


def _routes(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(Service, host) of each rule of an Ingress, `networking.k8s.io/v1` or before."""
    for rule in objects(spec, "rules"):
        host = scalar(rule, "host")
        for path in objects(mapping(rule, "http"), "paths"):
            backend = mapping(path, "backend")
            service = scalar(mapping(backend, "service"), "name") or scalar(backend, "serviceName")
            if service and host:
                yield service, host


def _rows(thing: dict[str, Any], file: _File, source: Source) -> list[dict[str, Any]]:
    required(thing, "apiVersion")
    kind = required(thing, "kind")
    metadata = mapping(thing, "metadata")
    is_workload = kind in _WORKLOADS or (kind == "Service" and required(thing, "apiVersion").startswith("serving.knative.dev/"))
    if not is_workload:
        _check(thing, kind, metadata)
        return []
    if listing(metadata, "ownerReferences"):
        return []
    name, namespace = required(metadata, "name"), _namespace(metadata)
    template = _template(thing, kind)
    pod = mapping(template, "spec")
    containers = [*listing(pod, "initContainers"), *listing(pod, "containers")]
    if not containers:
        raise ValueError("missing_containers: the workload has no containers")
    images = [_image(container) for container in containers]
    labels = mapping(mapping(template, "metadata"), "labels")
    hosts = [host for space, selector, found in file.hosts if space == namespace and all(labels.get(key) == value for key, value in selector.items()) for host in found]
    own, inner, around = _said(metadata), _said(mapping(template, "metadata")), file.namespaces.get(namespace, {})
    cluster = f"{source.target}/" if source.target else ""
    stated = Stated({**around, **inner, **own}, source)
    return stated.rows(
        asset_id=f"{cluster}{namespace}/{kind.lower()}/{name}",
        name=f"{cluster}{namespace}/{name}",
        plain="team",
        kind=kind.lower(),
        aliases=[name, *images, *hosts],
    )


def _check(thing: dict[str, Any], kind: str, metadata: dict[str, Any]) -> None:
    """Raises ValueError for what is wrong with an object that is read for the workloads of the file."""
    if kind in ("Namespace", "Service", "Ingress"):
        required(metadata, "name")
        _namespace(metadata)
        _said(metadata)
        if kind == "Service":
            _selector(thing)
        if kind == "Ingress":
            list(_routes(mapping(thing, "spec")))


def _template(thing: dict[str, Any], kind: str) -> dict[str, Any]:
    """What the pods of a workload are made from."""
    if kind == "Pod":
        return thing
    spec = mapping(thing, "spec")
    return mapping(mapping(mapping(spec, "jobTemplate"), "spec") if kind == "CronJob" else spec, "template")


def _image(container: Any) -> str:
    if not isinstance(container, dict):
        raise ValueError(f"bad_containers: a {type(container).__name__}, expected an object")
    return untagged(required(container, "image"))


def _namespace(metadata: dict[str, Any]) -> str:
    return scalar(metadata, "namespace") or "default"


def _said(metadata: dict[str, Any]) -> dict[str, Any]:
    """Labels over annotations."""
    return {**mapping(metadata, "annotations"), **mapping(metadata, "labels")}
