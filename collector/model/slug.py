"""The name of a job as it stands in a ping's URL."""

import re
import unicodedata

LONGEST_SLUG = 100
SLUG = re.compile(rf"[a-z0-9_-]{{1,{LONGEST_SLUG}}}", re.ASCII)
_OTHER = re.compile(r"[^a-z0-9_]+", re.ASCII)


def slug_of(job: str) -> str | None:
    """Lower case without accents, anything else a hyphen; None where nothing is left."""
    folded = unicodedata.normalize("NFKD", job.casefold())
    letters = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return _OTHER.sub("-", letters).strip("-")[:LONGEST_SLUG].strip("-") or None
