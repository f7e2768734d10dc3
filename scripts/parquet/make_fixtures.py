"""Writes tests/data/parquet: Parquet files of several writers, and their expected contents as JSON.

pip install -r scripts/parquet/requirements.txt
python scripts/parquet/make_fixtures.py
"""

import datetime as dt
import json
import uuid
from decimal import Decimal
from pathlib import Path

import duckdb
import fastparquet
import pandas
import polars
import pyarrow as pa
import pyarrow.parquet as pq

DIRECTORY = Path(__file__).parents[2] / "tests/data/parquet"
CODECS = ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]
UTC = dt.timezone.utc


def write_groups():
    """Writes 100 rows in four row groups, with pages of a few rows."""
    rows = range(1, 101)
    table = pa.table({"id": list(rows), "text": [f"document {row}" for row in rows], "n": [row % 7 for row in rows]})
    pq.write_table(table, DIRECTORY / "groups.parquet", row_group_size=30, data_page_size=64, write_batch_size=8)


def write_codecs():
    """Writes the same rows with each codec; the column `tag` is dictionary-encoded."""
    table = pa.table({"id": [1, 2, 3], "text": ["a fox", "a wing", None], "tag": ["x", "x", None]})
    for codec in CODECS:
        for version in ["1.0", "2.0"]:
            path = DIRECTORY / f"codec-{codec}-{version[0]}.parquet"
            pq.write_table(table, path, compression=codec, data_page_version=version)


def write_types():
    """Writes a row of values and a row of nulls for each type; `types.json` has the expected values."""
    timestamp = dt.datetime(2024, 2, 29, 12, 30, 0, 250_000)
    identifier = uuid.UUID("f47ac10b-58cc-4372-a567-0e02b2c3d479")
    # Name, type, value, and the expected JSON value.
    columns = [
        ("id", pa.string(), "a-1", "a-1"),
        ("text", pa.string(), "a fox", "a fox"),
        ("large_text", pa.large_string(), "a wing", "a wing"),
        ("yes", pa.bool_(), True, True),
        ("i8", pa.int8(), -8, -8),
        ("i16", pa.int16(), -16, -16),
        ("i32", pa.int32(), -32, -32),
        ("i64", pa.int64(), 2**53, 2**53),
        ("beyond", pa.int64(), -(2**53) - 1, -(2**53) - 1),
        ("u8", pa.uint8(), 255, 255),
        ("u16", pa.uint16(), 65535, 65535),
        ("u32", pa.uint32(), 2**32 - 1, 2**32 - 1),
        ("u64", pa.uint64(), 2**64 - 1, 2**64 - 1),
        ("f16", pa.float16(), 0.5, 0.5),
        ("f32", pa.float32(), 0.1, 0.1),
        ("f64", pa.float64(), 0.1, 0.1),
        ("price", pa.decimal128(9, 2), Decimal("-19.90"), -19.9),
        ("whole", pa.decimal128(9, 0), Decimal("19"), 19),
        ("exact", pa.decimal128(38, 4), Decimal("-0.0001"), -0.0001),
        ("day", pa.date32(), dt.date(1969, 12, 31), "1969-12-31"),
        ("time_ms", pa.time32("ms"), dt.time(12, 30, 0, 250_000), "12:30:00.25"),
        ("time_us", pa.time64("us"), dt.time(12, 30, 0, 1), "12:30:00.000001"),
        ("time_ns", pa.time64("ns"), dt.time(12, 30), "12:30:00"),
        ("local_ms", pa.timestamp("ms"), timestamp, "2024-02-29T12:30:00.25"),
        ("local_us", pa.timestamp("us"), timestamp, "2024-02-29T12:30:00.25"),
        ("local_ns", pa.timestamp("ns"), timestamp, "2024-02-29T12:30:00.25"),
        ("utc_ms", pa.timestamp("ms", "UTC"), timestamp.replace(tzinfo=UTC), "2024-02-29T12:30:00.25Z"),
        ("utc_us", pa.timestamp("us", "UTC"), timestamp.replace(tzinfo=UTC), "2024-02-29T12:30:00.25Z"),
        ("utc_ns", pa.timestamp("ns", "Europe/Berlin"), timestamp.replace(tzinfo=UTC), "2024-02-29T12:30:00.25Z"),
        ("bytes_of_text", pa.binary(), "é".encode(), "é"),
        ("uuid", pa.uuid(), identifier.bytes, str(identifier)),
        ("word", pa.dictionary(pa.int8(), pa.string()), "red", "red"),
        ("list", pa.list_(pa.int64()), [1, None, 3], [1, None, 3]),
        ("empty", pa.list_(pa.string()), [], []),
        ("lists", pa.list_(pa.list_(pa.string())), [["a"], [], None, ["b", "c"]], [["a"], [], None, ["b", "c"]]),
        ("days", pa.list_(pa.timestamp("ns")), [timestamp], ["2024-02-29T12:30:00.25"]),
        (
            "by",
            pa.struct({"name": pa.string(), "at": pa.timestamp("ns")}),
            {"name": "Ann", "at": timestamp},
            {"name": "Ann", "at": "2024-02-29T12:30:00.25"},
        ),
        (
            "people",
            pa.list_(pa.struct({"name": pa.string(), "tags": pa.list_(pa.string())})),
            [{"name": "Ann", "tags": ["x"]}, {"name": None, "tags": None}],
            [{"name": "Ann", "tags": ["x"]}, {"name": None, "tags": None}],
        ),
        ("counts", pa.map_(pa.string(), pa.int32()), [("a", 1), ("b", None)], {"a": 1, "b": None}),
        ("nothing", pa.null(), None, None),
    ]
    expected = [
        {name: value for name, _, _, value in columns},
        {name: None for name, *_ in columns} | {"text": "nulls"},
    ]
    arrays = [pa.array([value, "nulls" if name == "text" else None], kind) for name, kind, value, _ in columns]
    table = pa.Table.from_arrays(arrays, names=[name for name, *_ in columns])
    # Omitting dictionaries and statistics reduces the file to a third.
    pq.write_table(
        table, DIRECTORY / "types.parquet", write_statistics=False, use_dictionary=["word"], compression="zstd"
    )
    (DIRECTORY / "types.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


def write_ids():
    """Writes columns of possible ids; `ids.json` has the expected ids, or "refused", or "made" for a derived id."""
    uuid_text = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
    num = lambda number: {"num": str(number)}  # noqa: E731
    columns = [
        ("i64", pa.int64(), [7, 2**53 + 1, -1], [num(7), num(2**53 + 1), "refused"]),
        ("u64", pa.uint64(), [2**63, 2**64 - 1, None], [num(2**63), num(2**64 - 1), "made"]),
        ("f64", pa.float64(), [7.0, 2.0**53 - 1, 7.5], [num(7), num(2**53 - 1), "refused"]),
        ("large_f64", pa.float64(), [2.0**53, float("nan"), float("inf")], ["refused"] * 3),
        ("f32", pa.float32(), [7.0, 2.0**24 - 1, 2.0**24], [num(7), num(2**24 - 1), "refused"]),
        ("d20", pa.decimal128(20, 0), [7, 2**64 - 1, 2**64], [num(7), num(2**64 - 1), "refused"]),
        (
            "d38",
            pa.decimal128(38, 4),
            [Decimal("7.0000"), Decimal("7.5"), Decimal("-1")],
            [num(7), "refused", "refused"],
        ),
        (
            "name",
            pa.string(),
            [uuid_text.upper(), "7", uuid_text.replace("-", "")],
            [{"uuid": uuid_text}, {"key": "7"}, {"key": uuid_text.replace("-", "")}],
        ),
        (
            "uuid",
            pa.uuid(),
            [uuid.UUID(uuid_text).bytes, uuid.UUID(int=0).bytes, None],
            [{"uuid": uuid_text}, {"uuid": str(uuid.UUID(int=0))}, "made"],
        ),
        ("bytes", pa.binary(), [b"7", uuid_text.encode(), b"\xff"], [{"key": "7"}, {"uuid": uuid_text}, "refused"]),
        (
            "key",
            pa.struct({"key": pa.string()}),
            [{"key": uuid_text}, {"key": "7"}, None],
            [{"key": uuid_text}, {"key": "7"}, "made"],
        ),
        ("yes", pa.bool_(), [True, False, None], ["refused", "refused", "made"]),
    ]
    arrays = [pa.array(["a text", "a text", "a text"])] + [pa.array(values, kind) for _, kind, values, _ in columns]
    table = pa.Table.from_arrays(arrays, names=["text"] + [name for name, *_ in columns])
    pq.write_table(table, DIRECTORY / "ids.parquet", write_statistics=False, use_dictionary=False, compression="zstd")
    expected = {name: values for name, _, _, values in columns}
    (DIRECTORY / "ids.json").write_text(json.dumps(expected, indent=1) + "\n")


def write_numbers():
    """Writes columns of payload numbers; `numbers.json` has the expected value of each row, or "refused"."""
    columns = [
        ("i64", pa.int64(), [2**63 - 1, -(2**63), None], [2**63 - 1, -(2**63), None]),
        ("f64", pa.float64(), [0.1, 1e300, 5.0], [0.1, 1e300, 5]),
        ("not", pa.float64(), [float("nan"), float("inf"), float("-inf")], ["refused"] * 3),
        (
            "d18",
            pa.decimal128(18, 2),
            [Decimal("5.00"), Decimal("0.10"), Decimal("-12345678901234.56")],
            [5, 0.1, -12345678901234.56],
        ),
        ("d38", pa.decimal128(38, 0), [2**63 - 1, -(2**63), 10**37], [2**63 - 1, -(2**63), "refused"]),
        ("in_list", pa.list_(pa.float64()), [[1.0], [float("nan")], []], [[1], "refused", []]),
        ("twice", pa.map_(pa.string(), pa.int32()), [[("a", 1)], [("a", 1), ("a", 2)], []], [{"a": 1}, "refused", {}]),
    ]
    arrays = [pa.array(["a text", "a text", "a text"])] + [pa.array(values, kind) for _, kind, values, _ in columns]
    table = pa.Table.from_arrays(arrays, names=["text"] + [name for name, *_ in columns])
    pq.write_table(
        table, DIRECTORY / "numbers.parquet", write_statistics=False, use_dictionary=False, compression="zstd"
    )
    expected = {name: values for name, _, _, values in columns}
    (DIRECTORY / "numbers.json").write_text(json.dumps(expected, indent=1) + "\n")


def write_warehouse():
    """Writes decimals, dates, times and bytes of data warehouses; `warehouse.json` has the expected values."""
    D = Decimal
    columns = [
        ("d38", pa.decimal128(38, 0), [D(10**18), D(-(10**37)), D(2**63 - 1)], [10**18, "refused", 2**63 - 1]),
        (
            "d38_9",
            pa.decimal128(38, 9),
            [D("19.900000000"), D("12345678901234567890.123456789"), D("-0.333333333")],
            [19.9, "refused", -0.333333333],
        ),
        ("d38_38", pa.decimal128(38, 38), [D("0.1"), D("0"), D("1E-38")], [0.1, 0, 1e-38]),
        # Values with more digits than a double become the nearest double.
        ("d76", pa.decimal256(76, 20), [D("0.10"), D("0.33333333333333333333"), D("-7")], [0.1, 1 / 3, -7]),
        ("d76_whole", pa.decimal256(76, 0), [D(10**70), D(7), None], ["refused", 7, None]),
        ("d9", pa.decimal32(9, 2), [D("1.50"), D("-0.01"), None], [1.5, -0.01, None]),
        ("day", pa.date32(), [-719162, 2932896, 2932897], ["0001-01-01", "9999-12-31", "refused"]),
        ("old_day", pa.date32(), [-719528, -719529, -(2**31)], ["0000-01-01", "refused", "refused"]),
        ("day_ms", pa.date64(), [-86_400_000, 0, None], ["1969-12-31", "1970-01-01", None]),
        ("time_ns", pa.time64("ns"), [1, 86_399_999_999_999, None], ["00:00:00.000000001", "23:59:59.999999999", None]),
        (
            "local_ns",
            pa.timestamp("ns"),
            [-1, 2**63 - 1, -(2**63) + 1],
            ["1969-12-31T23:59:59.999999999", "2262-04-11T23:47:16.854775807", "1677-09-21T00:12:43.145224193"],
        ),
        (
            "utc_us",
            pa.timestamp("us", "UTC"),
            [-1, 253_402_300_799_999_999, 253_402_300_800_000_000],
            ["1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z", "refused"],
        ),
        (
            "local_ms",
            pa.timestamp("ms"),
            [-62_167_219_200_001, 2**62, 0],
            ["refused", "refused", "1970-01-01T00:00:00"],
        ),
        ("local_s", pa.timestamp("s"), [-1, 0, None], ["1969-12-31T23:59:59", "1970-01-01T00:00:00", None]),
        ("bytes", pa.binary(), [b"\xff\x00", "é".encode(), None], ["refused", "é", None]),
        ("fixed", pa.binary(2), [b"ab", b"\xc3\x28", None], ["ab", "refused", None]),
        ("in_list", pa.list_(pa.binary()), [[b"a"], [b"a", b"\xff"], []], [["a"], "refused", []]),
        (
            "in_struct",
            pa.struct({"a": pa.binary(), "b": pa.int8()}),
            [{"a": b"\xff", "b": 1}, {"a": None, "b": 1}, None],
            ["refused", {"a": None, "b": 1}, None],
        ),
        (
            "keys",
            pa.map_(pa.binary(), pa.timestamp("us")),
            [[(b"a", 0)], [(b"\xff", 0)], []],
            [{"a": "1970-01-01T00:00:00"}, "refused", {}],
        ),
        (
            "key_numbers",
            pa.map_(pa.int32(), pa.bool_()),
            [[(7, True)], [(-1, None)], []],
            [{"7": True}, {"-1": None}, {}],
        ),
        ("small", pa.uint8(), [255, 0, None], [255, 0, None]),
    ]
    arrays = [pa.array(["a text", "a text", "a text"])]
    for _, kind, values, _ in columns:
        # Some values exceed the range of Python's dates, so they are given as integers.
        is_count = isinstance(values[0], int) and pa.types.is_temporal(kind)
        storage = (pa.int32() if kind.bit_width == 32 else pa.int64()) if is_count else kind
        arrays.append(pa.array(values, storage).view(kind) if is_count else pa.array(values, kind))
    table = pa.Table.from_arrays(arrays, names=["text"] + [name for name, *_ in columns])
    path = DIRECTORY / "warehouse.parquet"
    pq.write_table(table, path, write_statistics=False, use_dictionary=False, compression="zstd")
    expected = {name: values for name, _, _, values in columns}
    (DIRECTORY / "warehouse.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


def write_pandas():
    """Writes pandas tables with an unnamed index, for which pandas generates a column name, and with a named index."""
    frame = pandas.DataFrame({"text": ["a fox", "a wing"], "n": [1, 2]}, index=[7, 9])
    frame.to_parquet(DIRECTORY / "pandas-unnamed.parquet", compression=None)
    frame.rename_axis("sku").to_parquet(DIRECTORY / "pandas-named.parquet", compression=None)


def write_others():
    """Writes the same two rows with other writers."""
    rows = [
        {"id": 1, "text": "a fox", "tags": ["x", "y"], "at": dt.datetime(2024, 2, 29, 12, 30), "price": 19.9},
        {"id": 2, "text": "a wing", "tags": [], "at": None, "price": None},
    ]
    polars.DataFrame(rows).write_parquet(DIRECTORY / "polars.parquet")
    duckdb.sql(
        f"""COPY (SELECT * FROM (VALUES
            (1, 'a fox', ['x', 'y'], TIMESTAMP '2024-02-29 12:30:00', 19.9::DECIMAL(9, 2)),
            (2, 'a wing', []::VARCHAR[], NULL, NULL)) AS rows(id, text, tags, "at", price))
        TO '{DIRECTORY / "duckdb.parquet"}' (FORMAT parquet, COMPRESSION zstd)"""
    )
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, DIRECTORY / "int96.parquet", use_deprecated_int96_timestamps=True)
    # Timestamps that lose digits in milliseconds, or overflow in nanoseconds.
    counts = [1_709_209_800_123_456_789, -1, 0]
    table = pa.table({"text": ["a", "b", "c"], "at": pa.array(counts, pa.timestamp("ns"))})
    pq.write_table(table, DIRECTORY / "int96-nanos.parquet", use_deprecated_int96_timestamps=True, compression=None)
    # fastparquet doesn't support lists of strings, so it writes them as JSON.
    frame = pandas.DataFrame(rows).astype({"id": "int32"})
    fastparquet.write(str(DIRECTORY / "fastparquet.parquet"), frame, object_encoding={"text": "utf8", "tags": "json"})
    interval = "SELECT 1 AS id, 'a fox' AS text, INTERVAL 1 DAY AS span"
    duckdb.sql(f"COPY ({interval}) TO '{DIRECTORY / 'interval.parquet'}' (FORMAT parquet)")


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    write_groups()
    write_codecs()
    write_types()
    write_ids()
    write_numbers()
    write_warehouse()
    write_pandas()
    write_others()
