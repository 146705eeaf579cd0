"""Who is told outside: a command that gets a notice as JSON on its stdin, or a webhook that gets it as a signed request.

Whatever goes wrong over there is an answer, never an error of ours: whoever sends decides what follows. Nothing of what a
receiver says is kept: an exit code, or a status, is all that is looked at.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import os
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from msgspec import Struct

from holdfast import units
from holdfast.errors import SettingsError
from holdfast.version import VERSION

if TYPE_CHECKING:
    import httpx2

    from holdfast.shell.place import Notify

COMMAND_TIMEOUT: Final = 20.0
"""Seconds a command may take. It must be less than a claim lasts (see `holdfast.shell.notify`)."""

WEBHOOK_TIMEOUT: Final = 10.0
"""Seconds a request may take, with everything."""

LONGEST: Final = 3600.0
"""Seconds that `Retry-After` may ask for."""

KEY_BYTES: Final = 16
"""What a key has at least."""

SIGNATURE: Final = "X-Holdfast-Signature"


class Answer(Struct, frozen=True):
    """What came of sending a notice."""

    ok: bool
    why: str = ""
    """Why it was not taken, in a few words that hold nothing secret."""
    after: float = 0.0
    """Seconds not to come back before."""


class Receiver(Protocol):
    """Somebody who is told. `name`: how it is called in the journal; nothing secret is in it."""

    name: str

    async def send(self, body: bytes, at: int) -> Answer:
        """Send a notice, and wait until it was taken or not. at: µs since 1970. Never raises for what is wrong over there."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Command:
    """A program, run for each notice without a shell; exit code 0 means that it was delivered.

    What it prints is dropped. One that takes longer than `timeout` is killed, with everything that it started in its session.
    """

    def __init__(self, argv: Sequence[str], timeout: float = COMMAND_TIMEOUT) -> None:
        self._argv, self._timeout = tuple(argv), timeout
        self.name = f"command {Path(self._argv[0]).name}"

    async def send(self, body: bytes, at: int) -> Answer:
        """Run it with a notice on its stdin."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            return Answer(ok=False, why=f"it cannot be started: {error.strerror}")
        try:
            async with asyncio.timeout(self._timeout):
                await process.communicate(body)
        except TimeoutError:
            return Answer(ok=False, why=f"it did not end within {self._timeout:g} s")
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        code = process.returncode
        return Answer(ok=True) if code == 0 else Answer(ok=False, why=f"it ended with exit code {code}")

    async def close(self) -> None:
        """Nothing is held."""


class Webhook:
    """An http or https URL that is sent each notice as a signed POST; a status of 2xx means that it was delivered.

    Redirects are not followed, and the body of an answer is not read.
    """

    def __init__(self, url: str, key: bytes, timeout: float = WEBHOOK_TIMEOUT) -> None:
        parts = urlsplit(url)
        self._url, self._key, self._timeout = url, key, timeout
        self.name = f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
        self._client: httpx2.AsyncClient | None = None

    async def send(self, body: bytes, at: int) -> Answer:
        """Post a notice."""
        import httpx2

        headers = {
            "Content-Type": "application/json", "User-Agent": f"holdfast/{VERSION}", SIGNATURE: signature(self._key, body, at),
        }  # fmt: skip
        try:
            async with asyncio.timeout(self._timeout):
                if self._client is None:  # reading the certificates takes a while, in which runs go on
                    self._client = await asyncio.to_thread(
                        httpx2.AsyncClient, follow_redirects=False, timeout=self._timeout
                    )
                async with self._client.stream("POST", self._url, content=body, headers=headers) as answer:
                    status, again = answer.status_code, answer.headers.get("Retry-After", "")
        except (TimeoutError, httpx2.TimeoutException):
            return Answer(ok=False, why=f"it did not answer within {self._timeout:g} s")
        except httpx2.ConnectError:
            return Answer(ok=False, why="it cannot be reached")
        except (
            httpx2.HTTPError,
            httpx2.InvalidURL,
            OSError,
        ) as error:  # its own words hold the URL, and what is secret in it
            return Answer(ok=False, why=f"the request failed ({type(error).__name__})")
        if 200 <= status < 300:
            return Answer(ok=True)
        moved = ", which is not followed" if 300 <= status < 400 else ""
        after = min(float(again), LONGEST) if again.strip().isdecimal() else 0.0
        return Answer(ok=False, why=f"it answered {status}{moved}", after=after)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.aclose()


def signature(key: bytes, body: bytes, at: int) -> str:
    """The value of `X-Holdfast-Signature`: the moment in seconds, and an HMAC-SHA256 over it, a full stop and the body."""
    stamp = str(at // units.SECOND)
    made = hmac.new(key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={made}"


def receiver(notify: Notify) -> Receiver:
    """Who is told, by the settings. Raises SettingsError where there is no such program, or no key to sign with."""
    if notify.command:
        program = notify.command[0]
        if shutil.which(program) is None:
            raise SettingsError(
                f"there is no program {program} to tell people by", hint="see notify.command in the settings"
            )
        return Command(notify.command)
    key = os.environ.get(notify.secret, "").encode()
    if len(key) < KEY_BYTES:
        what = "is not set" if not key else f"holds less than {KEY_BYTES} bytes"
        raise SettingsError(
            f"messages to the webhook are signed with {notify.secret}, which {what}",
            hint=f"export {notify.secret}=$(openssl rand -hex 32), and give the receiver the same",
        )
    return Webhook(notify.webhook, key)
