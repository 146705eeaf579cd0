"""Signed notes are those of the published format, and each way of being wrong has its name."""

from __future__ import annotations

import sys

import pytest

from holdfast.errors import JournalDamaged, SettingsError, UsageError
from holdfast.views import note
from holdfast.views.note import (
    Key,
    NoteForged,
    NoteMalformed,
    NoteResigned,
    NoteStranger,
    NoteTruncated,
    Signer,
    read_key,
    read_signer,
    verified,
)

PUBLISHED_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
PUBLISHED = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
"""The example of c2sp.org/signed-note."""

GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SIGNER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
"""The example of the Go module note."""

DESK, OTHER = Signer("example.com/desk", b"d" * 32), Signer("example.com/desk", b"o" * 32)
NOTE = DESK.sign("a\nb\n")


def test_the_published_example_verifies_under_its_key():
    key = read_key(PUBLISHED_KEY)
    assert (key.name, key.id.hex(), str(key)) == ("example.com/foo", "530d903a", PUBLISHED_KEY)
    assert verified(PUBLISHED, [key]) == ("This is an example message.\n", (key,))


def test_signing_gives_the_bytes_that_another_implementation_gives():
    signer = read_signer(GO_SIGNER)
    assert (str(signer.key), signer.secret_text()) == (GO_KEY, GO_SIGNER)
    assert signer.sign(GO_TEXT) == f"{GO_TEXT}\n{GO_LINE}"


def test_signatures_of_strangers_are_passed_over_where_a_known_key_signed_too():
    witness = Signer("witness.example", b"w" * 32)
    line = witness.sign("a\nb\n").rpartition("\n\n")[2]
    both = NOTE.replace("\n\n", "\n\n" + line)
    assert verified(both, [DESK.key]) == ("a\nb\n", (DESK.key,))
    assert verified(both, [DESK.key, witness.key])[1] == (witness.key, DESK.key)
    spoiled = both.replace(line[-10:-2], "AAAAAAAA")
    assert verified(spoiled, [DESK.key])[1] == (DESK.key,)
    with pytest.raises(NoteForged, match=r"witness\.example"):
        verified(spoiled, [DESK.key, witness.key])


def test_a_text_may_have_empty_lines_and_only_the_last_one_parts():
    text = "a\n\n\nb\n"
    assert verified(DESK.sign(text), [DESK.key])[0] == text


@pytest.mark.parametrize(
    ("spoiled", "kind"),
    [
        (NOTE.replace("a\n", "A\n"), NoteForged),
        (NOTE.replace("b\n\n", "b\n\nc\n\n"), NoteForged),
        (OTHER.sign("a\nb\n"), NoteResigned),
        (Signer("elsewhere", b"d" * 32).sign("a\nb\n"), NoteStranger),
        (NOTE.replace("desk", "dusk"), NoteStranger),
        (NOTE[:-1], NoteTruncated),
        (NOTE[:-30], NoteTruncated),
        (NOTE[: NOTE.index("—")], NoteTruncated),
        (NOTE[:4], NoteTruncated),
        (NOTE[:2], NoteTruncated),
        ("", NoteTruncated),
        (NOTE.replace("—", "--"), NoteMalformed),
        (NOTE.replace("\nb", "\n\tb"), NoteMalformed),
        (NOTE.replace("\n\n— ", "\n\n— x"), NoteStranger),
        (NOTE.replace("=\n", "==\n"), NoteMalformed),
        ("\n\n— a AAAAAAAA\n", NoteMalformed),
        ("a\n\n— a AAAA\n", NoteMalformed),
        ("a\n\n" + "— a AAAAAAAA\n" * 65, NoteMalformed),
        ("a" * (1 << 20) + NOTE, NoteMalformed),
    ],
)
def test_what_is_wrong_with_a_note_has_a_name(spoiled, kind):
    with pytest.raises(kind) as error:
        verified(spoiled, [DESK.key])
    assert type(error.value) is kind
    assert isinstance(error.value, JournalDamaged)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "example.com",
        PUBLISHED_KEY[:-4],
        PUBLISHED_KEY.replace("530d", "530e"),
        PUBLISHED_KEY.replace("+Aek", "+Bek"),
        "a b+00000000+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "x+y+é",
    ],
)
def test_what_is_no_public_key_is_refused(line):
    with pytest.raises(UsageError, match="is no "):
        read_key(line)


@pytest.mark.parametrize("line", [GO_KEY, GO_SIGNER[:-4], GO_SIGNER.replace("c74f", "c74e"), "PRIVATE+KEY+a b+0+AA=="])
def test_what_is_no_signing_key_is_refused_and_never_shown(line):
    with pytest.raises(UsageError, match="no signing key") as error:
        read_signer(line)
    assert "AYEK" not in str(error.value)


def test_names_that_cannot_stand_in_a_note_sign_nothing():
    for name in ("", "a b", "a+b", "a\x07"):
        with pytest.raises(UsageError, match="no name of a key"):
            Signer(name, b"d" * 32)
    for text in ("", "no newline", "a\tb\n"):
        with pytest.raises(UsageError, match="only whole lines"):
            DESK.sign(text)


def test_without_the_package_it_says_which_extra_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    with pytest.raises(SettingsError, match="cryptography") as error:
        verified(NOTE, [Key(DESK.key.name, DESK.key.public)])
    assert 'pip install "holdfast[audit]"' in str(error.value)
    assert note.parse(NOTE).text == "a\nb\n"
