"""The nearest known name, for the remedies of misspelt ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like this one, whatever the letter case; None if none is near."""
    by_lower = {k.lower(): k for k in known}
    close = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[close[0]] if close else None


def suggest(name: str, known: Iterable[str]) -> str:
    """A remedy for an unknown name: `did you mean x? known: x, y`."""
    names = sorted(known)
    close = nearest(name, names)
    listed = f"known: {', '.join(names) or 'none'}"
    return f"did you mean {close}? {listed}" if close else listed
