"""A headless Chromium under test, by its debugging protocol. Standard library only."""
import base64, http.client, json, os, socket, struct, subprocess, tempfile, time, urllib.parse, urllib.request


class Browser:
    """`with Browser(program, url) as page:` opens url; the page is loaded when the block begins."""

    def __init__(self, program, url, width=900, height=640):
        self.url = url
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.process = subprocess.Popen([program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                                         f"--window-size={width},{height}", "--remote-debugging-port=0", "--remote-allow-origins=*",
                                         "--user-data-dir=" + self.profile.name, url],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": self.profile.name})

    def __enter__(self):
        try:
            self.connect(self.find_page())
            # Of this page: the empty document that stands there before it is complete, too.
            self.wait_for(f"location.href.startsWith({json.dumps(self.url)}) && document.readyState === 'complete'", "the page is not loaded")
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def find_page(self):
        for _ in range(1200):
            if self.process.poll() is not None:
                raise SystemExit(f"the browser ended with status {self.process.returncode}")
            try:
                port = open(self.profile.name + "/DevToolsActivePort").read().split()[0]
                pages = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=30))
                found = [p for p in pages if p["type"] == "page" and p["url"].startswith(self.url)]
                if found:
                    return found[0]["webSocketDebuggerUrl"]
            except (OSError, http.client.HTTPException, ValueError, IndexError):
                pass
            time.sleep(0.1)
        raise SystemExit("the browser did not open the page")

    def connect(self, address):
        parts = urllib.parse.urlparse(address)
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=300)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        while self.file.readline() not in (b"\r\n", b""):
            pass
        self.number = 0

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
                if "error" in message:
                    raise RuntimeError(message["error"]["message"])
                return message["result"]

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise SystemExit(f"on the page: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, condition, what, seconds=120):
        end = time.time() + seconds
        while True:
            try:
                if self.evaluate(condition):
                    return
            except RuntimeError:  # between two documents
                pass
            if time.time() > end:
                raise SystemExit(f"{what}; the page says: {self.evaluate('document.body.innerText')}")
            time.sleep(0.1)

    def type_question(self, text):
        """Into the page's text box, and Enter."""
        self.evaluate("(() => { const box = document.querySelector('textarea'); box.value = " + json.dumps(text) +
                      "; box.dispatchEvent(new Event('input', {bubbles: true}));"
                      " box.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, cancelable: true})); })()")

    def picture(self, path, whole=False):
        self.evaluate("scrollTo(0, 0)")
        with open(path, "wb") as out:
            out.write(base64.b64decode(self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]))

    def look(self, dark, width, height):
        """Colours and size of the window from here on."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        time.sleep(0.7)  # for pictures: the charts are drawn anew
        self.wait_for(f"innerWidth === {width} && document.documentElement.scrollWidth <= innerWidth", f"the page does not fit into a window of {width}")
