r"""An export of a journal as lines of JSON, for whoever wants to check it without holdfast.

    {"format":"holdfast-export/1","origin":"example.com/desk","position":46,"checkpoints":2}
    {"checkpoint":1,"note":"example.com/desk\n41\n…","frontier":"…"}                          one for each checkpoint
    {"position":1,"run":"r_7f","seq":1,"digest":"<hex>","data":"{\"v\":1,…}",                one for each entry
     "label":{"trusted":false,"classes":["contact"]}}

`data` is the stored bytes as text; `base64` stands in its place where they are no UTF-8, which only damage makes them.
`label` is what may be said of where the words of an entry came from (`views.carried`); it is no part of what is signed.
Entries are in the order of the feed, up to `position`. Bodies that are kept beside the chain are not in it: the entries
name them by keyed digests. `docs/verify_export.py` checks such a file with nothing of ours.

A *part* holds some runs of a journal, whole, one checkpoint, and of each run the proof that one of its entries, and so all
before it, stands under that checkpoint. It cannot show that no other run was left out. `docs/verify_proof.py` checks one.

    {"format":"holdfast-part/1","origin":…,"position":46,"checkpoints":1,
     "proofs":{"r_7f":{"seq":14,"index":37,"path":["<base64 of a hash>",…]}}}
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from holdfast.errors import JournalDamaged
from holdfast.events import Label
from holdfast.views.checkpoint import Sealed
from holdfast.views.sealing import pack, unpack

FORMAT: Final = "holdfast-export/1"
PART: Final = "holdfast-part/1"


class Placed(msgspec.Struct, frozen=True):
    """Where an entry of a run stands in the tree of a checkpoint, and the proof of it."""

    seq: int
    index: int
    """Which leaf it is, from 0."""
    path: tuple[bytes, ...]


class Header(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first line."""

    format: str
    origin: str
    """Empty where there is no checkpoint."""
    position: int
    """Of the last entry."""
    checkpoints: int
    proofs: dict[str, Placed] = {}
    """Of a part: run → the last of its entries that the checkpoint covers."""

    @property
    def part(self) -> bool:
        """Whether this is only a part of a journal."""
        return self.format == PART


class Exported(msgspec.Struct, frozen=True, gc=False):
    """One entry of an export, as a feed gives it."""

    position: int
    run: str
    seq: int
    data: bytes
    digest: bytes


class _Seal(msgspec.Struct, frozen=True):
    checkpoint: int
    note: str
    frontier: str


class _Said(msgspec.Struct, frozen=True, gc=False):
    """A label that says both of what there is to it."""

    trusted: bool
    classes: tuple[str, ...]


class _Line(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    position: int
    run: str
    seq: int
    digest: str
    data: str = ""
    base64: bytes = b""
    label: _Said | None = None


_encode: Final = msgspec.json.Encoder().encode
_header: Final = msgspec.json.Decoder(Header)
_seal: Final = msgspec.json.Decoder(_Seal)
_line: Final = msgspec.json.Decoder(_Line)


def header_line(header: Header) -> bytes:
    """The first line."""
    return _encode(header) + b"\n"


def seal_line(number: int, sealed: Sealed) -> bytes:
    """The line of a checkpoint."""
    return _encode(_Seal(number, sealed.note, pack(sealed.roots))) + b"\n"


def entry_line(position: int, run: str, seq: int, data: bytes, digest: bytes, label: Label | None = None) -> bytes:
    """The line of an entry. label: of what it says; None where that cannot be told."""
    said = _Said(label.trusted, label.classes) if label is not None else None
    try:
        line = _Line(position, run, seq, digest.hex(), data=data.decode(), label=said)
    except UnicodeDecodeError:
        line = _Line(position, run, seq, digest.hex(), base64=data, label=said)
    return _encode(line) + b"\n"


def read_head(lines: Iterator[bytes]) -> tuple[Header, dict[int, Sealed | None]]:
    """The header of an export and its checkpoints by number, from its lines; what is left in `lines` are entries.

    Raises JournalDamaged where they are not to be read.
    """
    try:
        header = _header.decode(next(lines, b""))
        if header.format not in {FORMAT, PART}:
            raise JournalDamaged(f"this is no export of a journal in a form known here, it says {header.format!r}")
        seals: dict[int, Sealed | None] = {}
        for _ in range(header.checkpoints):
            seal = _seal.decode(next(lines, b""))
            seals[seal.checkpoint] = Sealed(seal.note, unpack(seal.frontier))
    except (msgspec.DecodeError, ValueError) as error:
        raise JournalDamaged(f"the beginning of the export cannot be read: {error}") from None
    return header, seals


def read_entries(lines: Iterable[bytes]) -> Iterator[Exported]:
    """The entries of an export. Raises JournalDamaged at the first line that is none."""
    for number, raw in enumerate(lines, 1):
        try:
            line = _line.decode(raw)
            yield Exported(
                line.position, line.run, line.seq, line.base64 or line.data.encode(), bytes.fromhex(line.digest)
            )
        except (msgspec.DecodeError, ValueError) as error:
            raise JournalDamaged(f"entry {number} of the export cannot be read: {error}") from None
