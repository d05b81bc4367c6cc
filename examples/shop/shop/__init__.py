"""A small shop that works, and takes no care of its own security.

The weaknesses are on purpose and listed in the README. Never expose it as it is.
"""
