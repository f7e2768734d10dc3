"""Tests of the comparison of documented and actual output."""

import pytest

from outputs import check_output

VECTOR = '{"vector": {"indices": [3, 5, 8], "values": [1.5, 0.25, 2.0]}}'
TIMINGS = "Summary:\n  Count:\t400\n  Total:\t683.27 ms\n  99 % in 25.92 ms\n  [OK]   400 responses\n"


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        # Complete output, and output with omissions.
        ('{"a": [1, {"b": null}]}', '{"a": [1, {"b": null}]}'),
        ('{\n  "status": "SERVING",\n  …\n}', '{"status": "SERVING", "more": 1}'),
        ('{"vector": {"indices": [3, …], "values": [1.5, …]}}', VECTOR),
        ('{"vector": {"indices": [3, …, 8], "values": […, 2.0]}}', VECTOR),
        ('{"fingerprint": "2:14…"}', '{"fingerprint": "2:1437"}'),
        ('{"a": 1}\n…\n', '{"a": 1}\n{"a": 2}'),
        # Varying fields.
        ('{"server": {"version": "0.1.0", "revision": "…"}}', '{"server": {"version": "0.2.0", "revision": "dev"}}'),
        ('{"nextPageToken": "CAES…"}', '{"nextPageToken": "CAEB_x"}'),
        ('{"score": 4.6378}', '{"score": 4.6379}'),
        # Results of a stream, grouped differently.
        (
            '{"results": [{"sequence": "2", "status": "A"}]}\n'
            '{"results": [{"sequence": "1", "status": "B"}], "durableThrough": "2"}',
            '{"results": [{"sequence": "1", "status": "B"}, {"sequence": "2", "status": "A"}], "durableThrough": "2"}',
        ),
        ('{"results": [{"sequence": "2"}, …]}', '{"results": [{"sequence": "1"}]}\n{"results": [{"sequence": "2"}]}'),
        # Text.
        ("one\ntwo\n", "one\n  two\n"),
        ("one\n…\nfour\n…\n", "one\ntwo\nthree\nfour\nfive\n"),
        ("  1)  {\n", "  1)\t{\n"),
        ("Message: no coll…\n", "  Message: no collection\n"),
        (TIMINGS, TIMINGS.replace("683.27 ms", "1.92 s").replace("25.92", "3")),
    ],
)
def test_equal_outputs_are_accepted(shown, printed):
    check_output(shown, printed, is_json=shown.startswith("{"))


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ('{"status": "INDEXED"}', '{"status": "REJECTED"}'),
        ('{"score": 1}', '{"scores": 1}'),
        ('{"a": 1}', '{"a": 1, "b": 2}'),
        ('{"a": 1, …}', '{"b": 2}'),
        ('{"count": "17"}', '{"count": "18"}'),
        ('{"count": 17}', '{"count": "17"}'),
        ('{"is": true}', '{"is": 1}'),
        ('{"score": 4.6378}', '{"score": 4.6478}'),
        ('{"vector": {"indices": [3, 8], "values": [1.5, 0.25, 2.0]}}', VECTOR),
        ('{"vector": {"indices": [5, …], "values": [1.5, …]}}', VECTOR),
        ('{"fingerprint": "2:15…"}', '{"fingerprint": "2:1437"}'),
        ('{"version": "0.1.0"}', '{"version": "latest"}'),
        ('{"version": "latest"}', '{"version": "0.1.0"}'),
        ('{"a": 1}', '{"a": 1}\n{"a": 2}'),
        ('{"a": 1}\n{"a": 2}', '{"a": 1}'),
        ('{"results": [{"sequence": "1", "status": "A"}, …]}', '{"results": [{"sequence": "1", "status": "B"}]}'),
        ('{"results": [{"sequence": "1"}]}', '{"results": [{"sequence": "1"}, {"sequence": "2"}]}'),
        ("one\n", "one\ntwo\n"),
        ("two\n", "one\ntwo\n"),
        ("one\n…\ntwo\n", "two\none\n"),
        (TIMINGS, TIMINGS.replace("[OK]   400", "[OK]   399")),
        (TIMINGS, TIMINGS.replace("[OK]", "[Unavailable]")),
    ],
)
def test_different_outputs_are_rejected(shown, printed):
    with pytest.raises(AssertionError):
        check_output(shown, printed, is_json=shown.startswith("{"))
