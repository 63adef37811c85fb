"""A stand-in for `lathe serve`: gives the files of web/ with the headers of src/serve/page_file.cc and answers by script.

What is answered depends on the last message; `requests` keeps what was asked. Standard library only.
"""
import http.server, json, pathlib, re, socket, threading, time

source = pathlib.Path(__file__).resolve().parents[2]
policy = "".join(re.findall(r'"([^"]*)"', re.search(r'"Content-Security-Policy",(.*?)\},', (source / "src/serve/page_file.cc").read_text(), re.S)[1]))
types = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
endless = object()


def hold(port=0):
    """A socket on a port of the system's choice, or on this one, and the port: as long as the socket lives nobody else gets the port, and while no server
    listens there connections are refused."""
    place = socket.socket()
    place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    place.bind(("127.0.0.1", port))
    return place, place.getsockname()[1]


def words(text):
    return re.findall(r"\s*\S+\s*$|\s*\S+", text) or ([text] if text else [])


def call_delta(index, **function):
    return {"tool_calls": [{"index": index, **({"id": f"call_{index}", "type": "function"} if "name" in function else {}), "function": function}]}


class MockServer:
    def __init__(self, port=0, **settings):
        self.requests, self.running, self.failures = [], 0, 0
        self.key, self.health, self.pause = None, {"status": "ok", "ready": True}, 0.0
        self.gate = None   # a semaphore: each piece of an answer waits for it
        self.counting = threading.Lock()
        self.info = {"models": ["tiny", "other"], "default_model": "tiny", "defaults": {"temperature": 0.8, "top_k": 50, "max_tokens": 512},
                     "dashboard": None, "report": None, "context_length": 2048}
        self.answers = {}  # last message -> text or list of pieces and events to wait for, beside those below
        self.extra = {}    # path -> (type, text)
        self.__dict__.update(settings)
        mock = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                mock.get(self)

            def do_POST(self):
                mock.post(self)

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads, allow_reuse_address, request_queue_size = True, True, 64

            def get_request(self):
                accepted = super().get_request()
                mock.open.add(accepted[0])  # before its first request: browsers connect ahead of need
                return accepted

            def handle_error(self, *_):
                pass

        self.open = set()
        self.place, self.port = hold(port)
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self):
        """As a killed server: listens no more, connections break."""
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def reply(self, handler, status, body, kind="application/json", headers=()):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in [("Content-Type", kind), ("Content-Length", str(len(data))), *headers]:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(data)

    def refuses(self, handler):
        if self.key is None or handler.headers.get("Authorization") == f"Bearer {self.key}":
            return False
        self.reply(handler, 401, {"error": {"message": "no such key", "type": "invalid_request_error"}})
        return True

    def get(self, handler):
        path = handler.path.split("?")[0]
        name = "index.html" if path == "/" else path[1:]
        file = source / "web" / name
        if path in self.extra:
            return self.reply(handler, 200, self.extra[path][1], self.extra[path][0])
        if path == "/health":
            return self.reply(handler, 200 if self.health["status"] == "ok" else 503, self.health)
        if path == "/page/info":
            return self.reply(handler, 200, {**self.info, "key_needed": self.key is not None, **({"models": []} if self.key else {})})
        if path == "/v1/models":
            return self.refuses(handler) or self.reply(handler, 200, {"object": "list", "data": [{"id": name, "object": "model"} for name in self.info["models"]]})
        if "/" not in name and file.suffix in types and file.is_file():
            return self.reply(handler, 200, file.read_text(), types[file.suffix], [("Content-Security-Policy", policy), ("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-cache")])
        return self.reply(handler, 404, {"error": {"message": "Not Found"}})

    def post(self, handler):
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        if self.refuses(handler):
            return
        self.requests.append(body)
        last = body["messages"][-1]["content"]
        if last == "<b>refuse</b>":
            return self.reply(handler, 400, {"error": {"message": "<b>bold</b> refusal <img src=x onerror=hacked=1>", "type": "invalid_request_error"}})
        if last == "busy":
            return self.reply(handler, 503, {"error": {"message": "the queue is full"}}, headers=[("Retry-After", "5")])
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        with self.counting:
            self.running += 1
        try:
            self.stream(handler, body, last)
        except OSError:
            pass
        finally:
            with self.counting:
                self.running -= 1

    def stream(self, handler, body, last):
        def send(value):
            data = value if isinstance(value, bytes) else b"data: " + (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).encode() + b"\n\n"
            if last == "split":
                for byte in data:
                    handler.wfile.write(bytes([byte]))
                    time.sleep(0.0005)
            else:
                handler.wfile.write(data)
            handler.wfile.flush()

        def chunk(delta, finish=None, logprobs=None):
            return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": body.get("model"), "choices": [{"index": 0, "delta": delta, "finish_reason": finish, **({"logprobs": logprobs} if logprobs else {})}]}

        send(chunk({"role": "assistant", "content": ""}))
        if last == "broken":
            return send({"error": {"message": "no room <script>hacked=1</script>", "type": "server_error"}})
        if last == "fail once" and self.failures == 0:
            self.failures += 1
            return send({"error": {"message": "not yet"}})
        if last == "call":
            for delta in (call_delta(0, name="<img src=x onerror=hacked=1>weather", arguments=""), call_delta(0, arguments='{"city": '), call_delta(0, arguments='"Oslo<svg onload=hacked=1>"}')):
                send(chunk(delta))
            send(chunk({}, "tool_calls"))
            return send("[DONE]")
        if last == "two calls":
            send(chunk(call_delta(0, name="weather", arguments="{}")))
            send(chunk(call_delta(1, name="time", arguments="{}")))
            send(chunk({}, "tool_calls"))
            return send("[DONE]")
        count = 0
        for piece in self.pieces(body, last):
            if piece is endless:
                while True:
                    send(chunk({"content": "x"}))
                    time.sleep(0.005)
            if isinstance(piece, threading.Event):
                piece.wait()
                continue
            count += 1
            if self.gate:
                self.gate.acquire()
            send(chunk({"content": piece}, None, self.logprobs(body, piece)))
            if self.pause:
                time.sleep(self.pause)
        if last == "cut":
            return None
        send(chunk({}, "length" if last == "short" else "stop"))
        if body.get("stream_options", {}).get("include_usage"):
            send({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": count, "total_tokens": 5 + count}})
        return send("[DONE]")

    def logprobs(self, body, piece):
        if not body.get("logprobs"):
            return None
        entry = lambda token, share: {"token": token, "logprob": -share, "bytes": list(token.encode())}
        top = [entry(piece, 0.3), entry(" else", 1.8), entry(" café", 2.5), {"token": "\ufffd", "logprob": -4.0, "bytes": [0xC3]}, entry("<|assistant_end|>", 5.0)]
        return {"content": [{**top[0], "top_logprobs": top[:body.get("top_logprobs", 0)]}]}

    def pieces(self, body, last):
        if body.get("continue_final_message"):
            return [" and", " more"]
        if last in self.answers:
            answer = self.answers[last]
            return answer if isinstance(answer, list) else words(answer)
        fixed = {
            "slow": [endless], "empty": [], "cut": ["half"], "split": ["café ", "😀", " end"], "fail once": ["better now"], "short": ["too", " short"],
            "tool": ["It is ", "<|python", "_start|>", "37", "*12", "<|python_end|>", "<|output_start|>", "444", "<|output_end|>", ", I think."],
            "html": ["<img src=x onerror=\"hacked=1\"><script>hacked=1</script><b>b</b>"],
        }
        return fixed.get(last, ["You said:", *words(" " + last)])


if __name__ == "__main__":
    print(MockServer(port=8123).url)
    threading.Event().wait()
