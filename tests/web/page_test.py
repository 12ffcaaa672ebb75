#!/usr/bin/env python3
"""Opens a report page in headless Chromium and checks what a reader would see.

usage: page_test.py PAGE        (PAGE is the index.html of a report folder)

Checks: no error, warning, blocked or made request; every figure has drawn marks; the word SIMULATED on every simulated
table and figure, judged by the tables.json beside the page; every table of the data is there. Exit: 0 good, 1 not,
77 skipped because there is no Chromium.
"""

import html.parser
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--host-resolver-rules=MAP * ~NOTFOUND", "--window-size=1280,900", "--virtual-time-budget=20000",
         "--enable-logging=stderr", "--v=0", "--dump-dom")
VOID = {"meta", "link", "img", "br", "hr", "input", "source", "col", "wbr"}


class Page(html.parser.HTMLParser):
    """The text of each figure's drawing and heading, of each caption, and of the self-check."""

    def __init__(self):
        super().__init__()
        self.path = []        # open elements as (tag, id, classes)
        self.drawings = {}    # figure id -> text inside its svg
        self.headings = {}    # figure id -> figcaption
        self.captions = {}    # caption id -> text
        self.self_check = ""
        self.tags = set()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        if tag not in VOID:
            self.path.append((tag, attrs.get("id", ""), attrs.get("class", "")))

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        for i in range(len(self.path) - 1, -1, -1):
            if self.path[i][0] == tag:
                del self.path[i:]
                return

    def handle_data(self, data):
        figure = next((id_ for tag, id_, _ in self.path if tag == "figure"), None)
        for tag, id_, _ in self.path:
            if id_ == "self-check":
                self.self_check += data
            elif tag == "caption":
                self.captions[id_] = self.captions.get(id_, "") + data
            elif tag == "figcaption" and figure:
                self.headings[figure] = self.headings.get(figure, "") + data
            elif tag == "svg" and figure:
                self.drawings[figure] = self.drawings.get(figure, "") + data


def open_page(browser, path):
    """The document after its scripts ran, and what the browser said about it."""
    with tempfile.TemporaryDirectory(prefix="phasewatt-browser-") as profile:
        done = subprocess.run([browser, *FLAGS, f"--user-data-dir={profile}", path.resolve().as_uri()],
                              capture_output=True, timeout=150, check=False)
    console = [line for line in done.stderr.decode(errors="replace").splitlines() if ":CONSOLE" in line]
    return done.stdout.decode(errors="replace"), console


def check(page, console, report):
    problems = [f"console: {line}" for line in console]
    try:
        seen = json.loads(page.self_check)
    except ValueError:
        return problems + ["the page's script did not finish"]
    problems += seen["errors"]
    if not seen["done"]:
        problems.append("the page's script did not finish")
    marks = {figure["id"]: figure["marks"] for figure in seen["figures"]}

    for figure in report["figures"]:
        name = figure["id"]
        if not figure["rows"]:
            continue
        if marks.get(name, 0) == 0:
            problems.append(f"{name}: no marks are drawn")
        places = (("heading", page.headings.get(name)), ("drawing", page.drawings.get(name)),
                  ("data table", page.captions.get(name + "-caption")))
        problems += said(name, figure["simulated"], places)
    for table in report["tables"]:
        name = table["id"]
        problems += said(name, table["simulated"], (("caption", page.captions.get(name + "-caption")),))
    if "img" in page.tags:
        problems.append("a name became an element")
    return problems


def said(name, simulated, places):
    for place, text in places:
        if text is None:
            yield f"{name}: there is no {place}"
        elif simulated != ("SIMULATED" in text):
            yield f"{name}: SIMULATED {'is missing on' if simulated else 'stands on'} the {place}"


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    path = pathlib.Path(sys.argv[1])
    report = json.loads((path.parent / "tables.json").read_text(encoding="utf-8"))
    browser = os.environ.get("PHASEWATT_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("skipped: no Chromium found (on Debian: apt-get install chromium)")
        return 77
    document, console = open_page(browser, path)
    page = Page()
    page.feed(document)
    problems = check(page, console, report)
    for problem in problems:
        print(problem)
    if not problems:
        print(f"{path}: {len(report['figures'])} figures and {len(report['tables'])} tables are as they should be")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
