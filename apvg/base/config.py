"""Typed configuration to and from plain data (JSON, TOML)."""

from __future__ import annotations

import dataclasses
import types
import typing
from typing import Any, TypeVar

T = TypeVar("T")


def from_dict(cls: type[T], data: Any, where: str = "") -> T:
    """Build a (nested) dataclass from plain data; what the data leaves out keeps its default.

    Raises:
        ValueError: An unknown or missing field, or a value of the wrong type; says where.
    """
    return _build(cls, data, where or cls.__name__)


def to_dict(config: Any) -> dict[str, Any]:
    """Inverse of :func:`from_dict`."""
    return dataclasses.asdict(config)


def _build(kind: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise ValueError(f"{where} must be a table, not {value!r}")
        hints = typing.get_type_hints(kind)
        fields = {field.name: field for field in dataclasses.fields(kind)}
        if unknown := sorted(set(value) - set(fields)):
            raise ValueError(f"{where} has no setting {unknown[0]!r}; it has {', '.join(fields)}")
        built = {name: _build(hints[name], item, f"{where}.{name}") for name, item in value.items()}
        try:
            return typing.cast(Any, kind)(**built)
        except TypeError as error:
            raise ValueError(f"{where}: {error}") from None
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _build(next(a for a in arguments if a is not type(None)), value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f"{where} must be a list, not {value!r}")
        kinds = arguments[:1] * len(value) if arguments[-1] is ... else arguments
        if len(kinds) != len(value):
            raise ValueError(f"{where} must have {len(kinds)} items, not {len(value)}")
        return tuple(
            _build(k, v, f"{where}[{i}]") for i, (k, v) in enumerate(zip(kinds, value, strict=True))
        )
    if origin is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{where} must be a table, not {value!r}")
        return {key: _build(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if origin is typing.Literal:
        if value not in arguments:
            choices = " or ".join(map(repr, arguments))
            raise ValueError(f"{where} must be {choices}, not {value!r}")
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is Any or (isinstance(value, kind) and (kind is bool or not isinstance(value, bool))):
        return value
    raise ValueError(f"{where} must be {kind.__name__}, not {value!r}")
