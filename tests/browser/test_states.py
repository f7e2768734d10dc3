"""The page's states and totals, with a fake server whose responses the test sets."""

import itertools

import pytest

STATE = "document.querySelector('#state').dataset.state"
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"


def opened(browser, stand_in, state="ready"):
    browser.open(f"http://{stand_in.address}/")
    browser.wait(f"{STATE} === '{state}'")


@pytest.mark.parametrize(
    ("status", "state", "words"),
    [
        ({}, "ready", "Ready"),
        (
            {"ready": False, "models": [], "store": {"kind": "qdrant", "up": False}},
            "unready",
            "models are being loaded",
        ),
        ({"ready": False, "store": {"kind": "qdrant", "up": False}}, "unready", "the store does not respond"),
        ({"ready": False, "stopping": True}, "stopping", "finishing received documents"),
    ],
)
def test_each_state_is_shown_as_text(browser, stand_in, status, state, words):
    stand_in.status.update(status)
    opened(browser, stand_in, state)
    assert words in browser.text("#state")
    assert browser.evaluate("document.querySelector('#state').getAttribute('role')") == "status"


def test_server_strings_are_escaped(browser, stand_in):
    stand_in.status["errors"] = [{"time": "2026-11-23T15:00:00Z", "level": "ERROR", "message": HOSTILE}]
    stand_in.status["models"] = [
        {"name": HOSTILE, "architecture": "a", "dtype": "d", "device": "cpu", "max_length": 512}
    ]
    label = HOSTILE.replace('"', '\\"')
    stand_in.metrics = f'splade_documents_rejected_total{{reason="{label}"}} 3\nsplade_queue_depth{{lane="}} 1"}} NaN\n'
    opened(browser, stand_in)
    assert browser.text("#errors li").endswith(HOSTILE)
    assert browser.text("#models dt") == HOSTILE
    assert browser.text("#indexed .warn + .warn dt") == HOSTILE
    assert browser.evaluate("document.querySelectorAll('img').length") == 0
    assert browser.evaluate("document.title") == "splade-sidecar"
    assert browser.complaints() == []


def growing():
    """Metrics at one-second intervals: 100 documents/s, and 25 batches that keep one of two threads half busy."""
    turn = 0

    def next_metrics() -> str:
        nonlocal turn
        turn += 1
        return f"""
# TYPE splade_documents_received_total counter
splade_documents_received_total{{call="ingest"}} {turn * 100}
splade_permits_held{{work="documents",lane="bulk"}} 8192
splade_permits_limit{{work="documents",lane="bulk"}} 8192
splade_queue_age_seconds{{lane="query"}} 0.25
splade_encoder_threads 2
splade_encode_seconds_sum {turn * 0.5}
splade_encode_seconds_count {turn * 25}
splade_encode_seconds_bucket{{le="0.01"}} 0
splade_encode_seconds_bucket{{le="0.03"}} {turn * 25}
splade_encode_seconds_bucket{{le="+Inf"}} {turn * 25}
splade_encode_batch_fill_ratio_sum {turn * 20}
splade_encode_batch_fill_ratio_count {turn * 25}
"""

    return next_metrics


def test_rates_and_percentiles_are_right(browser, stand_in):
    stand_in.metrics = growing()
    opened(browser, stand_in)
    rate = "parseFloat(document.querySelector('#received .big').textContent)"
    browser.wait(f"{rate} > 80 && {rate} < 120")
    busy = "parseFloat(document.querySelector('#encoded .big').textContent)"
    browser.wait(f"{busy} >= 20 && {busy} <= 30")
    line = "document.querySelector('#encoded [data-name=\"{}\"] dd').textContent"
    # Linear interpolation at 50% and 99% of the bucket from 10 to 30 ms.
    assert browser.evaluate(line.format("batch, p50")) == "20 ms"
    assert browser.evaluate(line.format("batch, p99")) == "29.8 ms"
    assert browser.evaluate(line.format("batch fill")) == "80%"
    assert browser.text("#admitted .warn dd") == "8,192 of 8,192, full"
    assert browser.text("#queued [data-name=oldest] dd") == "250 ms"


def test_large_figures_fit_a_phone(browser, stand_in):
    lines = ['splade_documents_received_total{call="ingest"} 987654321012']
    for call in ("splade_sidecar.v1.EncoderService/EncodeStream", "splade_sidecar.v1.IndexService/GetCollection"):
        where = f'method="{call}"'
        lines += [f'splade_call_seconds_bucket{{{where},le="{le}"}} TURN' for le in ("0.2345", "+Inf")]
        lines += [f"splade_call_seconds_sum{{{where}}} TURN", f"splade_call_seconds_count{{{where}}} TURN"]
        lines += [f'splade_calls_total{{{where},code="INTERNAL"}} 98765432']
    lines += [f'splade_documents_rejected_total{{reason="{"INCOMPATIBLE_COLLECTION" * 3}"}} 98765432']
    turns = itertools.count()
    stand_in.metrics = lambda: "\n".join(lines).replace("TURN", str(next(turns) * 123456)) + "\n"
    stand_in.status["models"] = [{"name": "m" * 90, "architecture": "A" * 70, "dtype": "float32", "device": "cpu"}]
    stand_in.status["errors"] = [{"time": "2026-11-23T15:00:00Z", "level": "WARN", "message": "/a" + "b" * 300}]
    browser.resize(360, 740)
    opened(browser, stand_in)
    browser.wait("document.querySelector('#calls td:nth-child(4)').textContent.endsWith('ms')")
    assert browser.send("Page.getLayoutMetrics")["cssContentSize"]["width"] <= 360


def test_a_restart_resets_rates(browser, stand_in):
    stand_in.metrics = "process_start_time_seconds 1\nsplade_documents_received_total 1000000\n"
    opened(browser, stand_in)
    browser.wait("document.querySelector('#received .big').textContent === '0'")
    stand_in.metrics = "process_start_time_seconds 2\nsplade_documents_received_total 5\n"
    browser.wait("document.querySelector('#received [data-name=total] dd').textContent === '5'")
    browser.wait("document.querySelector('#received .big').textContent === '0'")
    assert "-" not in browser.text("#received .peak")


def test_the_page_recovers_when_the_server_is_back(browser, stand_in):
    opened(browser, stand_in)
    answer, stand_in._answer = stand_in._answer, lambda path: None
    browser.wait(f"{STATE} === 'gone'")
    stand_in._answer = answer
    browser.wait(f"{STATE} === 'ready'")


def test_the_page_can_be_paused_with_the_keyboard(browser, stand_in):
    opened(browser, stand_in)
    browser.evaluate("document.querySelector('#pause').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.send("Input.dispatchKeyEvent", type=kind, key=" ", code="Space", text=" ", windowsVirtualKeyCode=32)
    browser.wait("document.querySelector('#state').textContent.includes('Paused')")
    asked = len([event for event in browser.events if event["method"] == "Network.requestWillBeSent"])
    # Two update intervals of the page.
    browser.evaluate("new Promise(done => setTimeout(done, 2100))")
    browser.evaluate("0")
    later = len([event for event in browser.events if event["method"] == "Network.requestWillBeSent"])
    assert later - asked <= 2, "requests in flight may complete, and no more are sent"
    browser.evaluate("document.querySelector('#pause').click()")
    browser.wait(f"{STATE} === 'ready'")
