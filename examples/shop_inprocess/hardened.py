"""The shop with Buckler in it: `hardened:app`."""

from pathlib import Path

from buckler import Buckler
from shop.main import app

app.add_middleware(Buckler, policy=Path(__file__).with_name("buckler.toml"))
