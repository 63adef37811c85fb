# Plain values as bytes, the same on both sides. What is sent may be a subclass, and is sent as the plain value that it is: its own
# operators stay behind. What is received is checked byte by byte and becomes values of the exact built-in types only.
def _codec():
    from _struct import pack, unpack_from

    class Refused(Exception):
        pass

    def number(value):
        return int.to_bytes(value, 8, "little")

    views = (type({}.keys()), type({}.values()), type({}.items()))
    kinds = ((list, b"l"), (tuple, b"t"), (set, b"e"), (frozenset, b"z"))

    def encode(value, depth=0):
        if depth > 100:
            raise ValueError("the value is nested too deeply")
        if value is None:
            return b"N"
        if value is True:
            return b"T"
        if value is False:
            return b"F"
        if isinstance(value, int):
            size = int.bit_length(value) // 8 + 1
            return b"i" + number(size) + int.to_bytes(value, size, "little", signed=True)
        if isinstance(value, float):
            return b"f" + pack("<d", value)
        if isinstance(value, complex):
            return b"c" + pack("<dd", value.real, value.imag)
        if isinstance(value, str):
            data = str.encode(value, "utf-8", "surrogatepass")
            return b"s" + number(len(data)) + data
        if isinstance(value, (bytes, bytearray)):
            data = bytes(value)
            return (b"b" if isinstance(value, bytes) else b"y") + number(len(data)) + data
        if isinstance(value, range):
            return b"r" + encode(value.start) + encode(value.stop) + encode(value.step)
        if isinstance(value, dict):
            parts = [b"d", number(dict.__len__(value))]
            for key, item in dict.items(value):
                parts.append(encode(key, depth + 1))
                parts.append(encode(item, depth + 1))
            return b"".join(parts)
        for kind, tag in kinds:
            if isinstance(value, kind):
                items = [encode(item, depth + 1) for item in kind.__iter__(value)]
                return tag + number(len(items)) + b"".join(items)
        if isinstance(value, views) or hasattr(type(value), "__next__"):
            items = [encode(item, depth + 1) for item in value]
            return b"I" + number(len(items)) + b"".join(items)
        raise TypeError("this value is no plain data: " + type(value).__name__)

    def decode(data):
        end = len(data)

        def take(at, size):
            if size < 0 or at + size > end:
                raise Refused("a message is cut off")
            return at + size

        def count(at):
            after = take(at, 8)
            return int.from_bytes(data[at:after], "little"), after

        def many(at, depth):
            size, at = count(at)
            items = []
            for _ in range(size):
                item, at = one(at, depth)
                items.append(item)
            return items, at

        def one(at, depth):
            if depth > 110:
                raise Refused("a message is nested too deeply")
            start = take(at, 1)
            tag = data[at:start]
            if tag == b"N":
                return None, start
            if tag == b"T":
                return True, start
            if tag == b"F":
                return False, start
            if tag == b"f":
                after = take(start, 8)
                return unpack_from("<d", data, start)[0], after
            if tag == b"c":
                after = take(start, 16)
                return complex(*unpack_from("<dd", data, start)), after
            if tag in (b"i", b"s", b"b", b"y"):
                size, at = count(start)
                after = take(at, size)
                part = data[at:after]
                if tag == b"i":
                    return int.from_bytes(part, "little", signed=True), after
                if tag == b"s":
                    return part.decode("utf-8", "surrogatepass"), after
                return (part if tag == b"b" else bytearray(part)), after
            if tag == b"r":
                bounds = []
                for _ in range(3):
                    bound, start = one(start, depth + 1)
                    if type(bound) is not int:
                        raise Refused("a range without whole numbers")
                    bounds.append(bound)
                return range(*bounds), start
            if tag == b"d":
                size, at = count(start)
                pairs = {}
                for _ in range(size):
                    key, at = one(at, depth + 1)
                    item, at = one(at, depth + 1)
                    pairs[key] = item
                return pairs, at
            make = {b"l": list, b"t": tuple, b"e": set, b"z": frozenset, b"I": iter}.get(tag)
            if make is None:
                raise Refused("an unknown kind of value in a message")
            items, at = many(start, depth + 1)
            return make(items), at

        try:
            value, at = one(0, 0)
        except Refused:
            raise
        except Exception as problem:
            raise Refused("a message cannot be read: " + type(problem).__name__)
        if at != end:
            raise Refused("bytes after a message")
        return value

    return encode, decode, Refused
