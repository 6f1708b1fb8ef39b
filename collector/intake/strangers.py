"""How many wrong keys an address may bring: pure, and of a bounded size."""

import math
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

# A machine set up wrongly tries a few times while somebody corrects it; a key has 122 random bits or more,
# so what is limited is the load of look-ups and the noise of a broken script, not the luck of a guess.
FAILURES = 20
EVERY_S = 3.0
MOST_ADDRESSES = 10_000
_NETWORK_BITS = 64


@dataclass(frozen=True)
class _Bucket:
    left: float
    at: float

    def left_at(self, now: float) -> float:
        return min(FAILURES, self.left + (now - self.at) / EVERY_S)


class Strangers:
    """A bucket of failures for each address, IPv6 by its /64: one customer has as many addresses as he likes there.

    Many failures under way at once may overdraw it, by as much as it holds: nobody waits longer than two minutes.
    An address that is forgotten for others starts anew.
    """

    def __init__(self) -> None:
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def wait_s(self, address: str, now: float) -> int:
        """Whole seconds until this address may fail again; 0 when it may now."""
        bucket = self._buckets.get(neighbourhood(address))
        if bucket is None:
            return 0
        return max(0, math.ceil((1 - bucket.left_at(now)) * EVERY_S))

    def failed(self, address: str, now: float) -> None:
        """It brought a key that opens nothing."""
        whose = neighbourhood(address)
        bucket = self._buckets.pop(whose, _Bucket(FAILURES, now))
        self._buckets[whose] = _Bucket(max(-FAILURES, bucket.left_at(now) - 1), now)
        if len(self._buckets) > MOST_ADDRESSES:
            self._buckets.popitem(last=False)


def neighbourhood(address: str) -> str:
    """Who is counted as one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return f"{int(parsed) >> _NETWORK_BITS:x}::"
