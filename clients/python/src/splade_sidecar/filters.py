"""Filters: conversion of Python values to messages of the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from splade_sidecar.ids import document_id
from splade_sidecar.payload import plain_value
from splade_sidecar.validation import InvalidValueError, type_name

VALUE_KINDS = ("keyword", "integer", "boolean")
LIST_KINDS = ("keywords", "integers")


def expand_filter(given: Any, path: str) -> Any:
    """Expands the short forms of a filter to the JSON form of the `Filter` message.

    The short forms are `"match": value`, `"match_any": [values]`, `"match_none": [values]` and `"has_id": [ids]`, with
    ids in every form that other calls accept. Raises ValueError, naming the path, for a value of another type.
    """
    if isinstance(given, Message):
        return json_format.MessageToDict(given, preserving_proto_field_name=True)
    if isinstance(given, Mapping):
        return {name: _expand(name, value, f"{path}.{name}") for name, value in given.items()}
    if isinstance(given, (list, tuple)):
        return [expand_filter(value, f"{path}[{index}]") for index, value in enumerate(given)]
    return given


def _expand(name: Any, value: Any, path: str) -> Any:
    if name == "match":
        return value if _has_keys(value, VALUE_KINDS) else _match(value, path)
    if name in ("match_any", "matchAny", "match_none", "matchNone"):
        return value if _has_keys(value, LIST_KINDS) else _match_list(value, path)
    if name in ("has_id", "hasId"):
        ids, path = (value["ids"], f"{path}.ids") if _has_keys(value, ("ids",)) else (value, path)
        messages = [document_id(each, f"{path}[{index}]") for index, each in enumerate(_list(ids, path))]
        return {"ids": [json_format.MessageToDict(each) for each in messages]}
    return expand_filter(value, path)


def _has_keys(value: Any, names: tuple[str, ...]) -> bool:
    return isinstance(value, Mapping) and len(value) == 1 and next(iter(value)) in names


def _list(given: Any, path: str) -> list[Any]:
    if isinstance(given, (str, bytes, bytearray, Mapping, Message)) or not isinstance(given, Iterable):
        raise InvalidValueError(path, f"expected a list, got {type_name(given)}")
    return list(given)


def _match(given: Any, path: str) -> dict[str, Any]:
    value = _value(given, path)
    name = "boolean" if isinstance(value, bool) else "integer" if isinstance(value, int) else "keyword"
    return {name: value}


def _match_list(given: Any, path: str) -> dict[str, Any]:
    values = [_value(each, f"{path}[{index}]") for index, each in enumerate(_list(given, path))]
    types = {type(value) for value in values}
    if bool in types:
        raise InvalidValueError(path, "lists of booleans are not supported; use `match` with one boolean")
    if len(types) > 1:
        raise InvalidValueError(path, "mixes strings and integers; use one condition per type")
    return {"integers" if types == {int} else "keywords": values}


def _value(given: Any, path: str) -> Any:
    """Converts a value to the type in which payloads store it: str, int or bool."""
    value = plain_value(given, path)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, float):
        raise InvalidValueError(path, "fractional numbers can't be matched; use `range` with `gte` and `lte`")
    if not isinstance(value, (str, int)):
        raise InvalidValueError(path, f"expected a str, an int or a bool, got {type_name(given)}")
    return value
