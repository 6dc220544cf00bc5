"""Contents that no tool can be told by are claimed by no format: a file that says nothing must not count as a clean scan of anything."""

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.scanners import formats, recognise

#: What a tool writes where it found nothing, though others might: its own report, held to by a golden file or its documentation.
EMPTY_REPORTS = {
    b'{"findings": []}': "generic",
    b'{"results": [], "errors": []}': "semgrep",
    b'{"results": null}': "tfsec",
}


@pytest.mark.parametrize(
    "content",
    [
        b"", b" \r\n", b"\xef\xbb\xbf", b"\0\0\0\0", b"null", b"true", b"0", b"-1.5e3", b'""', b'"text"', b"[]", b"[[]]", b"[[], []]", b"[null]",
        b"[0]", b'[""]', b"{}", b"[{}]", b"{}\n{}\n", b'{"": {}}', b"{\"name\": \"x\"}", b'{"version": "1"}', b'{"version": "2.1.0"}',
        b'{"runs": []}', b'{"results": []}', b'{"Results": null}', b'{"vulnerabilities": []}', b'{"vulnerabilities": null}', b'{"findings": null}',
        b'{"issues": []}', b'{"alerts": []}', b'{"matches": []}', b'{"data": []}', b'{"items": []}', b'{"dependencies": []}', b'{"site": []}',
        b'{"error": "Unauthorized"}', b'{"message": "Not Found", "documentation_url": "https://docs.example"}', b'{"errors": []}',
        b"<a/>", b"<report/>", b"<issues/>", b"<results/>", b"<testsuite/>", b"<html></html>", b"<!doctype html><html><body></body></html>",
        b"id\n", b"a,b,c\n1,2,3\n", b"Name,Severity\n", b'"a"\n',
    ],
)  # fmt: skip
def test_no_format_claims_it(content):
    assert [name for name, module in formats().items() if module.recognise(Head(content))] == []


@pytest.mark.parametrize("content, format", EMPTY_REPORTS.items())
def test_a_tools_own_report_of_nothing_is_its_own_alone(content, format):
    assert [name for name, module in formats().items() if module.recognise(Head(content))] == [format]
    assert list(formats()[format].parse(content, None)) == []


@pytest.mark.parametrize("content", [b"null", b" []\n", b"{}", b"[[]]", b"7"])
def test_the_reason_says_that_it_names_no_tool(content):
    with pytest.raises(FileRejected, match="says nothing of any tool") as error:
        recognise(Head(content))
    assert error.value.reason == "unknown_format"
