"""Certificates as public authorities write them, for judges that look at every extension."""

import datetime
import ipaddress
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from harness.certificates import Issued

Kind = Literal["rsa", "ecdsa"]
LIFE = datetime.timedelta(days=90)
"""As long as those of the authorities that renew by themselves."""

SIGNING = {"digital_signature": True, "key_cert_sign": False, "crl_sign": False}
ISSUING = {"digital_signature": True, "key_cert_sign": True, "crl_sign": True}
UNUSED = (
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "encipher_only",
    "decipher_only",
)


def key(kind: Kind) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    """Make a key of the sizes that are usual."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def issue(folder: Path, kind: Kind) -> Issued:
    """Write a certificate of `localhost` and its authority into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    authority_key, leaf_key = key(kind), key(kind)
    authority_name = name("Authority of the tests")
    authority = (
        builder(authority_name, authority_name, leaf=False)
        .public_key(authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(ISSUING), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = (
        builder(name("localhost"), authority_name, leaf=True)
        .public_key(leaf_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(SIGNING), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    issued = Issued(folder / "chain.pem", folder / "key.pem", folder / "ca.pem")
    issued.chain.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    issued.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    issued.key.write_bytes(
        leaf_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return issued


def name(common: str) -> x509.Name:
    """Write a name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def usage(allowed: dict[str, bool]) -> x509.KeyUsage:
    """Allow what is said and nothing else."""
    return x509.KeyUsage(**allowed, **dict.fromkeys(UNUSED, False))


def builder(subject: x509.Name, issuer: x509.Name, *, leaf: bool) -> x509.CertificateBuilder:
    """Begin a certificate that is in force since yesterday."""
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(yesterday)
        .not_valid_after(yesterday + (LIFE if leaf else 10 * LIFE))
    )
