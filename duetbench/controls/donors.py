"""Whose profile a request gets instead of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random

from duetbench.errors import DataError
from duetbench.types import Request


def derangement(names: Iterable[str], seed: int) -> dict[str, str]:
    """A random cycle through all distinct names: each is mapped to another one, and each is the image of one.

    Raises:
        DataError: there is only one name, or none.
    """
    order = sorted(set(names))
    if len(order) < 2:
        raise DataError(f"shuffling needs at least two different users or items, got {len(order)}: predict more rows")
    Random(seed).shuffle(order)
    return dict(zip(order, [*order[1:], order[0]], strict=True))


class Donors:
    """Finds for each request another one, of another user and of another item, whose profile replaces its own.

    The donor is a request of the entity that follows in a random cycle; of several, the one asked at the nearest
    earlier time, so that about as much history was known.

    Args:
        requests: All requests.
        usable: Positions of the requests that have the profile.
        entity: The user or the item of a request.
        seed: Seed of the cycle.

    Raises:
        DataError: all usable requests are of one user or item.
    """

    def __init__(
        self, requests: Sequence[Request], usable: Sequence[int], entity: Callable[[Request], str], seed: int
    ) -> None:
        self._requests = requests
        self._entity = entity
        self._next = derangement((entity(requests[position]) for position in usable), seed)
        self._first = min(self._next)
        self._positions: dict[str, list[int]] = {}
        for position in usable:
            self._positions.setdefault(entity(requests[position]), []).append(position)

    def donor(self, position: int) -> int:
        """Position of the donor of the request at this position.

        Raises:
            DataError: there is none.
        """
        request = self._requests[position]
        own = self._entity(request)
        entity = self._next.get(own, self._first)
        for _ in self._next:
            candidates = [donor for donor in self._positions[entity] if _is_allowed(self._requests[donor], request)]
            if candidates:
                return min(candidates, key=lambda donor: _distance(self._requests[donor], request))
            entity = self._next[entity]
        raise DataError(
            f"{request.request_id} has no partner for shuffling: no other request has another user and another item; "
            "predict more rows"
        )


def _is_allowed(donor: Request, request: Request) -> bool:
    """Another user and another item, and nothing in it that the request's user wrote after the request."""
    if donor.user_id == request.user_id or donor.item.item_id == request.item.item_id:
        return False
    if donor.asked_at <= request.asked_at:
        return True
    return all(line.user_id != request.user_id for line in donor.item_history)


def _distance(donor: Request, request: Request) -> tuple[bool, int, str]:
    """Earlier requests first, the nearest one first."""
    return donor.asked_at > request.asked_at, abs(donor.asked_at - request.asked_at), donor.request_id
