"""Results as plain data: typed dataclasses to what JSON holds, and the JSON schema of it.

A field of a dataclass is a key of an object, unless its annotation says otherwise, as
`Annotated[Motion, Flat()]`: :class:`Flat` puts its keys among those of the object around it,
:class:`Key` gives it another key, :class:`OptionalKey` leaves the key out where there is nothing to
say. Numbers that JSON lacks (NaN, infinity) become null.
"""

from __future__ import annotations

import inspect
import math
import re
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Literal

import numpy as np

#: The dialect that :func:`json_schema` writes.
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_SIMPLE: dict[Any, Any] = {
    float: {"type": ["number", "null"]},
    int: {"type": "integer"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    type(None): {"type": "null"},
}


@dataclass(frozen=True)
class Flat:
    """Of a dataclass or a mapping: its keys stand among those of the object around it; None has
    none.

    Attributes:
        form: What becomes of each key, as "energy_{}".
        open_to: Of a mapping to values of any type: which of the `known` keys of
            :func:`json_schema` it may have.
    """

    form: str = "{}"
    open_to: str = ""


@dataclass(frozen=True)
class Key:
    """Of a field whose key is no Python name."""

    name: str


@dataclass(frozen=True)
class OptionalKey:
    """Of a field that is left out where it is None."""


@dataclass(frozen=True)
class _Entry:
    """A field: its name, its type, and how it is written."""

    name: str
    kind: Any
    key: str
    flat: Flat | None
    optional: bool


@cache
def _entries(kind: type) -> Sequence[_Entry]:
    hints = typing.get_type_hints(kind, include_extras=True)
    found = []
    for item in fields(kind):
        hint, marks = hints[item.name], ()
        if typing.get_origin(hint) is typing.Annotated:
            hint, *marks = typing.get_args(hint)
        key = next((mark.name for mark in marks if isinstance(mark, Key)), item.name)
        flat = next((mark for mark in marks if isinstance(mark, Flat)), None)
        optional = any(isinstance(mark, OptionalKey) for mark in marks)
        found.append(_Entry(item.name, hint, key, flat, optional))
    return found


def to_plain(value: Any) -> Any:
    """What JSON holds of a value: objects, lists, numbers, strings, true, false and null."""
    if is_dataclass(value):
        plain: dict[str, Any] = {}
        for entry in _entries(type(value)):
            item = getattr(value, entry.name)
            if entry.flat is not None:
                inner = to_plain(item) or {}
                plain |= {entry.flat.form.format(key): part for key, part in inner.items()}
            elif not (entry.optional and item is None):
                plain[entry.key] = to_plain(item)
        return plain
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def json_schema(kind: type, known: Mapping[str, Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """The JSON schema of what :func:`to_plain` makes of a dataclass; descriptions are those of its
    docstring.

    Args:
        kind: The dataclass.
        known: For fields that are open (see :class:`Flat`): the types of the keys that are known.
            Others are allowed.
    """
    writer = _Writer(known or {})
    top = writer.write(kind)
    return (
        {"$schema": DIALECT, "title": kind.__name__}
        | writer.definitions.pop(kind.__name__, top)
        | {"$defs": dict(sorted(writer.definitions.items()))}
    )


class _Writer:
    """Collects a definition for each dataclass that it meets."""

    def __init__(self, known: Mapping[str, Mapping[str, Any]]) -> None:
        self.known = known
        self.definitions: dict[str, Any] = {}

    def write(self, kind: Any) -> dict[str, Any]:
        """The schema of a type."""
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if kind in _SIMPLE:
            return dict(_SIMPLE[kind])
        if is_dataclass(kind):
            name = typing.cast(type, kind).__name__
            if name not in self.definitions:
                self.definitions[name] = {}  # met: types may hold themselves
                self.definitions[name] = self._object(kind)
            return {"$ref": f"#/$defs/{name}"}
        if origin in (typing.Union, types.UnionType):
            choices = [self.write(argument) for argument in arguments if argument is not type(None)]
            return {"anyOf": [*choices, {"type": "null"}]}
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin in (list, tuple, Sequence):
            return {"type": "array", "items": self.write(arguments[0])}
        if origin in (dict, Mapping):
            return {"type": "object", "additionalProperties": self.write(arguments[1])}
        if kind is Any:
            return {}
        raise TypeError(f"{kind} has no JSON schema")

    def _object(self, kind: Any) -> dict[str, Any]:
        said = descriptions(kind)
        properties: dict[str, Any] = {}
        patterns: dict[str, Any] = {}
        required: list[str] = []
        others: Any = False
        for entry in _entries(kind):
            inner, flat = _without_none(entry.kind), entry.flat
            if flat is None:
                properties[entry.key] = self.write(inner if entry.optional else entry.kind)
                if text := said.get(entry.name):
                    properties[entry.key] |= {"description": text}
                required += [] if entry.optional else [entry.key]
            elif is_dataclass(inner):
                merged = self._object(inner)
                properties |= {flat.form.format(k): v for k, v in merged["properties"].items()}
                patterns |= merged.get("patternProperties", {})
                others = others or merged["additionalProperties"]
                if inner is entry.kind:
                    required += [flat.form.format(key) for key in merged["required"]]
            elif flat.open_to:
                known = self.known.get(flat.open_to, {})
                properties |= {flat.form.format(key): self.write(k) for key, k in known.items()}
                others = True
            elif flat.form == "{}":
                others = self.write(typing.get_args(inner)[1])
            else:
                pattern = ".+".join(map(re.escape, flat.form.split("{}")))
                patterns[f"^{pattern}$"] = self.write(typing.get_args(inner)[1])
        schema = {
            "description": inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("\n", " "),
            "type": "object",
            "properties": properties,
            "patternProperties": patterns,
            "required": required,
            "additionalProperties": others,
        }
        return {key: part for key, part in schema.items() if key != "patternProperties" or part}


def descriptions(kind: type) -> dict[str, str]:
    """What the docstrings of a dataclass and of those that it extends say of each attribute."""
    found: dict[str, str] = {}
    for cls in reversed(kind.__mro__[:-1]):
        _, _, listed = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")
        entry = r"^    (\w[\w, ]*): ((?:.|\n(?!    \w[\w, ]*: |\n|\S))*)"
        for names, text in re.findall(entry, listed, re.MULTILINE):
            found |= dict.fromkeys(names.split(", "), " ".join(text.split()))
    return found


def _without_none(kind: Any) -> Any:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        rest = [argument for argument in typing.get_args(kind) if argument is not type(None)]
        return rest[0] if len(rest) == 1 else kind
    return kind
