"""Payloads: Python values are sent exactly, or their document is rejected with the path of the value."""

import asyncio
import collections
import dataclasses
import datetime
import decimal
import enum
import json
import math
import random
import string
import types
import uuid
from decimal import Decimal

import numpy as np
import pytest

from splade_sidecar import AsyncClient, Document
from splade_sidecar import messages as client_messages
from splade_sidecar.payload import payload_json
from splade_sidecar.v1 import index_service_pb2 as index
from splade_sidecar.v1.document_pb2 import StoredDocument
from splade_sidecar.v1.query_pb2 import Hit
from splade_sidecar.validation import InvalidValueError

UTC = datetime.timezone.utc


class Color(enum.Enum):
    RED = "red"
    NESTED = (1, Decimal("2.5"))


class Name(str, enum.Enum):
    A = "a"


class Unequal(str):
    """A str that is not equal to a plain str with the same characters, and so another key of a dict."""

    def __eq__(self, other):
        return self is other

    def __hash__(self):
        return id(self)


@dataclasses.dataclass
class Point:
    x: int


class NAType:
    """Stand-in for pandas' NA, since pandas is not a dependency."""


class NaTType(datetime.datetime):
    """Stand-in for pandas' NaT, a missing value that is an instance of datetime."""


class Hostile:
    def __init__(self, name):
        self._name = name

    def __getattr__(self, name):
        raise RuntimeError(f"no {name}")

    def __repr__(self):
        raise RuntimeError("no repr")


Pair = collections.namedtuple("Pair", "a b")
WHEN = datetime.datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
LOCAL_MEAN_TIME = datetime.timezone(datetime.timedelta(minutes=53, seconds=28))

CONVERTED = [
    (None, None),
    (True, True),
    (7, 7),
    (2**63 - 1, 2**63 - 1),
    (-(2**63), -(2**63)),
    (2**53 + 1, 2**53 + 1),
    (0.1, 0.1),
    (7.0, 7),
    (5e-324, 5e-324),
    (1.7976931348623157e308, 1.7976931348623157e308),
    (1e300, 1e300),
    (1e22, 1e22),
    ("größe ☃ \u2028 \0 😀", "größe ☃ \u2028 \0 😀"),
    ({}, {}),
    ([], []),
    ({"": {"": 1}}, {"": {"": 1}}),
    ((1, (2,)), [1, [2]]),
    (Pair(1, 2), [1, 2]),
    (collections.deque([1, 2]), [1, 2]),
    (range(3), [0, 1, 2]),
    (collections.OrderedDict(a=1), {"a": 1}),
    (types.MappingProxyType({"a": 1}), {"a": 1}),
    (collections.ChainMap({"a": 1}, {"b": 2}), {"a": 1, "b": 2}),
    (WHEN, "2026-03-04T05:06:07.000089+00:00"),
    (datetime.datetime(2026, 3, 4, 5, 6, 7), "2026-03-04T05:06:07"),
    (datetime.datetime(1900, 1, 1, tzinfo=LOCAL_MEAN_TIME), "1899-12-31T23:06:32+00:00"),
    (datetime.date(2026, 3, 4), "2026-03-04"),
    (datetime.time(5, 6), "05:06:00"),
    (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    (Decimal("7.00"), 7),
    (Decimal(2**63 - 1), 2**63 - 1),
    (Decimal("0.1"), 0.1),
    (Decimal("-1E-400"), 0),
    (Color.RED, "red"),
    (Color.NESTED, [1, 2.5]),
    (Name.A, "a"),
    ({Name.A: 1}, {"a": 1}),
    (NAType(), None),
    (NaTType(1, 1, 1), None),
    (np.int64(2**63 - 1), 2**63 - 1),
    (np.uint8(7), 7),
    (np.float32(0.5), 0.5),
    (np.float64(0.1), 0.1),
    (np.longdouble(0.5), 0.5),
    (np.bool_(True), True),
    (np.str_("text"), "text"),
    ({np.str_("key"): 1}, {"key": 1}),
    (np.datetime64("2026-03-04T05:06:07", "ns"), "2026-03-04T05:06:07.000000000"),
    (np.datetime64("NaT"), None),
    (np.array(7), 7),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    (np.array([0.5], dtype=np.float16), [0.5]),
    (np.array([0.5], dtype=np.longdouble), [0.5]),
    (np.array(["2026-03-04", "NaT"], dtype="datetime64[ns]"), ["2026-03-04T00:00:00.000000000", None]),
    (np.array([True, False]), [True, False]),
    (np.array(["a", "b"]), ["a", "b"]),
    (np.array([1, "a", None, Decimal(2)], dtype=object), [1, "a", None, 2]),
]

UNSUPPORTED = [
    (math.nan, "", "nan can't be stored as JSON"),
    ([1, -math.inf], "[1]", "finite"),
    (2**63, "", "integer exceeds 64 bits"),
    (-(2**63) - 1, "", "integer exceeds 64 bits"),
    (10**5000, "", "integer exceeds 64 bits"),
    (Decimal("1E+30"), "", "integer exceeds 64 bits"),
    (Decimal("1E+1000000"), "", "integer exceeds 64 bits"),
    (Decimal("NaN"), "", "can't be stored as JSON"),
    (Decimal("sNaN"), "", "can't be stored as JSON"),
    (np.float32("nan"), "", "finite"),
    (np.uint64(2**64 - 1), "", "integer exceeds 64 bits"),
    (np.array([1.0, math.nan]), "[1]", "finite"),
    (np.array([[1], [2**63]], dtype=np.uint64), "[1][0]", "integer exceeds 64 bits"),
    (np.timedelta64(1, "s"), "", "timedelta64"),
    (np.array([1], dtype="timedelta64[s]"), "[0]", "timedelta64"),
    (np.array([(1, 2)], dtype=[("a", "i4"), ("b", "i4")]), "", "structured"),
    (np.array([b"bytes"]), "[0]", "decode"),
    (np.complex64(1), "", "complex64"),
    (b"bytes", "", "base64"),
    (bytearray(b"bytes"), "", "base64"),
    (memoryview(b"bytes"), "", "base64"),
    ({1, 2}, "", "sorted"),
    (frozenset(), "", "sorted"),
    (1 + 2j, "", "complex"),
    (datetime.timedelta(1), "", "total_seconds"),
    (Point(1), "", "asdict"),
    (object(), "", "type object can't be stored as JSON"),
    (Hostile("x"), None, ""),
    ((one for one in [1]), "", "generator"),
    ({1: "int"}, "", "expected str keys, got int (1)"),
    ({None: "None"}, "", "expected str keys, got NoneType"),
    ({(1, 2): "tuple"}, "", "expected str keys, got tuple"),
    ({"a": [0, {"b": {True: 1}}]}, ".a[1].b", "expected str keys, got bool (True)"),
    ("lone \ud800", "", "U+D800"),
    ({"lone \udc80": 1}, ".lone \\udc80", "U+DC80"),
    ({Unequal("a"): 1, "a": 2}, ".a", "duplicate key"),
]


@pytest.mark.parametrize("place", range(len(CONVERTED)))
def test_common_types_are_converted(place):
    given, wanted = CONVERTED[place]
    made = json.loads(payload_json({"field": given}))
    assert made == {"field": wanted}
    assert type(made["field"]) in (type(wanted), float), "the server converts integral floats to integers"


@pytest.mark.parametrize("place", range(len(UNSUPPORTED)))
def test_errors_name_the_path_of_an_unsupported_value(place):
    given, path, message = UNSUPPORTED[place]
    if path is None:
        with pytest.raises(RuntimeError):
            payload_json({"field": given})
        return
    with pytest.raises(InvalidValueError) as caught:
        payload_json({"field": given})
    error = caught.value.item_error()
    assert error.field == f"payload.field{path}"
    assert message in error.message
    error.message.encode()


def cyclic():
    one = {"list": []}
    one["list"].append(one)
    return one


def deep(levels, kind):
    value = 1
    for _ in range(levels):
        value = {"in": value} if kind is dict else [value]
    return {"in": value}


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        (cyclic(), "payload.list[0]", "contains itself"),
        (deep(100_000, dict), "payload.in.in", "nested more than 100 levels deep"),
        (deep(100_000, list), "payload.in[0][0]", "nested more than 100 levels deep"),
        ([1], "payload", "expected a mapping, such as a dict, got list"),
        ("text", "payload", "expected a mapping, such as a dict, got str"),
        (7, "payload", "got int"),
    ],
)
def test_invalid_payloads_are_rejected(given, field, message):
    with pytest.raises(InvalidValueError) as caught:
        payload_json(given)
    error = caught.value.item_error()
    assert error.field.startswith(field) and message in error.message
    assert len(error.field) < 600


def test_the_server_returns_what_was_sent(sidecar, client):
    given = [Document(f"document {n}", n, {"value": value}) for n, (value, _) in enumerate(CONVERTED)]
    summary = client.ingest(given, "converted", create_collection=True).wait()
    assert summary.indexed == len(given), summary.rejections
    hits = {hit.id: hit.payload for hit in client.search("converted", "document", limit=1000)}
    assert len(hits) == len(given)
    for n, (_, wanted) in enumerate(CONVERTED):
        assert hits[n] == {"text": f"document {n}", "value": wanted}
        assert type(hits[n]["value"]) is type(wanted) or wanted in (1e22, 1e300)

    async def main():
        async with AsyncClient(sidecar.address) as async_client:
            return await async_client.search("converted", "document", limit=1000)

    assert {hit.id: hit.payload for hit in asyncio.run(main())} == hits


def test_whole_numbers_are_exact_there_and_back(client):
    rng = random.Random(7)
    numbers = [rng.randint(-(2**63), 2**63 - 1) for _ in range(200)] + [2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]
    payload = {"numbers": numbers, "inner": {"n": numbers[0]}}
    client.ingest([{"id": 1, "text": "numbers", "payload": payload}], "exact", create_collection=True).wait()
    [hit] = client.search("exact", "numbers")
    assert hit.payload == {"text": "numbers", **payload}
    assert all(type(number) is int for number in hit.payload["numbers"])
    for number in (numbers[0], 2**53 + 1):
        filter = {"must": [{"path": "numbers", "match": number}]}
        assert len(client.search("exact", "numbers", filter=filter)) == 1
    assert client.search("exact", "numbers", filter={"must": [{"path": "numbers", "match": 2**53 + 2}]}) == []


def test_payloads_of_either_format_are_read():
    exact = StoredDocument(payload_json='{"n":9007199254740993}')
    doubles = StoredDocument()
    doubles.payload.update({"n": 7.0, "x": 0.5, "list": [None, True, "a"]})
    unreadable = StoredDocument(payload_unreadable=True)
    too_deep = StoredDocument(payload_json='{"a":' * 200_000 + "1" + "}" * 200_000)
    given = [exact, doubles, unreadable, too_deep, StoredDocument()]
    response = index.SearchResponse(hits=[Hit(document=document, score=1) for document in given])
    hits = client_messages.hits(response)
    assert [hit.payload for hit in hits] == [
        {"n": 2**53 + 1},
        {"n": 7, "x": 0.5, "list": [None, True, "a"]},
        {},
        {},
        {},
    ]
    assert [hit.document.payload_unreadable for hit in hits] == [False, False, True, True, False]


BAD_LEAVES = [given for given, _, _ in UNSUPPORTED]


class Values:
    """Generator of random Python values, some of which contain an unsupported value."""

    def __init__(self, rng, bad_share):
        self.rng, self.bad_share, self.has_bad = rng, bad_share, False

    def any(self, depth=0):
        rng = self.rng
        if rng.random() < self.bad_share:
            self.has_bad = True
            return rng.choice(BAD_LEAVES)
        if depth < 4 and rng.random() < 0.4:
            if rng.random() < 0.5:
                return self.mapping(depth + 1)
            return rng.choice([list, tuple])(self.any(depth + 1) for _ in range(rng.randint(0, 4)))
        return rng.choice(CONVERTED)[0] if rng.random() < 0.5 else self.leaf()

    def mapping(self, depth=0):
        names = {self.text() for _ in range(self.rng.randint(0, 4))}
        return {name: self.any(depth) for name in sorted(names)}

    def text(self):
        letters = string.ascii_letters + ' .[]"\\\u00e9\u2603\U0001f600'
        return "".join(self.rng.choice(letters) for _ in range(self.rng.randint(0, 8)))

    def leaf(self):
        rng = self.rng
        return rng.choice([rng.randint(-(2**63), 2**63 - 1), rng.gauss(0, 1e3), rng.random() * 1e300, self.text()])


def test_a_document_is_stored_exactly_or_rejected_by_its_path(client):
    """Property: any payload is either returned exactly as JSON, or only its document is rejected."""
    rng = random.Random(42)
    given, bad = [], set()
    for number in range(1, 401):
        values = Values(rng, rng.choice([0, 0, 0.2]))
        payload = {"payload": values.any()}
        if values.has_bad:
            bad.add(number)
        given.append({"id": number, "text": f"document {number}", "payload": payload})
    results = {result.number: result for result in client.ingest(given, "laws", create_collection=True)}
    assert set(results) == set(range(1, 401))
    assert {number for number, result in results.items() if result.status == "rejected"} == bad
    assert 20 < len(bad) < 350
    hits = {hit.id: hit.payload for hit in client.search("laws", "document", limit=1000)}
    assert set(hits) == set(results) - bad
    for number, payload in hits.items():
        sent = json.loads(payload_json(given[number - 1]["payload"]))
        assert payload == {"text": f"document {number}", **sent}
    for number in bad:
        error = results[number].error
        assert results[number].id == number
        assert (error.code, error.reason) == (3, "MALFORMED_DOCUMENT")
        assert error.field.startswith("payload.payload") or "RuntimeError" in error.message
        assert error.message.encode()


def test_decimals_do_not_depend_on_the_context():
    with decimal.localcontext() as context:
        context.prec = 3
        made = json.loads(payload_json({"n": Decimal(2**63 - 1), "x": Decimal("0.12345678")}))
    assert made == {"n": 2**63 - 1, "x": 0.12345678}
