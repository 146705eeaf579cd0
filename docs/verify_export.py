"""Check a holdfast export (lines of JSON) with nothing of holdfast's: the standard library and `cryptography`.

    python verify_export.py EXPORT.jsonl KEY [ANCHOR…]
KEY is the public key, as `name+id+base64`, from somebody you trust. An ANCHOR is a file of signed checkpoints that
was kept where whoever can write to the journal cannot. Ends with 0 where everything is what was written and signed.
"""

import base64
import hashlib
import json
import sys
from functools import reduce
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
        if line.startswith(f"— {name} ") and data[:4].hex() == number:
            Ed25519PublicKey.from_public_bytes(public[1:]).verify(data[4:], (text + "\n").encode())
            return text + "\n"
    raise ValueError(f"{name} did not sign it")


def add(tree, leaf):
    """One more leaf of an RFC 6962 tree; `tree` holds (height, root) of its complete parts, the largest first."""
    part = (0, sha(b"\0" + leaf))
    while tree and tree[-1][0] == part[0]:
        part = (part[0] + 1, sha(b"\1" + tree.pop()[1] + part[1]))
    tree.append(part)


def checkpoints(lines, count, key, anchors, wrong):
    """Number, position, size and root of each checkpoint, signed and in line with the one before and the anchors."""
    found, texts, before = [], set(), base64.b64encode(bytes(32)).decode()
    for number in range(1, count + 1):
        try:
            text = verified(json.loads(next(lines))["note"], key)
        except (ValueError, InvalidSignature) as error:
            wrong.append(f"checkpoint {number} is not signed by the key: {error!r}")
            continue
        origin, size, top, *more = text.splitlines()
        said = dict(line.split(" ", 1) for line in more)
        if (origin, said["number"], said["previous"]) != (key.split("+")[0], str(number), before):
            wrong.append(f"checkpoint {number} does not follow the one before it")
        before = base64.b64encode(sha(text.encode())).decode()
        found.append((number, int(said["position"]), int(size), base64.b64decode(top)))
        texts.add(text)
    for name in anchors:
        blocks = Path(name).read_text(encoding="utf-8").removesuffix("\n\n").split("\n\n")
        lost = [place for place, text in enumerate(blocks[::2], 1) if text + "\n" not in texts]
        wrong += [f"note {place} of the anchor {name} is not in the export: rewritten or cut off" for place in lost]
    return found


def check(file, key, anchors):
    """Everything that is wrong, in words; and what was checked."""
    heads, tree, size, last, covered, header = {}, [], 0, 0, 0, json.loads(next(file))
    whole = header["format"] == "holdfast-export/1"
    wrong = [] if whole else ["this is a part of a journal, of which others may be left out: see verify_proof.py"]
    waiting = checkpoints(file, header["checkpoints"], key, anchors, wrong)
    for entry in map(json.loads, file):
        run, seq, digest = entry["run"], entry["seq"], bytes.fromhex(entry["digest"])
        data = entry["data"].encode() if "data" in entry else base64.b64decode(entry["base64"])
        prev, before = heads.get(run, (bytes(32), 0))
        if seq != before + 1:
            wrong.append(f"run {run}, entry {before + 1}: it is missing")
        elif sha(prev + data) != digest or (json.loads(data)["run"], json.loads(data)["seq"]) != (run, seq):
            wrong.append(f"run {run}, entry {seq}: it is not what was written")
        while waiting and waiting[0][1] < entry["position"]:
            number, _, covered, root = waiting.pop(0)
            parts = [part for _, part in reversed(tree)] or [sha(b"")]
            if (covered, root) != (size, reduce(lambda right, left: sha(b"\1" + left + right), parts)):
                wrong.append(f"checkpoint {number} signs {covered} entries, and these {size} are not those")
        heads[run], last, size = (digest, seq), entry["position"], size + 1
        add(tree, f"{run}\n{seq}\n".encode() + digest)
    if waiting or last != header["position"] or not covered:
        wrong.append(f"it ends at position {last}: cut off, or nothing of it is signed")
    return wrong, f"{size} entries of {len(heads)} runs, the first {covered} of them under signed checkpoints"


if __name__ == "__main__":
    with Path(sys.argv[1]).open(encoding="utf-8") as export:
        bad, what = check(export, sys.argv[2], sys.argv[3:])
    sys.stdout.write("\n".join([what, *(bad or ["everything is what was written and signed"])]) + "\n")
    sys.exit(bool(bad))
