"""Read by every interpreter of a run at its start, those that a suite starts itself included."""

from suites.transparent.wrapping import install

install()
