#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""browser.py: opens a page in a headless Chromium and says what it is like.

    browser.py [--png FILE [--clip ID]] [--dark] PAGE [EXPRESSION...]

Prints, one a line of JSON: what each expression of JavaScript gives; then
["errors", what the console and the page complained of], and ["loaded", every
address that was asked for].
"""
import argparse
import base64
import json
import os
import subprocess
import tempfile


class Browser:
    """Chromium's debugging protocol, over two pipes: messages end with a NUL."""

    def __init__(self, program, profile):
        to, self.write_fd = os.pipe()
        self.read_fd, back = os.pipe()

        def descriptors():
            a, b = os.dup(to), os.dup(back)     # out of the way of 3 and 4
            os.dup2(a, 3)
            os.dup2(b, 4)

        self.process = subprocess.Popen(
            [program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--disable-dev-shm-usage", "--no-first-run", "--user-data-dir=" + profile,
             "--remote-debugging-pipe", "about:blank"],
            preexec_fn=descriptors, close_fds=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to)
        os.close(back)
        self.pending, self.events, self.n, self.session = b"", [], 0, None

    def receive(self):
        while b"\0" not in self.pending:
            part = os.read(self.read_fd, 1 << 16)
            if not part:
                raise SystemExit("browser.py: the browser went away")
            self.pending += part
        message, self.pending = self.pending.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.n += 1
        message = {"id": self.n, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write_fd, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.n:
                if "error" in answer:
                    raise SystemExit("browser.py: %s: %s" % (method, answer["error"]))
                return answer["result"]
            self.events.append(answer)

    def attach(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def open(self, page):
        self.call("Page.navigate", url="file://" + os.path.abspath(page))
        while not any(e["method"] == "Page.loadEventFired" for e in self.events):
            self.events.append(self.receive())

    def value(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            return {"exception": answer["exceptionDetails"]["exception"].get("description")}
        return answer["result"].get("value")

    def picture(self, name, clip):
        box = self.value("(e => { const r = e.getBoundingClientRect();"
                         " return [r.x + scrollX, r.y + scrollY, r.width, r.height] })"
                         "(document.getElementById(%s) || document.documentElement)" % json.dumps(clip))
        area = dict(zip(("x", "y", "width", "height"), box), scale=1)
        shot = self.call("Page.captureScreenshot", format="png", clip=area, captureBeyondViewport=True)
        with open(name, "wb") as f:
            f.write(base64.b64decode(shot["data"]))

    def complaints(self):
        for e in self.events:
            p = e.get("params", {})
            if e["method"] == "Runtime.exceptionThrown":
                yield p["exceptionDetails"]["text"]
            elif e["method"] == "Log.entryAdded":
                yield p["entry"]["text"]
            elif e["method"] == "Runtime.consoleAPICalled":
                yield p["type"]

    def loaded(self):
        for e in self.events:
            if e["method"] == "Network.requestWillBeSent":
                yield e["params"]["request"]["url"]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--browser", default="chromium")
    options.add_argument("--png")
    options.add_argument("--clip", default="")
    options.add_argument("--width", type=int, default=1400)
    options.add_argument("--height", type=int, default=1000)
    options.add_argument("--dark", action="store_true")
    options.add_argument("page")
    options.add_argument("expression", nargs="*")
    o = options.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        b = Browser(o.browser, profile)
        try:
            b.attach()
            b.call("Emulation.setDeviceMetricsOverride", width=o.width, height=o.height,
                   deviceScaleFactor=1, mobile=False)
            if o.dark:
                b.call("Emulation.setEmulatedMedia",
                       features=[{"name": "prefers-color-scheme", "value": "dark"}])
            b.open(o.page)
            for e in o.expression:
                print(json.dumps(b.value(e)))
            if o.png:
                b.picture(o.png, o.clip)
            print(json.dumps(["errors", list(b.complaints())]))
            print(json.dumps(["loaded", list(b.loaded())]))
        finally:
            b.process.kill()
            b.process.wait()


if __name__ == "__main__":
    main()
