"""HTML from outside: a plain tree, in time that grows with the document and no faster."""

import pytest

from transforms.domain.errors import FileRejected
from transforms.domain.html import parse_html


def test_a_tree_with_texts_attributes_and_classes():
    document = "<!DOCTYPE html><html><!-- <p> --><P class='a b' id=x>1 &lt; 2<br>3</p><style>p > a {}</style></html>"
    [paragraph] = parse_html(document.encode()).walk("p")
    assert paragraph.text == "1 < 2 3" and paragraph.has_class("b") and paragraph.attributes["id"] == "x"


def test_quoted_signs_unclosed_elements_and_strange_end_tags():
    [cell] = parse_html(b"<html><tr title='a > b'><td>1 < 2</i></tr></html>").walk("td")
    assert cell.text == "1 < 2"


@pytest.mark.parametrize(
    "hostile",
    [b"<!--", b"<", b"<a ", b"<a '\"", b"<![x", b"<script>", b"<a>", b"</b>", b"&#" + b"9" * 5000 + b";"],
    ids=lambda text: text[:6].decode(),
)
@pytest.mark.parametrize("end", [b"", b"</html>"])
def test_hostile_repetition_is_read_or_rejected_at_once(hostile, end):
    try:
        assert isinstance(parse_html(b"<html>" + hostile * 20_000 + end).text, str)
    except FileRejected as error:
        assert error.reason == "malformed"


@pytest.mark.parametrize(("content", "reason"), [(b"<html>", "malformed"), (b"", "malformed"), (b"<html>\xff</html>", "encoding")])
def test_what_is_cut_off_or_no_text_is_rejected(content, reason):
    with pytest.raises(FileRejected, match=reason):
        parse_html(content)
