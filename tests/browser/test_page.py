"""The status page in a real browser, with a real server under load."""

import json
import os
from pathlib import Path

import pytest

from load import Load, read_metrics, total

PHONE = (360, 740)
DESK = (1440, 900)
# Directory for the screenshots of the documentation; unset to take none.
SHOTS = os.environ.get("SPLADE_SCREENSHOTS")

TOTALS = {
    "#received [data-name='total'] dd": "splade_documents_received_total",
    "#admitted [data-name='total'] dd": "splade_admitted_total",
    "#encoded [data-name='tokens, total'] dd": "splade_tokens_total",
    "#indexed [data-name='total'] dd": "splade_documents_indexed_total",
    "#indexed [data-name='unchanged'] dd": "splade_documents_unchanged_total",
    "#indexed [data-name='rejected'] dd": "splade_documents_rejected_total",
    "#calls [data-name='without a valid token'] td:last-child": "splade_unauthenticated_total",
}
# Minimum contrast ratio of any text with its background, as defined by WCAG 2.
CONTRAST = """(() => {
  const parts = color => color.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const color = parts(getComputedStyle(node).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const ratios = [...document.querySelectorAll('body *:not(script)')]
    .filter(node => node.checkVisibility())
    .filter(node => [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()))
    .map(node => [light(parts(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a))
    .map(([lighter, darker]) => (lighter + 0.05) / (darker + 0.05));
  return Math.min(...ratios);
})()"""


def test_the_policy_has_the_hashes_of_the_page():
    import policy

    page = policy.PAGE.read_text(encoding="utf-8")
    assert policy.with_hashes(page) == page, "run `python3 tests/browser/policy.py`"
    assert len(page.encode()) < 30_000
    assert (
        "innerHTML" not in page and "unsafe" not in page and "://" not in page.replace("http://www.w3.org/2000/svg", "")
    )


@pytest.fixture(scope="module")
def server(start, tmp_path_factory):
    # Few permits make a stream wait for them.
    return start(tmp_path_factory.mktemp("page-store"), "--max-in-flight-documents", "256")


def test_figures_move_and_agree_with_the_metrics(browser, server):
    browser.resize(*DESK)
    with Load(server):
        browser.open(f"http://{server.metrics_address}/")
        browser.wait("document.querySelector('#state').dataset.state === 'ready'")
        for stage in ("received", "admitted", "encoded", "written", "indexed"):
            browser.wait(f"parseFloat(document.querySelector('#{stage} .big').textContent) > 0")
        indexed = "document.querySelector('#indexed [data-name=total] dd').textContent"
        browser.wait(f"{indexed} !== {json.dumps(browser.evaluate(indexed))}")
        browser.wait("/ms|s$/.test(document.querySelector('#calls [data-name=Search] td:nth-child(4)').textContent)")
        browser.wait("document.querySelector('#indexed [data-name=EMPTY_TEXT]').className === 'warn'")
        take_pictures(browser)
    metrics = read_metrics(server.metrics_address)
    for selector, name in TOTALS.items():
        value = f"{total(metrics, name):,.0f}"
        browser.wait(f'document.querySelector("{selector}").textContent === "{value}"')
    assert browser.evaluate("document.querySelector('#indexed .curve').getAttribute('d').split('L').length") > 3
    assert browser.complaints() == []
    origin = f"http://{server.metrics_address}/"
    assert all(address.startswith((origin, "data:")) for address in browser.requested()), browser.requested()


def take_pictures(browser) -> None:
    if not SHOTS:
        return
    # The charts cover three minutes.
    browser.wait("document.querySelector('#received .curve').getAttribute('d').split('L').length > 170", timeout_s=240)
    browser.resize(*DESK, scale=1.25)
    browser.screenshot(Path(SHOTS) / "page.png")
    browser.resize(*PHONE, scheme="dark", scale=2)
    browser.screenshot(Path(SHOTS) / "page-phone.png", height=1200)
    browser.resize(*DESK)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, (700, 900), DESK], ids=["phone", "tablet", "desk"])
def test_the_page_fits_the_window_and_is_readable(browser, server, size, scheme):
    browser.resize(*size, scheme=scheme)
    browser.open(f"http://{server.metrics_address}/")
    browser.wait("document.querySelector('#state').dataset.state === 'ready'")
    assert browser.send("Page.getLayoutMetrics")["cssContentSize"]["width"] <= size[0]
    assert browser.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") >= 14
    assert browser.evaluate(CONTRAST) >= 4.5


def test_the_page_has_security_headers(server):
    import urllib.request

    with urllib.request.urlopen(f"http://{server.metrics_address}/", timeout=10) as answer:
        assert answer.headers.get_content_type() == "text/html"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_shows_that_the_server_is_gone(browser, start, tmp_path):
    server = start(tmp_path / "store")
    browser.open(f"http://{server.metrics_address}/")
    browser.wait("document.querySelector('#state').dataset.state === 'ready'")
    assert browser.complaints() == []
    assert server.stop() == 0
    browser.wait("document.querySelector('#state').textContent.includes('No response since')")
    assert "No response since" in browser.evaluate("document.title")
