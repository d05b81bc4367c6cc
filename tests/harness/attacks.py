"""Hostile requests as bytes, and the one right answer to each.

`HOST` in them stands for the service's name.
"""

from dataclasses import dataclass

CANARY = "ghp_CanaryCanaryCanaryCanary0123456789"
"""A secret that every attack carries and that no log may show (R61)."""


@dataclass(frozen=True, slots=True)
class Attack:
    """What is sent, and what has to happen."""

    name: str
    data: bytes
    status: int
    code: str
    requirement: str


SECRETS = (
    f"Authorization: Bearer {CANARY}\r\nCookie: session={CANARY}; theme=dark\r\n"
    f"X-Api-Key: {CANARY}\r\n"
).encode()


def head(request_line: str, *fields: str, host: str = "HOST") -> bytes:
    """Write a request's head with the secrets in it."""
    lines = [request_line, *([f"Host: {host}"] if host else []), *fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n" + SECRETS + b"\r\n"


def get(target: str, *fields: str, host: str = "HOST") -> bytes:
    """Write a GET."""
    return head(f"GET {target} HTTP/1.1", *fields, host=host)


def post(body: bytes, *fields: str, length: str | None = None) -> bytes:
    """Write a POST with a length."""
    said = f"Content-Length: {len(body) if length is None else length}"
    return head("POST /orders HTTP/1.1", *fields, said) + body


def json_post(body: str | bytes) -> bytes:
    """Write a POST of what claims to be JSON."""
    data = body.encode() if isinstance(body, str) else body
    return post(data, "Content-Type: application/json")


MALFORMED = (400, "malformed_request")
SMUGGLED = b"GET /admin HTTP/1.1\r\nHost: HOST\r\n\r\n"

ATTACKS: list[Attack] = [
    # Not HTTP, or not quite.
    Attack("words", f"hello {CANARY}\r\n\r\n".encode(), *MALFORMED, "R11"),
    Attack("http 0.9", f"GET /{CANARY}\r\n\r\n".encode(), *MALFORMED, "R11"),
    Attack("version of the future", head("GET / HTTP/9.9"), *MALFORMED, "R11"),
    Attack("lower case version", head("GET / http/1.1"), *MALFORMED, "R11"),
    Attack("http 2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", *MALFORMED, "R01"),
    Attack("binary", bytes(range(128, 256)) + b"\r\n\r\n", *MALFORMED, "R11"),
    Attack("space in the target", get(f"/a {CANARY}"), *MALFORMED, "R02"),
    Attack("nul in the target", get("/a\0b"), *MALFORMED, "R02"),
    Attack("nul in a value", get("/", "X: a\0b"), *MALFORMED, "R02"),
    Attack("bare cr in a value", get("/", "X: a\rHost: evil"), *MALFORMED, "R02"),
    Attack("space before the colon", get("/", "X : a"), *MALFORMED, "R02"),
    Attack("space in a name", get("/", "X Y: a"), *MALFORMED, "R02"),
    Attack("empty name", get("/", ": a"), *MALFORMED, "R02"),
    Attack("folded line", get("/", f"X: a\r\n {CANARY}"), *MALFORMED, "R02"),
    Attack("folded first line", get("/", host="").replace(b"\r\n", b"\r\n ", 1), *MALFORMED, "R02"),
    Attack("no colon", get("/", CANARY), *MALFORMED, "R02"),
    # Whose request is it?
    Attack("no host", get("/", host=""), 400, "host_not_allowed", "R02"),
    Attack("foreign host", get("/", host="evil.example"), 400, "host_not_allowed", "R02"),
    Attack("empty host", get("/", host=" "), *MALFORMED, "R02"),
    Attack("two hosts", get("/", "Host: evil.example"), *MALFORMED, "R02"),
    Attack("the same host twice", get("/", "Host: HOST"), *MALFORMED, "R02"),
    Attack("userinfo in the host", get("/", host=f"me:{CANARY}@HOST"), *MALFORMED, "R02"),
    Attack("host with a path", get("/", host="HOST/evil"), *MALFORMED, "R02"),
    Attack("host list", get("/", host="HOST, evil.example"), *MALFORMED, "R02"),
    Attack("host with a prefix", get("/", host="evilHOST"), 400, "host_not_allowed", "R02"),
    Attack("absolute target elsewhere", get("http://evil.example/"), *MALFORMED, "R02"),
    Attack("basic auth in the target", get(f"http://me:{CANARY}@HOST/"), *MALFORMED, "R02"),
    Attack("connect", head("CONNECT evil.example:443 HTTP/1.1"), 405, "method_not_allowed", "R02"),
    Attack("trace", head("TRACE / HTTP/1.1"), 405, "method_not_allowed", "R02"),
    # One body or two?
    *(
        Attack(
            f"{first} and {second}",
            head("POST / HTTP/1.1", "Content-Type: text/plain", first, second)
            + b"0\r\n\r\n"
            + SMUGGLED,
            *MALFORMED,
            "R02",
        )
        for first, second in (
            ("Content-Length: 4", "Transfer-Encoding: chunked"),
            ("Transfer-Encoding: chunked", "Content-Length: 4"),
        )
    ),
    Attack("two lengths", post(b"hi", "Content-Length: 3") + SMUGGLED, *MALFORMED, "R02"),
    Attack("list of lengths", post(b"hi", length="2, 2"), *MALFORMED, "R02"),
    Attack("signed length", post(b"hi", length="+2"), *MALFORMED, "R02"),
    Attack("negative length", post(b"hi", length="-2"), *MALFORMED, "R02"),
    Attack("hexadecimal length", post(b"hi", length="0x2"), *MALFORMED, "R02"),
    Attack("length beyond numbers", post(b"hi", length="9" * 30), *MALFORMED, "R02"),
    Attack("length of words", post(b"hi", length=CANARY), *MALFORMED, "R02"),
    *(
        Attack(
            f"coding {coding!r}",
            head("POST / HTTP/1.1", f"Transfer-Encoding:{coding}") + b"0\r\n\r\n" + SMUGGLED,
            *MALFORMED,
            "R02",
        )
        for coding in (
            " identity",
            " xchunked",
            " chunked, identity",
            " chunked, chunked",
            " gzip, chunked",
            "\x0bchunked",
            ' "chunked"',
            "",
        )
    ),
    Attack(
        "chunks in http 1.0",
        head("POST / HTTP/1.0", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        *MALFORMED,
        "R02",
    ),
    Attack(
        "field with an underscore",
        post(b"hi", "Content_Length: 9", "Content-Type: text/plain"),
        *MALFORMED,
        "R02",
    ),
    Attack(
        "forwarding field with an underscore",
        get("/", "X_Forwarded_For: 1.2.3.4"),
        *MALFORMED,
        "R03",
    ),
    # Paths that two readers read differently.
    *(
        Attack(f"path {path}", get(path), *MALFORMED, "R42")
        for path in (
            "/../etc/passwd",
            "/a/../b",
            "/a/%2e%2e/b",
            "/a/.%2E/b",
            "/a%2fb",
            "/a%5cb",
            "/a\\b",
            "/a%00b",
            "/a%zz",
            f"/verify/{CANARY}/..?token={CANARY}",
        )
    ),
    # Too much. Of what is longer than is read at all, nobody knows where it would have ended: 431.
    Attack("long target", get("/" + "a" * 9000), 414, "uri_too_long", "R08"),
    Attack("very long target", get("/" + "a" * 200_000), 431, "headers_too_large", "R08"),
    Attack("long field", get("/", "X: " + "a" * 40_000), 431, "headers_too_large", "R08"),
    Attack("very long field", get("/", "X: " + "a" * 400_000), 431, "headers_too_large", "R08"),
    Attack("many fields", get("/", *["X: a"] * 120), 431, "headers_too_large", "R08"),
    Attack("very many fields", get("/", *["X: a"] * 5000), 431, "headers_too_large", "R08"),
    Attack(
        "large body",
        post(b"", "Content-Type: text/plain", length="99999999"),
        413,
        "body_too_large",
        "R08",
    ),
    # Bodies that are not what they say.
    Attack(
        "body without a type",
        post(f"token={CANARY}".encode()),
        415,
        "unsupported_media_type",
        "R07",
    ),
    Attack(
        "multipart without a boundary",
        post(b"--\r\n", "Content-Type: multipart/form-data"),
        415,
        "unsupported_media_type",
        "R07",
    ),
    Attack(
        "two types",
        post(b"{}", "Content-Type: application/json", "Content-Type: text/html"),
        *MALFORMED,
        "R07",
    ),
    Attack(
        "gzip that is none",
        post(b"\x1f\x8b", "Content-Type: application/json", "Content-Encoding: gzip"),
        *MALFORMED,
        "R07",
    ),
    Attack(
        "unknown coding",
        post(b"{}", "Content-Type: application/json", "Content-Encoding: compress"),
        415,
        "unsupported_media_type",
        "R07",
    ),
    *(
        Attack(f"json {name}", json_post(body), 422, "contract_violation", "R08")
        for name, body in (
            ("broken", f'{{"password": "{CANARY}"'),
            ("duplicate key", f'{{"token": "{CANARY}", "token": "b"}}'),
            ("deep", "[" * 40 + "]" * 40),
            ("nan", '{"price": NaN}'),
            ("lone surrogate", '{"name": "\\ud800"}'),
            ("byte order mark", b'\xef\xbb\xbf{"a": 1}'),
            ("not utf-8", b'{"a": "\xff"}'),
            ("trailing text", f'{{"a": 1}} {CANARY}'),
        )
    ),
    # A browser in somebody else's hands.
    Attack(
        "foreign preflight",
        head(
            "OPTIONS /orders HTTP/1.1",
            "Origin: https://evil.example",
            "Access-Control-Request-Method: POST",
        ),
        403,
        "origin_not_allowed",
        "R05",
    ),
    Attack(
        "foreign websocket",
        get(
            f"/chat?token={CANARY}",
            "Origin: https://evil.example",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        403,
        "origin_not_allowed",
        "R05",
    ),
]
