"""What can go wrong, and whose fault it is.

    HoldfastError
    ├── UserError                 yours: a contract, an input or a call of the library is wrong
    │   ├── ContractError         the contract does not say what it must            exit 3
    │   ├── InputError            the input does not fit the contract               exit 3
    │   ├── Conflict              the same request key came with another input      exit 3
    │   ├── NotAllowed            this person may not do this, or not any more      exit 3
    │   └── UsageError            a command or a method used the wrong way          exit 64
    ├── JournalError              the store's: it could not be read or written      exit 4
    │   ├── JournalLocked         somebody else holds it
    │   ├── JournalDamaged        what is stored is not what was written
    │   ├── JournalNewer          written by a newer holdfast
    │   ├── JournalFull           no room left on the disk
    │   └── JournalReadOnly       the folder or the file cannot be written
    ├── SettingsError             the environment's: a variable, a file, a provider exit 4
    └── Bug                       ours: please report it                            exit 70

Expected failures (a tool that raises, a model that is overloaded, a refused call) are events in the journal and never
exceptions. An exception here means conflict, misuse or a bug; its text says what, whose fault, where, and what to do.
"""

from __future__ import annotations


class HoldfastError(Exception):
    """Something holdfast could not do."""

    exit_code = 70

    def __init__(self, what: str = "", *, run: str = "", seq: int = 0, hint: str = "") -> None:
        self.what = what or (self.__doc__ or "").strip()
        self.run = run
        self.seq = seq
        self.hint = hint
        super().__init__(self.what)

    def __str__(self) -> str:
        where = (
            f" (run {self.run}, entry {self.seq})"
            if self.run and self.seq
            else f" (run {self.run})"
            if self.run
            else ""
        )
        return f"{self.what}{where}" + (f"\n  what to do: {self.hint}" if self.hint else "")

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.run, self.seq, self.hint))


def _rebuild(kind: type[HoldfastError], what: str, run: str, seq: int, hint: str) -> HoldfastError:
    return kind(what, run=run, seq=seq, hint=hint)


class UserError(HoldfastError):
    """Something you gave or asked is wrong."""

    exit_code = 3


class ContractError(UserError):
    """The contract does not say what it must."""


class InputError(UserError):
    """The input does not fit what the contract takes."""


class Conflict(UserError):
    """The same request key was used before with another input."""


class NotAllowed(UserError):
    """This may not be done by this person, or not any more."""


class UsageError(UserError):
    """holdfast was called the wrong way."""

    exit_code = 64


class JournalError(HoldfastError):
    """The journal could not be read or written."""

    exit_code = 4


class JournalLocked(JournalError):
    """The journal is held by another program."""


class JournalDamaged(JournalError):
    """What the journal holds is not what was written to it."""


class JournalNewer(JournalError):
    """The journal was written by a newer holdfast."""


class JournalFull(JournalError):
    """There is no room left where the journal lies."""


class JournalReadOnly(JournalError):
    """The journal cannot be written where it lies."""


class SettingsError(HoldfastError):
    """The environment lacks something this needs: a variable, a file, a package or a provider."""

    exit_code = 4


class Bug(HoldfastError):
    """holdfast broke one of its own rules; please report this."""

    exit_code = 70
