"""Small secrets that have to lie in the shareable half of a workspace, readable only with the key of the other half."""

import hmac
import secrets

MAX_BYTES = 32
_NONCE_BYTES, _TAG_BYTES = 16, 16


def seal(secret: bytes, key: bytes) -> str:
    """Hide a secret of at most `MAX_BYTES`; every time in another way.

    Encrypted by adding HMAC-SHA256 of a fresh nonce, a one-time pad for everyone without the key, and authenticated by
    another one.

    >>> unseal(seal(b"secret", b"key"), b"key")
    b'secret'
    """
    if len(secret) > MAX_BYTES:
        raise ValueError(f"expected at most {MAX_BYTES} bytes, found {len(secret)}")
    nonce = secrets.token_bytes(_NONCE_BYTES)
    hidden = nonce + _padded(secret, nonce, key)
    return (hidden + _tag(hidden, key)).hex()


def unseal(text: str, key: bytes) -> bytes:
    """The secret; raises `ValueError` where it was sealed with another key, or changed since."""
    sealed = bytes.fromhex(text)
    hidden, tag = sealed[:-_TAG_BYTES], sealed[-_TAG_BYTES:]
    if len(hidden) < _NONCE_BYTES or not hmac.compare_digest(tag, _tag(hidden, key)):
        raise ValueError("sealed with another key, or damaged")
    return _padded(hidden[_NONCE_BYTES:], hidden[:_NONCE_BYTES], key)


def _padded(data: bytes, nonce: bytes, key: bytes) -> bytes:
    pad = hmac.digest(key, b"pad" + nonce, "sha256")
    return bytes(one ^ other for one, other in zip(data, pad, strict=False))


def _tag(hidden: bytes, key: bytes) -> bytes:
    return hmac.digest(key, b"tag" + hidden, "sha256")[:_TAG_BYTES]
