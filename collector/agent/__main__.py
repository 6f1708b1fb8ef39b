"""`python -m collector.agent`, and the same from the zipapp."""

from .command import main

raise SystemExit(main())
