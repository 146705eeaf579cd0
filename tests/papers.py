"""PDFs for tests, made of bytes: good ones, and such as are meant to harm who reads them."""

from __future__ import annotations

import zlib

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
IBAN = "DE89370400440532013000"


def pdf(*pages: str) -> bytes:
    """A PDF with these lines of text, a page each."""
    shown = [
        " ".join(["BT /F1 12 Tf 72 700 Td", *(f"({line}) Tj 0 -20 Td" for line in page.split("\n")), "ET"])
        for page in pages
    ]
    return drawn(*[page.encode("latin-1") for page in shown])


def drawn(*pages: bytes, packed: bool = False) -> bytes:
    """A PDF whose pages are drawn by these programs."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * at) for at in range(len(pages)))
    made = [
        b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(pages)),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]  # fmt: skip
    for at, page in enumerate(pages):
        data = zlib.compress(page, 9) if packed else page
        pack = b"/Filter/FlateDecode" if packed else b""
        inside = b"/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R" % (5 + 2 * at)
        made += [
            b"<</Type/Page/Parent 2 0 R%s>>" % inside,
            b"<<%s/Length %d>>stream\n%s\nendstream" % (pack, len(data), data),
        ]
    return objects(*made)


def objects(*made: bytes, trailer: bytes = b"") -> bytes:
    """A PDF of these objects; the first is its catalogue."""
    out, places = b"%PDF-1.7\n", []
    for number, one in enumerate(made, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (len(made) + 1, trailer, len(out))
    return out + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(made) + 1, table) + end
