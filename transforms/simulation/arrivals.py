"""What arrives: which weakness of which service, how bad, and which scanners come upon it first."""

from __future__ import annotations

from transforms.domain.vocabulary import BAND_RANK, RATED_BANDS
from transforms.simulation.hours import DAY, HOUR
from transforms.simulation.story import Finding
from transforms.simulation.world import BEGIN, END, ROUND, Cell, Service

#: Vulnerabilities that the catalogue of exploited ones lists since before the first day.
EXPLOITED = tuple(f"CVE-2024-{number}" for number in range(30_001, 30_041))
_PACKAGES = (
    "openssl",
    "zlib",
    "curl",
    "expat",
    "glibc",
    "libxml2",
    "krb5",
    "sqlite",
    "lodash",
    "axios",
    "minimist",
    "moment",
    "express",
    "handlebars",
    "semver",
    "tar",
)
_WEAKNESSES = (
    "Buffer overflow",
    "Use after free",
    "Path traversal",
    "Prototype pollution",
    "Request smuggling",
    "Missing validation",
    "Weak cipher",
    "Open redirect",
)
_BANDS = ("critical", "high", "medium", "low")
_BAND_WEIGHTS = (12, 28, 38, 22)


class Arrivals:
    """The findings of one cell as they are first seen; what is seen of them later follows from their stories."""

    def __init__(self, cell: Cell) -> None:
        self.cell, self.rng = cell, cell.rng
        self.findings: list[Finding] = []
        self._used: dict[str, set[str]] = {}
        if cell.findings >= 200 or cell.number % 3 == 0:
            self._burst(min(26, cell.findings))
        while len(self.findings) < cell.findings:
            service = self.rng.choice(cell.services)
            self._find(service, self.rng.randrange((END - 6 * DAY - service.phase) // ROUND + 1), 0)

    def _burst(self, count: int) -> None:
        """Many findings of one service at one scan: a new feed of advisories, a first scan."""
        service = next(
            (one for one in self.cell.services if one.profile in ("image", "host") and one.condition in ("sound", "former_owner")), None
        )
        if service is None:
            return
        number = self.rng.randrange(2, 7)
        start = service.phase + number * ROUND
        owner = self.cell.quiet[-1]
        if not owner.reserve(start - 3 * DAY, start + 3 * DAY):
            return
        service.owner = owner
        for position in range(1, count + 1):
            self._find(service, number, position)

    def _find(self, service: Service, number: int, burst: int) -> None:
        """One finding that the scans of that round see first; `burst` is its place in a burst of arrivals, 0 for none."""
        rng, kind = self.rng, service.profile
        finding = Finding(len(self.findings) + 1, service, {}, [], burst=burst)
        is_steady = service.condition not in ("unregistered", "ambiguous")
        has_cve = kind in ("image", "repository", "host") or (kind == "web" and rng.random() < 0.6)
        band = rng.choices(_BANDS, _BAND_WEIGHTS)[0]
        # ZAP has no word for critical: a finding that another scanner calls so would be rated by whoever came first.
        is_overlapped = is_steady and not burst and has_cve and rng.random() < 0.5 and not (kind == "web" and band == "critical")
        is_shadowed = is_steady and not has_cve and kind in ("code", "web") and band != "critical" and rng.random() < 0.15
        word = band
        if has_cve:
            band, word = self._rate(finding, band)
        finding.fact |= self._fact(service, finding.serial)
        start = service.phase + number * ROUND
        # GitHub looks all the time: its alert is older than the round in which it is exported.
        first = max(start - rng.randrange(HOUR, 13 * DAY, 1_000), BEGIN + HOUR) if kind == "repository" else start
        finding.bands = [(first, band)]
        finding.sightings = [(finding.scanner, first, word)]
        if is_overlapped or is_shadowed:
            at = start + service.offset
            if kind == "repository" and at < first:
                at += ROUND
            self._see_again(finding, at, word, can_raise=is_overlapped and kind != "web")
            if is_overlapped:  # who only shadows it is not known to see the same
                finding.bands[0] = (min(at for _, at, _ in finding.sightings), band)
        self.findings.append(finding)

    def _rate(self, finding: Finding, band: str) -> tuple[str, str]:
        """The workspace's band and the scanner's own word of a known vulnerability: its listing and its vector go before the word."""
        rng, service = self.rng, finding.service
        is_exploited = rng.random() < 0.02
        finding.fact["cve"] = cve = self._cve(service, EXPLOITED if is_exploited else None)
        if is_exploited and cve in EXPLOITED:
            return min(band, "high", key=BAND_RANK.__getitem__), band
        # Only where the asset's criticality leaves the vector's base score as it is.
        if service.profile != "web" and service.criticality in ("medium", "") and rng.random() < 0.3:
            finding.fact["rated"] = band
            if band != "low" and rng.random() < 0.3:
                return band, RATED_BANDS[BAND_RANK[band] + 1]
        return band, band

    def _see_again(self, finding: Finding, at: int, word: str, *, can_raise: bool) -> None:
        """The second scanner comes upon it, and may rate it more severely than the first one did."""
        rng, (first, band) = self.rng, finding.bands[0]
        is_raised = can_raise and at > first and "rated" not in finding.fact and band != "critical" and rng.random() < 0.15
        if is_raised:
            word = RATED_BANDS[rng.randrange(BAND_RANK[band])]
        if at > END:
            return
        finding.sightings.append((list(finding.service.targets)[1], at, word))
        if is_raised:
            finding.bands.append((at, word))

    def _cve(self, service: Service, among: tuple[str, ...] | None) -> str:
        used = self._used.setdefault(service.asset_id, set())
        while True:
            cve = self.rng.choice(among) if among else f"CVE-{self.rng.randrange(2021, 2026)}-{self.rng.randrange(40_000, 99_999)}"
            if cve not in used:
                used.add(cve)
                return cve
            among = None  # every one of them is there already

    def _fact(self, service: Service, serial: int) -> dict[str, str]:
        rng = self.rng
        weakness, mark = rng.choice(_WEAKNESSES), f"{rng.getrandbits(64):016x}"
        title = f"{weakness} ({self.cell.number}-{serial})"
        name = f"{self.cell.number:04d}{serial:06d}"
        if service.profile in ("image", "repository"):
            package = {
                "package": rng.choice(_PACKAGES),
                "version": f"{rng.randrange(1, 9)}.{rng.randrange(20)}.{rng.randrange(9)}",
                "title": title,
            }
            if service.profile == "image":
                return package | {
                    "rule": "AWSInspector",
                    "own_id": f"arn:aws:inspector2:eu-west-1:{service.targets['inspector'].split(':')[4]}:finding/{mark}{name}",
                }
            # Some advisories are known to each of the two scanners by another name: only the alias list says that they are one.
            names = {"is_aliased": "yes"} if rng.random() < 0.15 else {}
            return package | names | {"ghsa": f"GHSA-{name[:4]}-{name[2:6]}-{name[6:]}", "own_id": f"RVA_kw{mark}{name}"}
        if service.profile == "host":
            return {
                "rule": f"{100_000 + serial}",
                "title": title,
                "port": rng.choice(("22", "443", "5432", "8443")),
                "own_id": f"{mark[:8]}-{mark[8:12]}-{name}",
            }
        if service.profile == "web":
            url = f"https://{service.targets['pentest']}/{rng.choice(('api', 'shop', 'admin'))}/{serial}"
            return {
                "rule": f"{90_000 + serial}",
                "title": title,
                "url": url,
                "param": rng.choice(("q", "id", "next")),
                "own_id": f"PT-{name}",
            }
        if service.profile == "code":
            rule, path = (
                f"{rng.choice(('python', 'java', 'go'))}.{weakness.lower().replace(' ', '-')}",
                f"src/module{rng.randrange(40)}/file{serial}.py",
            )
            return {
                "rule": rule,
                "title": title,
                "file": path,
                "line": str(rng.randrange(5, 900)),
                "own_id": f"{mark}{name}",
                "second_id": f"s{mark}{name}",
            }
        return {"rule": f"security-control/EC2.{serial}", "title": title, "own_id": f"arn:aws:securityhub:eu-west-1::finding/{mark}{name}"}
