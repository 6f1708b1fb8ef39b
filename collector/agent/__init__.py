"""The practice's side: standard library only, imports nothing but its own files, ships as one zipapp.

Python 3.9 and later: practices keep their machines longer than we would.
"""

from .command import main

__all__ = ["main"]
