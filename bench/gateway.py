"""CPU time of a proxied, a refused and a limited request: the gateway, bare hyper and nginx.

The proxy has core 0 for itself, the app and the load share core 1, so that the load is what the
proxy is given and not what is left. Each variant is measured in turn, several rounds; the fastest
round of each counts.
"""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import servers
from servers import BIN, cpu_seconds, free_port, running

# Its policies say their own.
os.environ.pop(servers.LIMITS)

REQUESTS = int(os.environ.get("BENCH_REQUESTS", "60000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
CONNECTIONS = 32

POLICY = """\
environment = "development"
[server]
hosts = ["api.example.com"]
[server.tls]
mode = "off"
[log]
access = "{access}"
format = "json"
# Counted for each client, and never used up.
[limits]
default = ["1000000000/second per ip"]
"""

LIMITED = """\
environment = "development"
[server]
hosts = ["api.example.com"]
[server.tls]
mode = "off"
[log]
access = "{access}"
format = "json"
[limits]
default = ["1/hour per ip"]
"""

NGINX = """\
worker_processes 1;
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 512; }}
http {{
    access_log {access};
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000;
    server_tokens off;
    limit_req_zone $binary_remote_addr zone=one:10m rate=1r/m;
    limit_req_status 429;
    limit_req_log_level info;
    upstream app {{ server {upstream}; keepalive 64; keepalive_requests 1000000; }}
    server {{ listen {listen} default_server; return 403; }}
    server {{
        listen {listen};
        server_name limited.example.com;
        limit_req zone=one;
        location / {{ proxy_pass http://app; }}
    }}
    server {{
        listen {listen};
        server_name api.example.com;
        location / {{
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $host;
            proxy_set_header X-Request-ID $request_id;
            proxy_hide_header Server;
            add_header X-Request-ID $request_id;
            add_header X-Content-Type-Options nosniff;
            add_header X-Frame-Options DENY;
            add_header Referrer-Policy strict-origin-when-cross-origin;
            add_header Permissions-Policy "camera=(), geolocation=(), microphone=()";
            add_header Cross-Origin-Opener-Policy same-origin;
            add_header Cross-Origin-Resource-Policy same-origin;
            add_header X-XSS-Protection 0;
            add_header Content-Security-Policy "default-src 'none'; frame-ancestors 'none'";
        }}
    }}
}}
"""


@dataclass
class Variant:
    """A proxy, and what it cost."""

    name: str
    command: list[str]
    port: int
    refusal: int | None = None
    limiting: list[str] | None = None
    limited_host: str = "api.example.com"
    proxied: float = float("inf")
    refused: float = float("inf")
    limited: float = float("inf")


def load(port: int, host: str, status: int, requests: int) -> None:
    """Send so many requests and check every answer's status."""
    command = ["taskset", "-c", "1", str(BIN / "load"), f"127.0.0.1:{port}", host]
    command += [str(CONNECTIONS), str(requests), str(status)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def use_up(port: int, host: str) -> None:
    """Ask once: what the limit lets pass."""
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Host": host})
    with urllib.request.urlopen(asked) as answer:
        answer.read()


def measure(pid: int, port: int, host: str, status: int) -> float:
    """CPU microseconds of one request."""
    load(port, host, status, REQUESTS // 10)
    before = cpu_seconds(pid)
    load(port, host, status, REQUESTS)
    return (cpu_seconds(pid) - before) / REQUESTS * 1e6


def variants(folder: Path, upstream: str) -> Iterator[Variant]:
    """List everything that is compared."""
    port = free_port()
    command = [str(BIN / "bare-proxy"), f"127.0.0.1:{port}", upstream]
    yield Variant("bare hyper proxy", command, port)
    for access, name in (("refusals", "buckler, log of refusals"), ("all", "buckler, log of all")):
        port = free_port()
        policy = folder / f"{access}.toml"
        policy.write_text(POLICY.format(access=access))
        limited = folder / f"{access}-limited.toml"
        limited.write_text(LIMITED.format(access=access))
        serve = [str(BIN / "buckler"), "serve", "--upstream", f"http://{upstream}"]
        command, limiting = (
            [*serve, "--policy", str(file), "--listen", f"127.0.0.1:{port}"]
            for file in (policy, limited)
        )
        yield Variant(name, command, port, 400, limiting)
    if servers.NGINX is None:
        print(
            "nginx is missing, so it is not compared (apt-get install nginx-light)", file=sys.stderr
        )
        return
    for access, name in (("off", "nginx, no log"), ("/dev/null", "nginx, log of all")):
        port = free_port()
        config = folder / f"nginx-{access.strip('/').replace('/', '-')}.conf"
        text = NGINX.format(
            folder=folder, access=access, listen=f"127.0.0.1:{port}", upstream=upstream
        )
        config.write_text(text)
        command = servers.nginx(config, folder)
        # 403: after a 400 nginx closes the connection, and the handshake would be what is measured.
        yield Variant(name, command, port, 403, command, "limited.example.com")


def main() -> None:
    """Measure and print a table, costs beside the bare proxy's."""
    port = free_port()
    upstream = f"127.0.0.1:{port}"
    with (
        tempfile.TemporaryDirectory() as name,
        running([str(BIN / "trivial-upstream"), upstream], port, 1),
    ):
        compared = list(variants(Path(name), upstream))
        for _ in range(ROUNDS):
            for variant in compared:
                with running(variant.command, variant.port, 0) as pid:
                    cost = measure(pid, variant.port, "api.example.com", 200)
                    variant.proxied = min(variant.proxied, cost)
                    if variant.refusal is not None:
                        cost = measure(pid, variant.port, "evil.example", variant.refusal)
                        variant.refused = min(variant.refused, cost)
                if variant.limiting is None:
                    continue
                with running(variant.limiting, variant.port, 0) as pid:
                    use_up(variant.port, variant.limited_host)
                    cost = measure(pid, variant.port, variant.limited_host, 429)
                    variant.limited = min(variant.limited, cost)
    floor = compared[0].proxied
    print("| proxy | µs CPU proxied | ratio to bare | µs CPU refused | µs CPU limited (429) |")
    print("|---|---|---|---|---|")
    for variant in compared:
        refused = f"{variant.refused:.1f}" if variant.refusal is not None else "-"
        limited = f"{variant.limited:.1f}" if variant.limiting is not None else "-"
        ratio = variant.proxied / floor
        print(f"| {variant.name} | {variant.proxied:.1f} | {ratio:.2f} | {refused} | {limited} |")
    told = {v.name: [v.proxied, v.refused, v.limited] for v in compared}
    print(json.dumps(told), file=sys.stderr)


if __name__ == "__main__":
    main()
