"""What every stack is asked to enforce, said once."""

HOST = "api.example.com"
ORIGIN = "https://app.example.com"
METHODS = ("GET", "POST")
REQUEST_FIELDS = ("authorization", "content-type")
MAX_AGE_SECONDS = 600
MEDIA_TYPE = "application/json"

# Small, so that a refusal is measured and not the reading of what was sent in vain.
MAX_BODY = 4096

# What an answer says to a page of that origin.
SHARED = (
    ("access-control-allow-origin", ORIGIN),
    ("access-control-allow-credentials", "true"),
    ("vary", "Origin"),
)

# What Buckler adds to an answer with data that goes over plain HTTP, its request id aside.
FIELDS = (
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    (
        "permissions-policy",
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), "
        "idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), payment=(), "
        "serial=(), usb=(), xr-spatial-tracking=()",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-xss-protection", "0"),
)
