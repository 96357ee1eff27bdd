"""Signatures by Ed25519 (RFC 8032), with keys as PEM files.

The private key is the file that ``$SYNTH_SIGNING_KEY`` names, or else one that is made once in the home of Dagster,
where only its owner can read it. Whoever has it can sign anything, so it never lies beside what is published.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from synth_engine.domain import UserError
from synth_pipeline.places import usual_home

KEY_VARIABLE = "SYNTH_SIGNING_KEY"
_FILE = "signing-key.pem"


def signing_key() -> Ed25519PrivateKey:
    """The private key; one is made where none is named and none is there.

    Raises:
        UserError: it cannot be read, others could read it too, or it is no Ed25519 key without a password.
    """
    named = os.environ.get(KEY_VARIABLE)
    path = Path(named) if named else usual_home() / _FILE
    if not named:
        with suppress(FileExistsError):
            _make(path)
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        content = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"the key that signs evidence, {path}, cannot be read: {error.strerror}; name one in ${KEY_VARIABLE}"
        ) from None
    if os.name == "posix" and mode & 0o077:
        raise UserError(
            f"the key that signs evidence, {path}, can be used by others than its owner (mode {mode:o}); chmod 600"
        )
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(
            f"{path}: expected an Ed25519 private key as PEM without a password; "
            "openssl genpkey -algorithm ed25519 makes one"
        )
    return key


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """The public key that belongs to it, as PEM."""
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def is_signed(content: bytes, signature: bytes, public: bytes) -> bool:
    """Whether a signature is of this content and by the owner of this public key.

    Raises:
        UserError: it is no Ed25519 public key as PEM.
    """
    try:
        key = serialization.load_pem_public_key(public)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise UserError("expected an Ed25519 public key as PEM, found something else; name the key of whoever signed")
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True
