"""What Python's `hashlib` has only with OpenSSL, which is not in the engine."""

import hashlib
import hmac


def pbkdf2_hmac(hash_name, password, salt, iterations, dklen=None):
    """The key of PKCS#5: a password, hashed `iterations` times with `salt`."""
    if iterations < 1:
        raise ValueError(iterations)
    keyed = hmac.new(password, digestmod=hash_name)
    size = keyed.digest_size if dklen is None else dklen
    if size < 1:
        raise ValueError(size)
    key = b""
    while len(key) < size:
        block = len(key) // keyed.digest_size + 1
        last = _digest(keyed, bytes(salt) + block.to_bytes(4, "big"))
        total = int.from_bytes(last, "big")
        for _ in range(iterations - 1):
            last = _digest(keyed, last)
            total ^= int.from_bytes(last, "big")
        key += total.to_bytes(keyed.digest_size, "big")
    return key[:size]


def _digest(keyed, message):
    copy = keyed.copy()
    copy.update(message)
    return copy.digest()


def install():
    """Adds it where Python has none."""
    if not hasattr(hashlib, "pbkdf2_hmac"):
        hashlib.pbkdf2_hmac = pbkdf2_hmac
