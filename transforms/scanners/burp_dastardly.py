"""Dastardly's JUnit XML (PortSwigger's free CI scanner), and that of Burp Suite DAST's CI-driven scans: a test suite for each URL.

A test case without a failure is a URL where nothing was found, and no result. One result is one failure: the test case's name is the
issue, the failure's type its severity, the first lines of its text say confidence, host and path. The file has no time, and no number of
the issue type: the rule is the issue's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from transforms.domain import location, portswigger, xml
from transforms.domain.delimited import RAW_LIMIT
from transforms.domain.head import Head
from transforms.domain.result import Reject, Result, Scan

NAME = "burp_dastardly"
TITLE = "Dastardly and Burp Suite DAST in CI (JUnit XML)"
SCANNER = "burp"
CALIBRATION: dict[str, str] = portswigger.SEVERITIES

_NAME = re.compile(r"""\bname\s*=\s*["'][^"']*(?:Dastardly|Burp)""")
_FACT = re.compile(r"^(Severity|Confidence|Host|Path): *(.+?) *$", re.MULTILINE)
_FOUND_AT = re.compile(r"\sfound at (\S+)\s*$")
_CLASSIFICATIONS = "Vulnerability Classifications"


def recognise(head: Head) -> bool:
    return head.xml_root == "testsuites" and bool(_NAME.search(head.xml_attributes))


def parse(content: bytes, scan: Scan) -> Iterator[Result | Reject]:
    root = xml.parse_xml(content)
    for suite_number, suite in enumerate(xml.children(root, "testsuite"), 1):
        for case_number, case in enumerate(xml.children(suite, "testcase"), 1):
            for number, failure in enumerate(xml.children(case, "failure"), 1):
                pointer = f"/testsuites/testsuite[{suite_number}]/testcase[{case_number}]/failure[{number}]"
                body, message = failure.text or "", failure.get("message") or ""
                facts = dict(_FACT.findall(body.partition("Issue Detail")[0]))
                found_at = _FOUND_AT.search(message)
                name = (case.get("name") or message[: found_at.start() if found_at else None]).strip()
                origin = facts.get("Host") or (found_at[1] if found_at else None) or suite.get("name") or ""
                if not name:
                    yield Reject(pointer, "missing_name", "the failure has no name", message[:RAW_LIMIT])
                    continue
                try:
                    if "Host" in facts:
                        url, endpoint = portswigger.address(origin, facts.get("Path"))
                    else:
                        url, endpoint = origin, location.parse_endpoint(origin)
                except ValueError as error:
                    yield Reject(pointer, "malformed", str(error), message[:RAW_LIMIT])
                    continue
                severity = failure.get("type") or facts.get("Severity")
                detail = body.partition("Issue Detail")[2].partition("Issue Background")[0].strip()
                yield Result(
                    pointer=pointer,
                    title=name,
                    identity=(name, suite.get("name"), url, detail),
                    severity=severity,
                    rule=name,
                    vulnerability_ids=portswigger.advisories(name, detail),
                    cwes=portswigger.weaknesses(body.partition(_CLASSIFICATIONS)[2]),
                    endpoint=url,
                    location=location.web(endpoint, portswigger.parameter_in(detail)),
                    target=endpoint.host,
                    source_state=portswigger.state(severity, facts.get("Confidence")),
                )
