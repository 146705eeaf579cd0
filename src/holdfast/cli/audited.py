"""What the verbs about checkpoints share: the key that signs, the keys that are trusted, and the anchors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from holdfast.errors import SettingsError, UsageError
from holdfast.shell.anchor_urls import anchor_at
from holdfast.shell.anchors import Anchor
from holdfast.shell.keys import load_signer
from holdfast.views.note import Key, Signer, read_key

KeyFile: TypeAlias = Annotated[
    str,
    typer.Option(
        "--key", metavar="FILE", envvar="HOLDFAST_AUDIT_KEY", help="The key that signs checkpoints.", show_envvar=True
    ),
]
Pubs: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--pub", metavar="FILE", envvar="HOLDFAST_AUDIT_PUB", show_envvar=True,
        help="Public keys that are trusted, one a line; may be repeated.",
    ),
]  # fmt: skip
Anchors: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--anchor", metavar="URL", envvar="HOLDFAST_AUDIT_ANCHORS", show_envvar=True,
        help="Where copies are kept: a path, or git+URL; may be repeated.",
    ),
]  # fmt: skip


def signer(path: str) -> Signer:
    """The key that signs. Raises UsageError where none is named, SettingsError where there is none."""
    if not path:
        raise UsageError(
            "a checkpoint is signed, and no key was named",
            hint="holdfast checkpoint --make-key FILE makes one; then --key FILE, or HOLDFAST_AUDIT_KEY",
        )
    return load_signer(path)


def public_keys(given: Sequence[str] | None) -> list[Key]:
    """The keys in files with one on each line, or written out. Raises SettingsError, or UsageError for what is no key."""
    found: list[Key] = []
    for one in given or ():
        text = one if not Path(one).exists() and "+" in one else _text(one)
        found += [read_key(line) for line in text.splitlines() if line.strip()]
    return found


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"the public key {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"there is no public key in {path}") from None


def anchors(urls: Sequence[str] | None) -> list[Anchor]:
    """The anchors at some URLs. Raises UsageError for one that names none."""
    return [anchor_at(url) for url in urls or ()]


def key_name(key: Key) -> str:
    """A key as people tell it from others: its name, and its number."""
    return f"{key.name}+{key.id.hex()}"
