"""Signing keys in files: made once, kept outside the journal, readable by their owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from holdfast.errors import SettingsError, UsageError
from holdfast.views.note import Key, Signer, read_signer


def make_key(path: Path | str, name: str) -> Key:
    """Make a key that signs as `name` (the origin of the checkpoints), in a new file, and give the public one.

    The public one is written beside it, with `.pub` added to the name. Raises UsageError where there are such files
    already, or the name cannot stand in a note.
    """
    signer = Signer(name, secrets.token_bytes(32))
    public = Path(f"{path}.pub")
    if public.exists():
        raise _there(public)
    _write(Path(path), signer.secret_text(), 0o600)
    _write(public, str(signer.key), 0o644)
    return signer.key


def _write(path: Path, text: str, mode: int) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        raise _there(path) from None
    except OSError as error:
        raise SettingsError(f"the key cannot be written to {path}: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(handle)


def _there(path: Path) -> UsageError:
    return UsageError(f"there is a file {path} already", hint="a key is never written over")


def load_signer(path: Path | str) -> Signer:
    """The key in a file. Raises SettingsError where there is none, or others may read it."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise SettingsError(f"the signing key {path} may be read by others", hint=f"chmod 600 {path}")
            text = file.read(10_000)
    except OSError as error:
        raise SettingsError(f"the signing key {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"there is no signing key in {path}") from None
    try:
        return read_signer(text)
    except UsageError as error:
        raise SettingsError(f"there is no signing key in {path}: {error.what}", hint=error.hint) from None
