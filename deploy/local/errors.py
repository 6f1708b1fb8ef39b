class UnavailableError(Exception):
    """A local server or program cannot be had here; the sentence says which, why, and the way out."""
