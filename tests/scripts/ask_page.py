#!/usr/bin/env python3
"""Types a question into the chat page in a headless browser and prints the answer's text.

usage: ask_page.py BROWSER URL QUESTION [PICTURE.png]      (standard library only; speaks the browser's debugging protocol)
"""
import base64, json, os, socket, struct, subprocess, sys, tempfile, time, urllib.parse, urllib.request

browser, url, question = sys.argv[1:4]
picture = sys.argv[4] if len(sys.argv) > 4 else None
profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
process = subprocess.Popen([browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--window-size=900,640",
                            "--remote-debugging-port=0", "--remote-allow-origins=*", "--user-data-dir=" + profile.name, url],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def page_socket():
    for _ in range(200):
        try:
            port = open(profile.name + "/DevToolsActivePort").read().split()[0]
            pages = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5))
            found = [p for p in pages if p["type"] == "page" and p["url"].startswith(url)]
            if found:
                return found[0]["webSocketDebuggerUrl"]
        except (OSError, ValueError):
            pass
        time.sleep(0.1)
    raise SystemExit("the browser did not open the page")


class Channel:
    def __init__(self, address):
        parts = urllib.parse.urlparse(address)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        while self.file.readline() not in (b"\r\n", b""):
            pass
        self.number = 0

    def evaluate(self, expression):
        return self.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def call(self, method, **parameters):
        self.number += 1
        body = json.dumps({"id": self.number, "method": method, "params": parameters}).encode()
        mask = os.urandom(4)
        length = struct.pack(">BBH", 0x81, 0xFE, len(body)) if len(body) > 125 else struct.pack(">BB", 0x81, 0x80 | len(body))
        self.socket.sendall(length + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(body)))
        while True:
            size = self.file.read(2)[1] & 0x7F
            if size == 126:
                size = struct.unpack(">H", self.file.read(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self.file.read(8))[0]
            message = json.loads(self.file.read(size))
            if message.get("id") == self.number:
                return message["result"]


try:
    page = Channel(page_socket())
    for _ in range(100):
        if page.evaluate("document.readyState") == "complete":
            break
        time.sleep(0.1)
    time.sleep(0.5)
    page.evaluate("(() => { const box = document.querySelector('textarea'); box.value = " + json.dumps(question) +
                  "; box.dispatchEvent(new Event('input', {bubbles: true}));"
                  " box.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, cancelable: true})); })()")
    before = None
    for _ in range(240):
        time.sleep(0.5)
        text = page.evaluate("(document.querySelector('main') || document.body).innerText")
        if text == before and question in text and text.split(question, 1)[1].strip():
            print(text.split(question, 1)[1].strip())
            if picture:
                with open(picture, "wb") as out:
                    out.write(base64.b64decode(page.call("Page.captureScreenshot", format="png")["data"]))
            break
        before = text
    else:
        raise SystemExit("no answer on the page")
finally:
    process.kill()
    process.wait()
