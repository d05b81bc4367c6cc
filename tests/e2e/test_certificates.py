"""Certificates of the service, several of them, and certificates of clients. R01"""

import base64
import datetime
import json
import shutil
import signal
import socket
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from harness.certificates import trusting
from harness.gateway import Gateway
from harness.places import PATIENCE
from harness.serving import SHOP_POLICY, Serving
from harness.until import until

NOW = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
DAY = datetime.timedelta(days=1)
RSA = trustme.KeyType.RSA


@dataclass
class Folder:
    """Certificates of one authority, as files."""

    path: Path
    authority: trustme.CA

    def write(self, name: str, leaf: trustme.LeafCert) -> str:
        """Write a pair, and give it as the policy does."""
        chain, key = self.path / f"{name}.pem", self.path / f"{name}-key.pem"
        chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        key.touch(0o600)
        leaf.private_key_pem.write_to_path(key)
        return f'certificate = "file:{chain}"\nkey = "file:{key}"\n'

    def trusted(self) -> Path:
        """Write what clients trust."""
        path = self.path / "root.pem"
        self.authority.cert_pem.write_to_path(path)
        return path


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path, trustme.CA())


def serve(serving: Serving, folder: Folder, tls: str, hosts: str = "") -> Gateway:
    policy = SHOP_POLICY.replace('"]', f'"{hosts}]') + tls
    return serving.serve("shown:app", policy, authority=folder.trusted())


def dial(gateway: Gateway, name: str | None, tls: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection(gateway.address, timeout=PATIENCE)
    return tls.wrap_socket(plain, server_hostname=name)


def names_for(gateway: Gateway, name: str | None, tls: ssl.SSLContext | None = None) -> set[str]:
    """Tell which names stand in the certificate that a client gets who asks for `name`."""
    assert gateway.authority is not None
    if tls is None:
        tls = trusting(gateway.authority)
    tls.check_hostname = False
    with dial(gateway, name, tls) as wire:
        der = wire.getpeercert(binary_form=True)
    assert der is not None
    san = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    return set(san.value.get_values_for_type(x509.DNSName))


def key_kind(gateway: Gateway, name: str, tls: ssl.SSLContext) -> str:
    with dial(gateway, name, tls) as wire:
        der = wire.getpeercert(binary_form=True)
    assert der is not None
    return type(x509.load_der_x509_certificate(der).public_key()).__name__


def further(*pairs: str) -> str:
    return "".join(f"[[server.tls.certificates]]\n{pair}" for pair in pairs)


def reloaded(gateway: Gateway, count: int) -> str:
    """Ask for a reload, and give what the log says of the `count`-th one."""
    gateway.process.send_signal(signal.SIGHUP)

    def told() -> list[str] | None:
        lines = [line for line in gateway.lines() if line["event"] == "reload"]
        found = [str(line["what"]) for line in lines if line["level"] != "warning"]
        return found if len(found) >= count else None

    return until("the log tells of the reload", told)[-1]


def test_each_name_gets_its_certificate(serving: Serving, folder: Folder) -> None:
    issue = folder.authority.issue_cert
    default = folder.write("default", issue("127.0.0.1", "default.test"))
    one = folder.write("one", issue("one.test", "a.wild.test"))
    wild = folder.write("wild", issue("*.wild.test"))
    rsa = folder.write("rsa", issue("*.wild.test", key_type=RSA))
    tls = f"[server.tls]\n{default}{further(one, wild, rsa)}"
    gateway = serve(serving, folder, tls, ', "one.test", "nowhere.test"')
    for name, names in {
        None: {"default.test"},
        "default.test": {"default.test"},
        "one.test": {"one.test", "a.wild.test"},
        "ONE.TEST": {"one.test", "a.wild.test"},
        "a.wild.test": {"one.test", "a.wild.test"},
        "b.wild.test": {"*.wild.test"},
        "b.c.wild.test": {"default.test"},
        "elsewhere.test": {"default.test"},
    }.items():
        assert names_for(gateway, name) == names, name
    modern = trusting(folder.trusted())
    assert "EC" in key_kind(gateway, "b.wild.test", modern)
    old = trusting(folder.trusted())
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    old.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    assert "RSA" in key_kind(gateway, "b.wild.test", old)
    warned = [line["what"] for line in gateway.lines() if line.get("level") == "warning"]
    assert [what for what in warned if "no certificate is good for nowhere.test" in what]


def test_one_wrong_key_at_reload_keeps_every_certificate(serving: Serving, folder: Folder) -> None:
    issue = folder.authority.issue_cert
    default = folder.write("default", issue("127.0.0.1", "default.test"))
    one = folder.write("one", issue("one.test"))
    gateway = serve(serving, folder, f"[server.tls]\n{default}{further(one)}")
    key = (folder.path / "one-key.pem").read_bytes()
    folder.write("default", issue("127.0.0.1", "default.test", "renewed.test"))
    folder.write("one", issue("one.test", "renewed.test"))
    new_key = (folder.path / "one-key.pem").read_bytes()
    (folder.path / "one-key.pem").write_bytes(key)
    told = reloaded(gateway, 1)
    assert "one-key.pem" in told
    assert "does not belong to the certificate" in told
    assert names_for(gateway, "default.test") == {"default.test"}
    assert names_for(gateway, "one.test") == {"one.test"}
    (folder.path / "one-key.pem").write_bytes(new_key)
    # Both name it now, with keys of one kind.
    told = reloaded(gateway, 2)
    assert "default.pem" in told
    assert "`renewed.test`" in told
    folder.write("one", issue("one.test", "again.test"))
    assert reloaded(gateway, 3) == "policy reloaded: no key changed; new certificate"
    assert names_for(gateway, "default.test") == {"default.test", "renewed.test"}
    assert names_for(gateway, "one.test") == {"one.test", "again.test"}
    expired = issue("one.test", not_before=NOW - 3 * DAY, not_after=NOW - DAY)
    folder.write("one", expired)
    assert "expired at" in reloaded(gateway, 4)
    assert names_for(gateway, "one.test") == {"one.test", "again.test"}


def test_an_expired_certificate_does_not_start(serving: Serving, folder: Folder) -> None:
    expired = folder.authority.issue_cert(
        "127.0.0.1", not_before=NOW - 3 * DAY, not_after=NOW - DAY
    )
    pair = folder.write("default", expired)
    with pytest.raises(AssertionError, match=r"default\.pem: the certificate expired at"):
        serve(serving, folder, f"[server.tls]\n{pair}")


def crl(authority: trustme.CA, *revoked: trustme.LeafCert) -> bytes:
    """Write down what an authority has revoked."""
    root = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    key = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
    builder = x509.CertificateRevocationListBuilder().issuer_name(root.subject)
    builder = builder.last_update(NOW - DAY).next_update(NOW + 30 * DAY)
    builder = builder.add_extension(x509.CRLNumber(1), critical=False)
    for leaf in revoked:
        serial = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()).serial_number
        entry = x509.RevokedCertificateBuilder().serial_number(serial)
        builder = builder.add_revoked_certificate(entry.revocation_date(NOW - DAY).build())
    made = builder.sign(key, hashes.SHA256())  # type: ignore[arg-type]
    return made.public_bytes(serialization.Encoding.PEM)


def asked(
    gateway: Gateway, own: trustme.LeafCert | None, *more: str
) -> tuple[int, list[list[str]]]:
    """Ask with this certificate: the status and what the app is told, or 0 for no answer."""
    assert gateway.authority is not None
    tls = trusting(gateway.authority)
    if own is not None:
        own.configure_cert(tls)
    lines = "".join(f"{line}\r\n" for line in more)
    request = f"GET /shown HTTP/1.1\r\nHost: {gateway.host}\r\n{lines}Connection: close\r\n\r\n"
    try:
        with dial(gateway, "127.0.0.1", tls) as wire:
            wire.sendall(request.encode())
            answer = b""
            while part := wire.recv(65536):
                answer += part
    except (ssl.SSLError, ConnectionError):
        return 0, []
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body) if b" 200 " in head else []


def told_of(leaf: trustme.LeafCert) -> list[list[str]]:
    der = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()).public_bytes(
        serialization.Encoding.DER
    )
    return [["client-cert", f":{base64.b64encode(der).decode()}:"]]


@pytest.mark.parametrize("presence", ["required", "optional"])
def test_who_shows_which_certificate(serving: Serving, folder: Folder, presence: str) -> None:
    clients, strangers = trustme.CA(), trustme.CA()
    good, revoked = clients.issue_cert("good@a.test"), clients.issue_cert("revoked@a.test")
    old = clients.issue_cert("old@a.test", not_before=NOW - 3 * DAY, not_after=NOW - DAY)
    ca, lists = folder.path / "clients.pem", folder.path / "crl.pem"
    clients.cert_pem.write_to_path(ca)
    lists.write_bytes(crl(clients, revoked))
    pair = folder.write("default", folder.authority.issue_cert("127.0.0.1"))
    lines = f'client_ca = "file:{ca}"\nclient_crl = "file:{lists}"\n'
    lines += f'client_certificates = "{presence}"\n'
    gateway = serve(serving, folder, f"[server.tls]\n{pair}{lines}")
    assert f"client certificates {presence}" in gateway.told()
    none: tuple[int, list[list[str]]] = (200, []) if presence == "optional" else (0, [])
    assert asked(gateway, None) == none
    assert asked(gateway, good) == (200, told_of(good))
    for bad in (strangers.issue_cert("good@a.test"), old, revoked):
        assert asked(gateway, bad) == (0, [])
    # Revoked while it serves.
    lists.write_bytes(crl(clients, revoked, good))
    assert reloaded(gateway, 1) == "policy reloaded: no key changed; new client authorities"
    assert asked(gateway, good) == (0, [])

    def told() -> str | None:
        what = " ".join(str(line.get("what")) for line in gateway.lines())
        wanted = ["comes from no authority", "has expired", "was revoked"]
        return what if all(part in what for part in wanted) else None

    what = until("the log says why nobody came in", told)
    assert ('is "required"' in what) == (presence == "required")


def test_nobody_says_for_himself_who_he_is(serving: Serving, folder: Folder) -> None:
    clients = trustme.CA()
    good = clients.issue_cert("good@a.test")
    ca = folder.path / "clients.pem"
    clients.cert_pem.write_to_path(ca)
    pair = folder.write("default", folder.authority.issue_cert("127.0.0.1"))
    asking = f'client_ca = "file:{ca}"\nclient_certificates = "optional"\n'
    made_up = ["Client-Cert: :AAAA:", "client_cert: :AAAA:", "Client-Cert-Chain: :AAAA:, :AAAA:"]
    for lines in ("", asking, f"{asking}[server.limits]\nmode = 'monitor'\n"):
        gateway = serve(serving, folder, f"[server.tls]\n{pair}{lines}")
        assert asked(gateway, None, *made_up) == (200, [])
        if lines:
            assert asked(gateway, good, *made_up) == (200, told_of(good))


def test_the_certificate_is_told_over_http2_too(serving: Serving, folder: Folder) -> None:
    clients = trustme.CA()
    good = clients.issue_cert("good@a.test")
    ca, both = folder.path / "clients.pem", folder.path / "good.pem"
    clients.cert_pem.write_to_path(ca)
    good.private_key_and_cert_chain_pem.write_to_path(both)
    pair = folder.write("default", folder.authority.issue_cert("127.0.0.1"))
    gateway = serve(serving, folder, f'[server.tls]\n{pair}client_ca = "file:{ca}"\n')
    program = shutil.which("curl")
    assert program is not None, "curl is missing; mend: apt-get install curl"
    line = [program, "-sS", "--http2", "--noproxy", "*", "--cacert", str(gateway.authority)]
    line += ["--cert", str(both), "-H", "Client-Cert: :AAAA:", "-w", "\n%{http_version}"]
    done = subprocess.run(
        [*line, f"{gateway.base_url}/shown"], capture_output=True, check=True, timeout=PATIENCE
    )
    told, _, version = done.stdout.decode().rpartition("\n")
    assert (json.loads(told), version) == (told_of(good), "2")
