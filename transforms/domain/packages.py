"""Names of packages, the same for every scanner: a package URL's namespace joined as the ecosystem itself writes it."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote

#: Ecosystems where the namespace is part of the name, and what joins them. Elsewhere (deb, rpm, apk) it names the distribution.
_JOINTS = {"maven": ":", "npm": "/", "composer": "/", "golang": "/", "swift": "/", "github": "/", "hex": "/"}


def package_name(name: str, purl: str | None = None, group: str | None = None) -> str:
    """`org.apache.logging.log4j:log4j-core`, `@angular/core`, `symfony/http-kernel`; `name` where nothing says more."""
    if not purl or not purl.startswith("pkg:"):
        return f"{group}/{name}" if group and group.startswith("@") else name
    path = purl[4:].partition("#")[0].partition("?")[0].strip("/")
    kind, _, rest = path.partition("/")
    joint = _JOINTS.get(kind.lower())
    if joint is None:
        return name
    namespace, _, last = rest.rpartition("/")
    namespace, last = unquote(namespace), unquote(last.partition("@")[0])
    # Only where the URL is of this very name: some tools attach the URL of a source package or of the image.
    if not namespace or last.lower() != name.lower():
        return name
    return f"{namespace}{joint}{name}"


def purl_name(purl: str) -> str | None:
    """The name in a package URL as `package_name` joins it, without version, qualifiers and subpath; None where there is none."""
    parts = purl_parts(purl)
    return package_name(parts[0], purl) if parts else None


def unversioned(purl: str) -> str:
    """A package URL without version, qualifiers and subpath: what stays the same at each release."""
    path = purl.partition("#")[0].partition("?")[0].rstrip("/")
    head, slash, last = path.rpartition("/")
    return f"{head}{slash}{last.partition('@')[0]}"


def repository_url(purl: str) -> str | None:
    """The image that a package URL of kind oci or docker is of, without tag and digest; None where it does not say it."""
    found = parse_qs(purl.partition("#")[0].partition("?")[2]).get("repository_url")
    # Some tools put only the registry there.
    return found[0].strip("/") if found and "/" in found[0].strip("/") else None


def purl_parts(purl: str) -> tuple[str, str | None] | None:
    """The name and version that a package URL states, or None where it is none: for references to packages that are not listed."""
    if not purl.startswith("pkg:"):
        return None
    path = purl[4:].partition("#")[0].partition("?")[0].strip("/")
    rest, _, version = path.rpartition("@") if "@" in path.rpartition("/")[2] else (path, "", "")
    name = unquote(rest.rpartition("/")[2])
    return (name, unquote(version) or None) if name and "/" in path else None
