"""Check what `holdfast prove` or a filtered `holdfast export` wrote, with the standard library and `cryptography` alone.

    python verify_proof.py PROOF.jsonl KEY [ANCHOR…]

KEY is the public key, as `name+id+base64`, from somebody you trust. An ANCHOR is a file of signed checkpoints that
was kept where whoever can write to the journal cannot. Ends with 0 where each run in it is what was written and signed.
"""

import base64
import hashlib
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha(data):
    """SHA-256."""
    return hashlib.sha256(data).digest()


def verified(note, key):
    """The text of a signed note (c2sp.org/signed-note); ValueError or InvalidSignature where the key did not sign it."""
    name, number, encoded = key.split("+", 2)
    public = base64.b64decode(encoded)
    if sha(name.encode() + b"\n" + public)[:4].hex() != number or public[:1] != b"\x01":
        raise ValueError("this is no key")
    text, _, lines = note.rpartition("\n\n")
    for line in lines.splitlines():
        data = base64.b64decode(line.rpartition(" ")[2])
        if line.startswith(f"— {name} ") and data[:4].hex() == number and text.split("\n")[0] == name:
            Ed25519PublicKey.from_public_bytes(public[1:]).verify(data[4:], (text + "\n").encode())
            return text + "\n"
    raise ValueError(f"{name} did not sign it")


def root(leaf, at, size, path):
    """The root of an RFC 6962 tree of so many leaves, from leaf number `at` (from 0) and the parts beside its way up."""
    found, last = sha(b"\0" + leaf), size - 1
    for part in path:
        if at & 1 or at == last:
            found = sha(b"\1" + part + found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = sha(b"\1" + found + part)
        at, last = at >> 1, last >> 1
    return found if last == 0 else None


def check(file, key, anchors):
    """Everything that is wrong, in words; and what was checked."""
    header = json.loads(next(file))
    if header["format"] != "holdfast-part/1" or not header.get("proofs"):
        return ["there is no proof in this file"], "nothing was checked"
    wrong, heads, proven, size, top = [], {}, set(), 0, b""
    try:
        text = verified(json.loads(next(file))["note"], key)
        _, size, top = text.splitlines()[:3]
        size, top = int(size), base64.b64decode(top)
        kept = [name for name in anchors if text not in Path(name).read_text(encoding="utf-8")]
        wrong += [f"the anchor {name} does not hold this checkpoint" for name in kept]
    except (ValueError, InvalidSignature) as error:
        wrong.append(f"the checkpoint is not signed by the key: {error!r}")
    for entry in map(json.loads, file):
        run, seq, digest = entry["run"], entry["seq"], bytes.fromhex(entry["digest"])
        data = entry["data"].encode() if "data" in entry else base64.b64decode(entry["base64"])
        prev, before = heads.get(run, (bytes(32), 0))
        if seq != before + 1:
            wrong.append(f"run {run}, entry {before + 1}: it is missing")
        elif sha(prev + data) != digest or (json.loads(data)["run"], json.loads(data)["seq"]) != (run, seq):
            wrong.append(f"run {run}, entry {seq}: it is not what was written")
        heads[run], proof = (digest, seq), header["proofs"].get(run)
        if proof and proof["seq"] == seq:
            path = [base64.b64decode(part) for part in proof["path"]]
            if proof["index"] < size and root(f"{run}\n{seq}\n".encode() + digest, proof["index"], size, path) == top:
                proven.add(run)
    wrong += [f"run {run}: it does not stand under the checkpoint" for run in header["proofs"].keys() - proven]
    later = sorted(heads.keys() - proven)
    return wrong, f"{len(proven)} runs stand under the checkpoint; not proven: {', '.join(later) or 'none'}"


if __name__ == "__main__":
    with Path(sys.argv[1]).open(encoding="utf-8") as given:
        bad, what = check(given, sys.argv[2], sys.argv[3:])
    sys.stdout.write("\n".join([what, *(bad or ["these runs are what was written and signed"])]) + "\n")
    sys.exit(bool(bad))
