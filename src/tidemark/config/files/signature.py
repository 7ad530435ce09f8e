"""Who has released a configuration: a signature by Ed25519 over its files, which lies among them.

Whoever may write to the bucket changes nothing without the key; they can put back what was signed before.
"""

from __future__ import annotations

import binascii

from tidemark.errors import ConfigError

FILE = "config.sig"
_MEANING = b"tidemark configuration\0"


def sign(told: str, key: bytes) -> tuple[str, str]:
    """The signature over a digest of the files, and the public half of the key, which is PEM without a passphrase.

    Raises `ConfigError` for what is no such key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        loaded = load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        loaded = None
    if not isinstance(loaded, Ed25519PrivateKey):
        raise ConfigError(
            "this is no private key of Ed25519 without a passphrase",
            next_step="make one: openssl genpkey -algorithm ed25519 -out key.pem",
        )
    return loaded.sign(_MEANING + told.encode()).hex(), loaded.public_key().public_bytes_raw().hex()


def is_signed(told: str, signature: str, public: str) -> bool:
    """Whether whoever has the other half of the key has signed this digest."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(binascii.unhexlify(signature.strip()), _MEANING + told.encode())
    except (InvalidSignature, ValueError):
        return False
    return True
