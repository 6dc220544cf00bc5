"""XML from outside: what is hostile or broken is a rejected file, and elements are found whatever their namespace."""

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.xml import child, children, parse_xml, text

BOMB = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><r>&b;</r>'
EXTERNAL = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>'


@pytest.mark.parametrize("content", [BOMB, EXTERNAL, b'<!DOCTYPE r SYSTEM "http://example.org/r.dtd"><r/>'])
def test_a_document_type_is_hostile(content):
    with pytest.raises(FileRejected) as error:
        parse_xml(content)
    assert error.value.reason == "hostile_xml"


@pytest.mark.parametrize(
    "content",
    [
        b"<report><item>cut",
        b"",
        b"no xml",
        b"<r>&unknown;</r>",
        b"<r>\x00</r>",
        '<?xml version="1.0" encoding="utf-8"?><r>\xe4</r>'.encode("latin-1"),
        b'<?xml version="1.0" encoding="no-such-encoding"?><r/>',
        b'<?xml version="1.0" encoding="utf-16"?><r/>',
        b'<?xml version="1.0" encoding="euc-jp"?><r/>',
    ],
)
def test_what_is_not_one_whole_document_is_malformed(content):
    with pytest.raises(FileRejected) as error:
        parse_xml(content)
    assert error.value.reason == "malformed"
    assert error.value.seen and error.value.expected


def test_a_declared_encoding_is_read():
    assert parse_xml('<?xml version="1.0" encoding="iso-8859-1"?><r>\xe4</r>'.encode("latin-1")).text == "ä"


def test_elements_are_found_by_local_name():
    root = parse_xml(b'<n:r xmlns:n="urn:n"><n:a><b> one </b></n:a><n:a><b/></n:a></n:r>')
    assert root.tag == "r"
    assert text(root, "a", "b") == "one"
    assert [text(item, "b") for item in children(root, "a")] == ["one", None]
    assert child(root, "a", "missing", "b") is None and text(root, "missing") is None and children(None, "a") == []
