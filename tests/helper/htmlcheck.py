#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""htmlcheck.py [--text]: judges the page on standard input as an offline report.

Every element is one that mt-tohtml writes and is closed where it must be; ids
are there once and links lead to one; nothing is loaded, no attribute runs or
styles anything; the page's policy names the hash of its one script and of its
one style.  Prints what is wrong, a line each.  --text prints the tables
instead: "#ID", then the cells of each row between bars.
"""
import base64
import hashlib
import sys
from html.parser import HTMLParser

VOID = {"meta"}
KNOWN = VOID | set("""html head title style body header nav main footer section h1 h2 h3 p a div span
b small code table thead tbody tr th td details summary ol li script svg g rect text""".split())
ATTRIBUTES = set("""lang charset http-equiv content name id class href title role width height x y
fill-opacity transform""".split())


class Page(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.wrong = [], [], [], []
        self.code, self.policy, self.rows, self.cell = {"script": [], "style": []}, "", [], None

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        if tag not in KNOWN:
            self.wrong.append("element <%s>" % tag)
        for name in names:
            if name not in ATTRIBUTES:
                self.wrong.append("attribute %s of <%s>" % (name, tag))
        if len(names) != len(attributes):
            self.wrong.append("attribute twice in <%s>" % tag)
        if "id" in names:
            self.ids.append(names["id"])
            if tag == "section":
                self.rows.append("#" + names["id"])
        if "href" in names:
            self.links.append(names["href"])
        if names.get("http-equiv") == "Content-Security-Policy":
            self.policy = names["content"]
        if tag == "tr":
            self.rows.append("|")
        if tag in ("td", "th"):
            self.cell = ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append("line %d: </%s> closes something else" % (self.getpos()[0], tag))
        if tag in ("td", "th"):
            self.rows[-1] += " ".join([""] + self.cell.split()) + " |"
            self.cell = None

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] in self.code:
            self.code[self.open[-1]].append(data)
        if self.cell is not None:
            self.cell += data

    def handle_comment(self, data):
        self.wrong.append("comment " + data)

    def judge(self):
        self.wrong += ["<%s> is not closed" % t for t in self.open]
        if len(set(self.ids)) != len(self.ids):
            self.wrong.append("an id is there twice")
        self.wrong += ["link to " + h for h in self.links if h[:1] != "#" or h[1:] not in self.ids]
        if not self.policy.startswith("default-src 'none';"):
            self.wrong.append("policy " + self.policy)
        for kind, texts in self.code.items():
            digest = base64.b64encode(hashlib.sha256("".join(texts).encode()).digest()).decode()
            if "%s-src 'sha256-%s'" % (kind, digest) not in self.policy:
                self.wrong.append("the policy does not allow the " + kind)


def main():
    data = sys.stdin.buffer.read()
    page = Page()
    page.feed(data.decode("utf-8"))         # which has to be valid
    page.close()
    page.judge()
    if any(b < 32 and b not in b"\n\t" for b in data):
        page.wrong.append("a control character")
    for line in page.rows if "--text" in sys.argv else page.wrong:
        print(line)
    return bool(page.wrong)


sys.exit(main())
