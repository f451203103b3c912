"""Makes one page of index.html, style.css and page.js, and C++ of the page: `embed.py FOLDER OUT`.

The page is allowed to run and to look like what stands in it, and nothing else: its policy has the
digests of its script and its style.
"""

import base64
import hashlib
import sys
from pathlib import Path


def digest(text):
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def literal(text):
    """A C++ string literal, a line of the text on a line of its own."""
    quoted = []
    for line in text.splitlines(keepends=True):
        escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        quoted.append(f'    "{escaped}"')
    return "\n".join(quoted)


def main():
    folder, output = map(Path, sys.argv[1:])
    page = (folder / "index.html").read_text()
    style = (folder / "style.css").read_text()
    script = (folder / "page.js").read_text()
    for name, text in (("style.css", style), ("page.js", script)):
        assert "</s" not in text.lower(), f"{name} would end its own element"
        assert text.isascii(), f"{name} has to be ASCII"
    for place, text in (("@style@", style), ("@script@", script)):
        assert page.count(place) == 1, f"index.html needs {place} once"
        page = page.replace(place, text)
    policy = (
        f"default-src 'none'; script-src {digest(script)}; style-src {digest(style)}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    output.write_text(
        f"""// Made by embed.py of what stands beside it.
#include "daemon/page/page.hpp"

namespace withdrawd::daemon::page {{

const std::string_view html =
{literal(page)};

const std::string_view content_security_policy =
{literal(policy)};

}}  // namespace withdrawd::daemon::page
"""
    )


if __name__ == "__main__":
    main()
