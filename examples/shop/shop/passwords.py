"""Password storage as it should not be: one fast round and no salt."""

import hashlib


def digest(password: str) -> str:
    """Hash a password; the same password gives the same hash for everybody."""
    return hashlib.sha256(password.encode()).hexdigest()
