"""A headless Chromium, controlled over its DevTools protocol.

The protocol is JSON over a WebSocket, so the tests need one small package and the browser: no driver, no
second language. It also reports every request and every console message, which drivers do not expose directly.
"""

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import websocket

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --hide-scrollbars --remote-debugging-port=0""".split()
START_TIMEOUT_S = 30
ANSWER_TIMEOUT_S = 60


def find() -> "str | None":
    """Returns the path of the browser binary, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Chromium:
    """A browser with one tab and a fresh profile."""

    def __init__(self, program: str) -> None:
        self.profile = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        command = [program, *FLAGS, f"--user-data-dir={self.profile.name}", "about:blank"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.events: list[dict] = []
        self.last_id = 0
        try:
            self.socket = websocket.create_connection(
                self._tab(), timeout=ANSWER_TIMEOUT_S, suppress_origin=True, skip_utf8_validation=True
            )
            for domain in ("Page", "Runtime", "Network", "Log"):
                self.send(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def _tab(self) -> str:
        """Returns the address of the tab's WebSocket; the browser writes its port into its profile."""
        port_file = Path(self.profile.name) / "DevToolsActivePort"
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if port_file.exists() and (lines := port_file.read_text().splitlines()):
                with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json/list", timeout=10) as answer:
                    tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
                if tabs:
                    return tabs[0]["webSocketDebuggerUrl"]
            time.sleep(0.02)
        raise TimeoutError(f"Chromium did not start within {START_TIMEOUT_S} s (exit status {self.process.poll()})")

    def send(self, method: str, **params: object) -> dict:
        """Sends a command and returns its result. Events received before the result are kept."""
        self.last_id += 1
        self.socket.send(json.dumps({"id": self.last_id, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") != self.last_id:
                self.events.append(message)
            elif "error" in message:
                raise RuntimeError(f"{method}: {message['error']}")
            else:
                return message["result"]

    def open(self, url: str) -> None:
        self.send("Page.navigate", url=url)

    def evaluate(self, expression: str):
        """Returns the value of a JavaScript expression, or of the resolved promise."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise AssertionError(details.get("exception", {}).get("description") or details["text"])
        return result["result"].get("value")

    def wait(self, condition: str, timeout_s: float = 40) -> None:
        """Waits until the condition is true, checking it whenever the page changes."""
        quoted = json.dumps(condition)
        self.evaluate(f"""new Promise((done, fail) => {{
            const holds = () => {{ try {{ return {condition}; }} catch {{ return false; }} }};
            const seen = () => {quoted} + ' is not true, in ' + document.body.innerText;
            const late = () => fail(new Error(seen()));
            const timer = setTimeout(late, {timeout_s * 1000});
            const check = () => holds() && (clearTimeout(timer), changes.disconnect(), done());
            const changes = new MutationObserver(check);
            changes.observe(document, {{ subtree: true, childList: true, characterData: true, attributes: true }});
            check();
        }})""")

    def text(self, selector: str) -> str:
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).textContent")

    def resize(self, width: int, height: int, scheme: str = "light", scale: float = 1) -> None:
        """Sets the window's size in CSS pixels and the preferred color scheme."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path: Path, height: "float | None" = None) -> None:
        """Saves a screenshot of the full page, or of its top `height` pixels."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": height or size["height"], "scale": 1}
        shot = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """Returns console errors and warnings so far, uncaught exceptions, and violations of the security policy."""
        self.evaluate("0")
        found = []
        for event in self.events:
            params = event.get("params", {})
            if event["method"] == "Runtime.exceptionThrown":
                found.append(str(params["exceptionDetails"]))
            elif event["method"] == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                found.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
            elif event["method"] == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                found.append(str(params["args"]))
        return found

    def requested(self) -> set[str]:
        """Returns the addresses that the page has requested so far."""
        self.evaluate("0")
        requests = [event["params"] for event in self.events if event["method"] == "Network.requestWillBeSent"]
        return {params["request"]["url"] for params in requests}

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
        self.profile.cleanup()
