"""The page's Content-Security-Policy names its own style and script by their hashes, so nothing else runs.

`python3 tests/browser/policy.py` writes the hashes into the page after an edit.
"""

import base64
import hashlib
import re
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "src" / "admin" / "page.html"


def with_hashes(page: str) -> str:
    """Returns the page with the hashes of its style and script."""
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL).group(1)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        page = re.sub(rf"{tag}-src 'sha256-[^']*'", f"{tag}-src 'sha256-{digest}'", page)
    return page


if __name__ == "__main__":
    PAGE.write_text(with_hashes(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
