"""Components by name: whoever needs one looks it up, and other packages add their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from apvg.base.errors import ApvgError

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """A mapping of names to components of one kind.

    >>> colours = Registry[int]("colour")
    >>> colours.register("red", 0xFF0000)
    16711680
    >>> sorted(colours)
    ['red']

    Args:
        what: What is registered, for messages.
        group: Entry points of installed packages in this group are registered as well, by their
            names, when something is first looked up.
    """

    def __init__(self, what: str, group: str | None = None) -> None:
        self._what, self._group = what, group
        self._known: dict[str, T] = {}

    def register(self, name: str, component: T) -> T:
        """Add a component; returns it.

        Raises:
            ValueError: Another one has that name.
        """
        if self._known.setdefault(name, component) is not component:
            raise ValueError(f"there is a {self._what} {name!r} already")
        return component

    def __getitem__(self, name: str) -> T:
        """Raises ApvgError (a KeyError, too) where there is none of that name."""
        self._load()
        try:
            return self._known[name]
        except KeyError:
            known = ", ".join(sorted(self._known)) or "none"
            raise UnknownComponent(
                f"there is no {self._what} {name!r}", f"choose one of: {known}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(self._known)

    def __len__(self) -> int:
        self._load()
        return len(self._known)

    def _load(self) -> None:
        if self._group is None:
            return
        group, self._group = self._group, None
        for entry in entry_points(group=group):
            self._known.setdefault(entry.name, entry.load())


class UnknownComponent(ApvgError, KeyError):
    """Nothing of that name is registered."""

    # ApvgError stands first, so that the message is not printed as a KeyError's, in quotes.
