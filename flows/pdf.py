"""The report as PDF, by PlutoPrint: a renderer of pages in a wheel, which needs no browser and no system package (docs/decisions)."""

from __future__ import annotations

import io
from datetime import datetime

from transforms.domain.errors import RunError, UsageError


def pdf(page: str, title: str, as_of: datetime) -> bytes:
    """The page's HTML as A4 pages. The same page, renderer and fonts give the same bytes: the only dates in it are those of `as_of`.

    Raises `UsageError` where the renderer is not installed, `RunError` where no font is, and where the page asks for anything that is not in it.
    """
    try:
        import plutoprint
    except ImportError as error:
        remedy = "pip install plutoprint (Linux x86-64, macOS arm64, Windows), or print the HTML from a browser"
        raise UsageError("--format pdf", seen=f"plutoprint cannot be imported: {error}", expected="the package plutoprint", remedy=remedy) from None

    asked: list[str] = []

    class NothingElse(plutoprint.ResourceFetcher):
        def fetch_url(self, url: str) -> None:
            asked.append(url)
            raise ValueError(url)

    book = plutoprint.Book(plutoprint.PAGE_SIZE_A4, media=plutoprint.MEDIA_TYPE_PRINT)
    book.custom_resource_fetcher = NothingElse()
    # Links within the page need an address that they are relative to; nothing is ever asked of it.
    book.load_html(page, base_url="https://report.invalid/")
    stamp = f"{as_of.isoformat()}Z"
    for name, value in (
        (plutoprint.PDF_METADATA_TITLE, title),
        (plutoprint.PDF_METADATA_CREATION_DATE, stamp),
        (plutoprint.PDF_METADATA_MODIFICATION_DATE, stamp),
    ):
        book.set_metadata(name, value)
    stream = io.BytesIO()
    book.write_to_pdf_stream(stream)
    content = stream.getvalue()
    if asked:
        raise RunError("report", seen=f"the page asks for {asked[0][:80]!r}", expected="a page with everything in it")
    if b"/FontFile" not in content:
        raise RunError("--format pdf", seen="no font is installed: there would be no letters in it", remedy="install one (Debian: fonts-liberation), or print the HTML from a browser")
    return content
