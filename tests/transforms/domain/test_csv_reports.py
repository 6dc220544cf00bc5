"""CSV reports: delimiters, byte-order mark, broken rows."""

import pytest

from transforms.domain.csv_reports import columns, rows
from transforms.domain.errors import FileRejected
from transforms.domain.head import Head
from transforms.domain.result import Reject


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_tells_the_delimiter(delimiter):
    content = (
        b"\xef\xbb\xbf" + delimiter.join(["Host", "Port", "Name"]).encode() + b"\r\n" + delimiter.join(["h", "", '"a, b; c\nd"']).encode()
    )
    assert [row for _, row, _ in rows(content)] == [{"host": "h", "name": "a, b; c\nd"}]
    assert columns(Head(content)) == {"host", "port", "name"}


def test_a_file_cut_inside_a_cell_ends_with_a_reject():
    good, bad = rows(b'a,b\n1,2\n3,"cut')
    assert good[1] == {"a": "1", "b": "2"} and isinstance(bad, Reject) and bad.pointer == "row 3"


def test_another_encoding_is_a_rejected_file():
    with pytest.raises(FileRejected) as error:
        list(rows("a,b\nä,1".encode("latin-1")))
    assert error.value.reason == "encoding"


def test_a_blank_row_is_no_row():
    assert [pointer for pointer, _, _ in rows(b"a,b\n,,\n\n1,2\n")] == ["row 4"]
