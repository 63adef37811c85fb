# Runs inside the walls, in the process that holds the untrusted program. Reads the program from descriptor 5, runs it in an
# empty namespace, then answers the requests of descriptor 3 (a checker's) on descriptor 4. Nothing said here is believed but
# as a plain value: what decides lives in checker_side.py and outside.
def _serve():
    import posix
    import sys
    from _signal import ITIMER_REAL, SIGALRM, setitimer, signal

    encode, decode, _ = _codec()
    checked = sys.argv[1] == "checked"
    seconds = float(sys.argv[2])
    sys.argv[:] = [""]
    sys.path[:] = [folder for folder in sys.path if folder]
    write, read, leave = posix.write, posix.read, posix._exit

    class TimeOut(BaseException):
        pass

    def on_alarm(number, frame):
        raise TimeOut()

    def send(payload):
        data = memoryview(len(payload).to_bytes(8, "little") + payload)
        while data:
            data = data[write(4, data):]

    def receive_exactly(descriptor, size):
        parts = []
        while size:
            part = read(descriptor, min(size, 1 << 20))
            if not part:
                return None
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def flush():
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            try:
                stream.flush()
            except BaseException:
                pass

    def text(value):
        return str.encode(value[:4096], "utf-8", "replace")

    def failure(problem):
        if isinstance(problem, TimeOut):
            return b"T"
        try:
            message = str(problem)
        except BaseException:
            message = ""
        if isinstance(problem, MemoryError):
            return b"M" + text(message)
        return b"E" + text(type(problem).__name__) + b"\0" + text(message)

    def kind_of(value):
        if callable(value):
            return b"call"
        return b"module" if isinstance(value, type(sys)) else b"value"

    program = bytearray()
    while True:
        part = read(5, 1 << 20)
        if not part:
            break
        program += part
    posix.close(5)
    # The stack may grow to the memory bound only now: threads are given stacks of what was set when the process began.
    try:
        import resource
        hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
        resource.setrlimit(resource.RLIMIT_STACK, (hard, hard))
    except ImportError:
        pass
    for name in ("ipdb", "joblib", "resource", "psutil", "tkinter"):
        sys.modules[name] = None
    namespace = {}
    send(b"S")
    signal(SIGALRM, on_alarm)
    try:
        setitimer(ITIMER_REAL, seconds)
        exec(compile(bytes(program), "<program>", "exec"), namespace)
        answer = b"V" + encode(None)
    except BaseException as problem:
        answer = failure(problem)
    if not checked:
        flush()
        send(answer)
        leave(0)
    send(answer)
    while True:
        head = receive_exactly(3, 8)
        if head is None:
            break
        request = decode(receive_exactly(3, int.from_bytes(head, "little")))
        try:
            if request[0] == "names":
                known = [name for name in request[1] if name in namespace]
                answer = b"V" + encode([(name, kind_of(namespace[name])) for name in known])
            elif request[0] == "value":
                answer = b"V" + encode(namespace[request[1]])
            else:
                answer = b"V" + encode(namespace[request[1]](*request[2], **request[3]))
        except BaseException as problem:
            answer = failure(problem)
        send(answer)
    flush()
    leave(0)


_serve()
