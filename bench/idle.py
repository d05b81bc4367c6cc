"""Memory of ten thousand idle connections and five hundred busy ones: the gateway and nginx.

Each idle connection has had one answer and is kept alive. The resident memory of the proxy is read
before, with all of them open, while the busy ones are served, and after that.
"""

import os
import resource
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import servers
from servers import BIN, certificate, free_port, running

IDLE = int(os.environ.get("BENCH_IDLE", "10000"))
BUSY = int(os.environ.get("BENCH_BUSY", "500"))
REQUESTS = int(os.environ.get("BENCH_REQUESTS", "100000"))
SPARE_FILES = 500

POLICY = """\
environment = "development"
[server]
hosts = ["api.example.com"]
listen = ["127.0.0.1:{port}"]
max_connections = {most}
timeouts = {{ idle = "10m" }}
[server.tls]
{transport}
"""

NGINX = """\
worker_processes 1;
worker_rlimit_nofile 30000;
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 25000; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000;
    keepalive_timeout 600;
    upstream app {{ server {upstream}; keepalive 64; keepalive_requests 1000000; }}
    server {{
        listen {listen};
        {certificate}
        location / {{
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


def resident(pid: int) -> int:
    """Kibibytes of resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def idle(port: int, count: int, tls: ssl.SSLContext | None) -> list[socket.socket]:
    """Open connections, each with one answer behind it."""
    request = b"GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n"
    opened: list[socket.socket] = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", port), timeout=60)
        if tls is not None:
            connection = tls.wrap_socket(connection, server_hostname="localhost")
        connection.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        if b" 200 " not in received.split(b"\r\n", 1)[0]:
            sys.exit(f"unexpected answer: {received[:100]!r}")
        opened.append(connection)
    return opened


def load(port: int) -> None:
    """Keep the busy connections busy."""
    command = [str(BIN / "load"), f"127.0.0.1:{port}", "api.example.com", str(BUSY), str(REQUESTS)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def measure(name: str, pid: int, port: int, tls: ssl.SSLContext | None) -> None:
    """Print one row. The busy connections speak plain HTTP."""
    for connection in idle(port, 200, tls):
        connection.close()
    time.sleep(1)
    readings = [resident(pid)]
    held = idle(port, IDLE, tls)
    readings.append(resident(pid))
    each = (readings[1] - readings[0]) / IDLE
    for _ in range(0 if tls else 2):
        load(port)
        readings.append(resident(pid))
    for connection in held:
        connection.close()
    time.sleep(2)
    cells = [f"{kibibytes / 1024:.0f}" for kibibytes in readings]
    cells += ["-"] * (4 - len(cells)) + [f"{resident(pid) / 1024:.0f}"]
    print(f"| {name} | {each:.1f} | {' | '.join(cells)} |")


def main() -> None:
    """Measure each proxy in plain and under TLS."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < IDLE + BUSY + SPARE_FILES:
        sys.exit(f"{hard} open files are allowed, {IDLE + BUSY + SPARE_FILES} are needed")
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    trusting.set_alpn_protocols(["http/1.1"])
    port = free_port()
    upstream = f"127.0.0.1:{port}"
    print(
        "| proxy | KiB per idle connection | MiB before | with the idle | with the busy | ", end=""
    )
    print("again | after |\n|---|---|---|---|---|---|---|")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        chain, key = certificate(folder)
        stack.enter_context(running([str(BIN / "trivial-upstream"), upstream], port))
        for tls in (None, trusting):
            kind = ", TLS" if tls else ""
            port = free_port()
            transport = (
                f'certificate = "file:{chain}"\nkey = "file:{key}"' if tls else 'mode = "off"'
            )
            policy = folder / "policy.toml"
            policy.write_text(
                POLICY.format(port=port, most=IDLE + BUSY + SPARE_FILES, transport=transport)
            )
            command = [str(BIN / "buckler"), "serve", "--upstream", f"http://{upstream}"]
            with running([*command, "--policy", str(policy)], port) as pid:
                measure(f"buckler{kind}", pid, port, tls)
            if servers.NGINX is None:
                print("nginx is missing: not compared", file=sys.stderr)
                continue
            port = free_port()
            listen = f"127.0.0.1:{port}{' ssl' if tls else ''}"
            shown = f"ssl_certificate {chain}; ssl_certificate_key {key};" if tls else ""
            config = folder / "nginx.conf"
            config.write_text(
                NGINX.format(folder=folder, listen=listen, upstream=upstream, certificate=shown)
            )
            command = servers.nginx(config, folder)
            with running(command, port) as pid:
                measure(f"nginx{kind}", pid, port, tls)


if __name__ == "__main__":
    main()
