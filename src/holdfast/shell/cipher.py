"""Bodies of a run about somebody are encrypted with the secret of its run tree, so that they die with it.

    ciphertext = version byte ‖ AES-256-GCM(key, nonce, data, associated data = ref)

* **The key** is drawn from the tree's secret with BLAKE2b, in a domain of its own: no digest that `codec.keyed` gives is it.
* **The nonce** is the first 96 bits of the ref, and the ref is a keyed digest of the very content, one domain per purpose.
  Equal content under one secret has one ref, one nonce and one ciphertext, which tells nothing that the equal refs in the
  chain do not tell. Unequal content has another ref. GCM breaks where one nonce serves two contents; that would take two of
  one tree whose digests agree in 96 bits, which nobody can look for without the secret, and which befalls the bodies of a
  tree of a million by chance once in 10¹⁷. So a body may be encrypted anew at any time, in any process, after any crash,
  without a counter and without a random source.
* **The ref is authenticated**: a ciphertext that stands under another name, or of which a bit was changed, does not open.

What was written before there was a cipher is plain JSON, and is read as it is: no JSON begins with a control character, and
every ciphertext does. Once the secret was destroyed, whatever is left of a ciphertext is noise.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

from holdfast.errors import Bug, JournalDamaged

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

AES_GCM: Final = 1
"""The version byte of what is made here."""

_MADE: Final = bytes((AES_GCM,))

_PLAIN: Final = 0x20
"""The first byte of JSON is never below this, and every version is."""

_DOMAIN: Final = b"holdfast bodies"
_NONCE: Final = 24
"""Hex digits of a ref that are the nonce: 96 bits, the length GCM is made for."""


def is_encrypted(data: bytes) -> bool:
    """Whether stored bytes are a ciphertext, and not JSON as it was written before there was one."""
    return len(data) > 0 and data[0] < _PLAIN


class Cipher:
    """What encrypts and opens the bodies of one run tree. secret: of the tree; empty where it was destroyed.

    It lives as long as whoever drives or reads a run of the tree; nothing else keeps a key that may have to be destroyed.
    """

    __slots__ = ("_aead", "secret")

    def __init__(self, secret: bytes | None) -> None:
        self.secret = secret or b""
        self._aead: AESGCM | None = None

    def encrypted(self, ref: str, data: bytes) -> bytes:
        """A body as it is stored. ref: its name, a digest of `data` keyed with the secret. Raises Bug without a secret."""
        return _MADE + self._ready().encrypt(_nonce(ref), data, ref.encode())

    def opened(self, ref: str, data: bytes) -> bytes | None:
        """A stored body as it was before it was encrypted, if it was; None where the secret is gone.

        Raises JournalDamaged, without the place, where it does not open: it is not what was written, or stands in for another.
        """
        if not is_encrypted(data):
            return data
        if not self.secret:
            return None
        if data[0] != AES_GCM:
            raise changed(ref)
        aead = self._ready()
        from cryptography.exceptions import InvalidTag

        try:
            return aead.decrypt(_nonce(ref), data[1:], ref.encode())
        except (InvalidTag, ValueError):  # ValueError: the name is no digest, so nothing was ever encrypted under it
            raise changed(ref) from None

    def _ready(self) -> AESGCM:
        if self._aead is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            if not self.secret:
                raise Bug("nothing can be encrypted without the secret of the run tree")
            self._aead = AESGCM(hashlib.blake2b(key=self.secret, digest_size=32, person=_DOMAIN).digest())
        return self._aead


def changed(ref: str) -> JournalDamaged:
    """What is raised for a stored body that is not what was written."""
    return JournalDamaged(f"the body {ref} is not what was written", hint="holdfast verify")


def _nonce(ref: str) -> bytes:
    return bytes.fromhex(ref[:_NONCE])
