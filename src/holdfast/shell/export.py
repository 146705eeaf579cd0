"""Writing a journal out for others, and reading what was written: lines of JSON, or Parquet where `pyarrow` is installed.

A file gets its name when it is whole. What is written is the durable feed up to now, with all checkpoints; see
`views.export` for the form. A Parquet file has the columns position, run, seq, data, digest, trusted and classes, and carries
the header and the checkpoints as lines of JSON in its metadata, under `holdfast`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from holdfast import codec
from holdfast.errors import JournalDamaged, JournalError, SettingsError
from holdfast.events import Label, Loaded, RunOpened, Stored
from holdfast.journal.port import FeedLine, Journal
from holdfast.shell.durable import pages, seals
from holdfast.shell.proofs import checkpoint_at, places
from holdfast.views.access import BESIDE
from holdfast.views.carried import Carried
from holdfast.views.checkpoint import AUDIT, Sealed, read, text_of
from holdfast.views.export import (
    FORMAT,
    PART,
    Exported,
    Header,
    Placed,
    entry_line,
    header_line,
    read_entries,
    read_head,
    seal_line,
)
from holdfast.views.note import NoteError

PARQUET: Final = ".parquet"
_META: Final = b"holdfast"
_COLUMNS: Final = ("position", "run", "seq", "data", "digest")

_Writes: TypeAlias = Callable[[Sequence[FeedLine], Sequence[Label | None]], None]


class Written(Struct, frozen=True):
    """What an export holds."""

    path: str
    entries: int
    checkpoints: int
    position: int
    runs: int = 0
    """Of a part: how many there are in it; and how many of them no checkpoint covers."""
    unproven: int = 0


async def export(journal: Journal, path: Path | str) -> Written:
    """Write a journal to a file: Parquet where its name ends so, else lines of JSON.

    Raises SettingsError where Parquet cannot be written here, JournalError where the file cannot.
    """
    taken = await seals(journal)
    whole = {number: sealed for number, sealed in taken.items() if sealed is not None}
    until = journal.watermark()
    header = Header(FORMAT, _origin(whole.values()), until, len(whole))
    count, _ = await _write(journal, Path(path), header, whole, None)
    return Written(str(path), count, len(whole), until)


async def export_part(journal: Journal, path: Path | str, runs: Set[str], number: int = 0) -> Written:
    """Write some runs of a journal to a file, with the proof that each stands under checkpoint `number`, or the last one.

    A journal without checkpoints gives a part without proofs. Raises what `export` does; UsageError where there is no such
    checkpoint, JournalDamaged where the journal is not what was signed.
    """
    until, whole, proofs = journal.watermark(), dict[int, Sealed](), dict[str, Placed]()
    if number or await journal.row(AUDIT) is not None:
        number, sealed = await checkpoint_at(journal, number)
        whole[number] = sealed
        proven = await places(journal, runs, sealed, number)
        proofs = {run: Placed(proof.seq, proof.index, proof.path) for run, proof in proven.items()}
    last = 0
    async for page in pages(journal, 0, until):
        last = max((line.position for line in page if line.run in runs), default=last)
    header = Header(PART, _origin(whole.values()), last, len(whole), proofs)
    count, there = await _write(journal, Path(path), header, whole, runs)
    return Written(str(path), count, len(whole), last, len(there), len(there - set(proofs)))


async def _write(
    journal: Journal, path: Path, header: Header, whole: Mapping[int, Sealed], runs: Set[str] | None
) -> tuple[int, set[str]]:
    """Write an export: of these runs only, if they are named. How many entries it has, and of a part, the runs in it."""
    head = [header_line(header), *(seal_line(number, sealed) for number, sealed in whole.items())]
    count, there, labelling = 0, set[str](), _Labelling(journal)
    with (_parquet if path.suffix == PARQUET else _jsonl)(path, head) as write:
        async for page in pages(journal, 0, header.position):
            lines = page if runs is None else [line for line in page if line.run in runs]
            write(lines, [await labelling.of(line) for line in lines])
            count += len(lines)
            if runs is not None:
                there.update(line.run for line in lines)
    return count, there


class _Labelling:
    """The labels of entries as they come in the order of the feed, run beside run."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._runs: dict[str, Carried | None] = {}

    async def of(self, line: FeedLine) -> Label | None:
        """The label of what the next entry says; None from an entry of its run on that cannot be read."""
        carried = self._runs.setdefault(line.run, Carried())
        if carried is None or line.run in BESIDE:
            return None
        try:
            entry = codec.decode(line.data)
        except JournalError:  # it is written as it stands there, and whoever verifies it will say so
            self._runs[line.run] = None
            return None
        opened = entry.event
        if isinstance(opened, RunOpened) and isinstance(opened.contract, Stored):
            # it says which parts of the input anyone may have written
            contract = await self._journal.blob(opened.contract.ref)
            if contract is not None:
                body = Loaded(opened.contract.ref, opened.contract.size, codec.parse(contract))
                entry = msgspec.structs.replace(entry, event=msgspec.structs.replace(opened, contract=body))
        return carried.take(entry)


def _origin(seals: Iterable[Sealed]) -> str:
    for sealed in seals:
        try:
            return read(text_of(sealed.note)).origin
        except NoteError:
            continue
    return ""


@contextmanager
def _made(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place when it is whole."""
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise JournalError(f"the export cannot be written to {path}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _jsonl(path: Path, head: Sequence[bytes]) -> Iterator[_Writes]:
    with _made(path) as part, part.open("wb") as file:
        file.writelines(head)
        yield lambda page, labels: file.writelines(
            [
                entry_line(line.position, line.run, line.seq, line.data, line.digest, label)
                for line, label in zip(page, labels, strict=True)
            ]
        )
        file.flush()


@contextmanager
def _parquet(path: Path, head: Sequence[bytes]) -> Iterator[_Writes]:
    arrow, parquet = _arrow()
    schema = arrow.schema(
        [
            ("position", arrow.int64()),
            ("run", arrow.string()),
            ("seq", arrow.int64()),
            ("data", arrow.binary()),
            ("digest", arrow.binary()),
            ("trusted", arrow.bool_()),
            ("classes", arrow.list_(arrow.string())),
        ],
        metadata={_META: b"".join(head)},
    )

    def write(page: Sequence[FeedLine], labels: Sequence[Label | None]) -> None:
        columns: list[list[Any]] = [[getattr(line, name) for line in page] for name in _COLUMNS]
        columns.append([label.trusted if label is not None else None for label in labels])
        columns.append([list(label.classes) if label is not None else None for label in labels])
        writer.write_table(arrow.table(columns, schema=schema))

    with _made(path) as part, parquet.ParquetWriter(part, schema, compression="zstd") as writer:
        yield write


def _arrow() -> tuple[Any, Any]:
    """The modules that know Parquet. Raises SettingsError where they are not installed."""
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise SettingsError("Parquet needs the package pyarrow", hint='pip install "holdfast[parquet]"') from None


@contextmanager
def reading(path: Path | str) -> Iterator[tuple[Header, dict[int, Sealed | None], Iterator[Exported]]]:
    """The header of an export, its checkpoints by number, and its entries as they are read.

    Raises JournalDamaged where it is no export, JournalError where there is none.
    """
    path = Path(path)
    try:
        if path.suffix == PARQUET:
            with _table(path) as file:
                head = (file.schema_arrow.metadata or {}).get(_META, b"").splitlines()
                yield *read_head(iter(head)), _rows(file)
        else:
            with path.open("rb") as lines:
                yield *read_head(lines), read_entries(lines)
    except OSError as error:
        raise JournalError(f"the export {path} cannot be read: {error.strerror or error}") from error


@contextmanager
def _table(path: Path) -> Iterator[Any]:
    arrow, parquet = _arrow()
    try:
        file = parquet.ParquetFile(path)
    except arrow.ArrowInvalid as error:
        raise JournalDamaged(f"{path} is no Parquet file: {error}") from None
    with file:
        yield file


def _rows(file: Any) -> Iterator[Exported]:
    for batch in file.iter_batches(columns=list(_COLUMNS)):
        for row in zip(*(batch.column(name).to_pylist() for name in _COLUMNS), strict=True):
            yield Exported(*row)
