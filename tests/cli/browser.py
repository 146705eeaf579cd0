"""A real browser, to look at pages with: Debian's headless Chromium. Without one, a test is skipped aloud, and fails in CI."""

from __future__ import annotations

import os
import shutil
import subprocess
import warnings
from html.parser import HTMLParser

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


def path():
    """Where it is; skips the test where it is not."""
    found = next((where for name in NAMES if (where := shutil.which(name))), None)
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no Chromium: apt-get install chromium")
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn("NOT TESTED in a browser: apt-get install chromium", stacklevel=2)
        pytest.skip("there is no Chromium: apt-get install chromium")
    return found


def seen(page, folder, fragment="", *options):
    """(the page's document after its script ran, what the browser had to say): nothing can be fetched from anywhere."""
    command = [
        path(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={folder}/profile",
        "--enable-logging=stderr", "--v=0", "--proxy-server=127.0.0.1:9", *options, "--dump-dom", f"file://{page}{fragment}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, done.stderr


class Document(HTMLParser):
    """The elements of a page, each as (name, attributes, text before the next element)."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))

    def handle_data(self, data):
        if self.elements:
            self.elements[-1][2].append(data)

    def all(self, name):
        return [(attributes, "".join(data)) for tag, attributes, data in self.elements if tag == name]

    def by_id(self, name):
        return next((tag, attributes) for tag, attributes, _ in self.elements if attributes.get("id") == name)
