"""A certificate authority of the tests' own, so that production can be run as production."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Issued:
    """A chain and its key as files, and the authority that clients trust."""

    chain: Path
    key: Path
    authority: Path

    def policy(self) -> str:
        """Name them as the policy does."""
        return (
            f'[server.tls]\nmode = "files"\ncertificate = "file:{self.chain}"\n'
            f'key = "file:{self.key}"\n'
        )


def issue(folder: Path, *names: str) -> Issued:
    """Write a certificate for `names` into `folder`."""
    authority = trustme.CA()
    leaf = authority.issue_cert(*names)
    issued = Issued(folder / "chain.pem", folder / "key.pem", folder / "ca.pem")
    issued.chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    issued.key.touch(0o600)
    leaf.private_key_pem.write_to_path(issued.key)
    authority.cert_pem.write_to_path(issued.authority)
    return issued


def trusting(authority: Path) -> ssl.SSLContext:
    """Build a client's side that trusts this authority and no other."""
    return ssl.create_default_context(cafile=str(authority))
