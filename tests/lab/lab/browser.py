"""A real browser: chromium without a window, driven by selenium. Both are Debian's."""

import json
import os
import shutil

from .waiting import wait_until

try:
    from selenium import webdriver
except ImportError:
    webdriver = None

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"

# Nothing but what the page asks for.
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1100,900",
)


def missing_browser():
    """Why there can be no browser here, or None."""
    if webdriver is None:
        return "needs python3-selenium"
    for program in (CHROMIUM, DRIVER):
        if not os.access(program, os.X_OK):
            return f"needs {program}"
    return None


# The text whose colour is too near to what is behind it: less than 4.5 to 1 (WCAG 2.1, 1.4.3).
CONTRAST = """
const channel = (c) => (c /= 255, c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const light = (color) => {
  const [r, g, b] = color.match(/[\\d.]+/g).map(Number);
  return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
};
const behind = (node) => {
  for (; node; node = node.parentElement) {
    const color = getComputedStyle(node).backgroundColor;
    if (!/^rgba\\(.*, 0\\)$/.test(color)) return color;
  }
};
return [...document.querySelectorAll("body *")]
  .filter((x) => x.checkVisibility() && [...x.childNodes].some((y) => y.nodeType === 3 && y.data.trim()))
  .filter((x) => !x.closest("svg, .out-of-sight, script, style"))
  .map((x) => {
    const [a, b] = [light(getComputedStyle(x).color), light(behind(x))];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), x.textContent];
  })
  .filter(([ratio]) => ratio < 4.5);
"""

WIDE = """
return [document.documentElement, ...document.querySelectorAll("body *")]
  .filter((x) => !x.closest("svg, .out-of-sight"))
  .filter((x) => x.getBoundingClientRect().right > arguments[0] + 0.5)
  .map((x) => x.outerHTML.slice(0, 80));
"""


class Browser:
    """One window. To be used where it was made: in the same network namespace."""

    def __init__(self, directory):
        # A profile of an earlier run could know too much.
        self.profile = directory / "chromium"
        shutil.rmtree(self.profile, ignore_errors=True)
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for flag in (*FLAGS, f"--user-data-dir={self.profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        options.set_capability("unhandledPromptBehavior", "ignore")
        service = webdriver.chrome.service.Service(DRIVER, log_path=str(directory / "driver.log"))
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_page_load_timeout(60)

    def open(self, address):
        self.driver.get(address)

    def open_anew(self, address):
        """As if nothing had been looked at before; `window.loaded_once` until it is loaded again."""
        self.size(1100)
        self.prefer(color_scheme="light")
        self.requests(), self.complaints()
        self.open(address)
        self.run("window.loaded_once = true")

    def wait_for(self, text, where="main", within=30):
        try:
            wait_until(f"the page to say {text!r}", lambda: text in self.text(where), within)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.text('body')}") from None

    def run(self, script, *arguments):
        """A function's body in the page; what it returns."""
        return self.driver.execute_script(script, *arguments)

    def text(self, selector="main"):
        """What somebody would read there; "" where there is nothing, or nothing is shown."""
        return self.run(
            "const node = document.querySelector(arguments[0]);"
            "return node?.checkVisibility() ? node.innerText : ''", selector,
        )

    def command(self, name, **parameters):
        """One of the Chrome DevTools Protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def size(self, width, height=900, phone=False):
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height,
            deviceScaleFactor=1, mobile=phone,
        )

    def prefer(self, **features):
        """`prefer(color_scheme="dark")`, `prefer(forced_colors="active")`"""
        names = {"color_scheme": "prefers-color-scheme", "forced_colors": "forced-colors"}
        self.command(
            "Emulation.setEmulatedMedia",
            features=[{"name": names[key], "value": value} for key, value in features.items()],
        )

    def requests(self):
        """The addresses asked for since this was last called."""
        found = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return found

    def complaints(self):
        """What the browser has written to its console since this was last called."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def unreadable(self):
        """[[contrast, text], ...] of what is too pale."""
        return self.run(CONTRAST)

    def wider_than(self, width):
        """What sticks out to the right."""
        return self.run(WIDE, width)

    def picture(self, path, width, longest, phone=False):
        """The page from its top, as long as it is or as it may be."""
        self.size(width, phone=phone)
        height = self.run("return document.documentElement.scrollHeight")
        self.size(width, min(height, longest), phone)
        self.driver.save_screenshot(str(path))

    def close(self):
        self.driver.quit()
