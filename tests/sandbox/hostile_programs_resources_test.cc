// Time, memory, output, crashes. Trap S13; rows C-12.4, C-12.7, C-12.8.
#include "tests/sandbox/house.h"

namespace lathe::sandbox::testing {
namespace {

const Hostile kPrograms[] = {
    {"BusyLoop", "loops", "while True:\n    pass\n", Expect::kTimeout, "", 0.4},
    {"Sleeps", "sleeps", "import time\ntime.sleep(1000)\n", Expect::kTimeout, "", 0.4},
    {"WaitsOnALock", "waits for nobody", "import threading\nl = threading.Lock()\nl.acquire()\nl.acquire()\n", Expect::kTimeout, "", 0.4},
    {"ThreadsLoop", "loops in many threads",
     "import threading\ndef loop():\n    while True:\n        pass\nfor i in range(8):\n    threading.Thread(target=loop).start()\nloop()\n", Expect::kTimeout, "", 0.4},
    {"ThreadsStay", "ends and leaves threads running",
     "import threading, time\nfor i in range(8):\n    threading.Thread(target=time.sleep, args=(1000,)).start()\nprint('ended')\n", Expect::kContained, "ended"},
    {"CatastrophicPattern", "matches for ever", "import re\nre.match('(a+)+$', 'a' * 60 + 'b')\n", Expect::kTimeout, "", 0.4},
    {"LongArithmetic", "computes a number too large", "x = 7 ** (7 ** 9)\n", Expect::kTimeout, "", 0.4},
    {"HugeDecimal", "prints a number with many digits", "import sys\nsys.set_int_max_str_digits(0)\nstr(3 ** 30000000)\n", Expect::kFails, "", 0.4},
    {"EndlessSum", "loops inside of a built-in function", "sum(iter(int, 1))\n", Expect::kTimeout, "", 0.4},
    {"GrowsAList", "takes memory in small pieces", "x = []\nwhile True:\n    x.append('x' * 10000 + str(len(x)))\n", Expect::kMemory},
    {"OneBigString", "takes memory at once", "x = 'x' * (1 << 34)\n", Expect::kMemory},
    {"BigArray", "takes memory as an array", "x = bytearray(1 << 40)\n", Expect::kMemory},
    {"Doubles", "doubles a string without end", "x = 'ha'\nwhile True:\n    x += x\n", Expect::kMemory},
    {"UnpacksABomb", "unpacks little into much",
     "import zlib\nc = zlib.compressobj(9)\npacked = b''.join(c.compress(bytes(1 << 20)) for i in range(600)) + c.flush()\nzlib.decompress(packed)\n", Expect::kMemory},
    {"MapsMemory", "maps more memory than there may be", "import mmap\nmmap.mmap(-1, 1 << 35)\n", Expect::kError, "OSError"},
    {"MapsMemoryUnreserved", "maps memory that is not counted yet",
     "import ctypes\nlibc = ctypes.CDLL(None)\nlibc.mmap.restype = ctypes.c_void_p\nprint('failed', libc.mmap(None, ctypes.c_size_t(1 << 35), 3, 0x4022, -1, 0) == 2**64 - 1)\n",
     Expect::kContained, "failed True"},
    {"RaisesItsLimits", "raises its memory limit, then uses it",
     "import ctypes\nlibc = ctypes.CDLL(None)\nlimit = (ctypes.c_ulong * 2)(2**63, 2**63)\nfor kind in (2, 3, 9):\n    libc.setrlimit(kind, limit)\nx = bytearray(1 << 30)\n",
     Expect::kMemory},
    {"DeepRecursion", "recurses without end", "def f(n):\n    return f(n + 1)\nf(0)\n", Expect::kError, "RecursionError"},
    {"DeeperRecursion", "lifts the bound on recursion and recurses in C",
     "import sys\nsys.setrecursionlimit(10 ** 9)\nclass A:\n    def __repr__(self):\n        return repr([self])\nrepr(A())\n"},
    {"DeepSource", "is nested without end", "x = " + std::string(50000, '(') + std::string(50000, ')') + "\n"},
    {"NoSource", "is no text", std::string("\0\xff\xfe", 3), Expect::kError, "Error"},
    {"Segfault", "crashes", "import ctypes\nctypes.string_at(0)\n", Expect::kSignal, "11"},
    {"Aborts", "crashes with a core file", "import os\nos.abort()\n"},
    {"HugeOutput", "prints much", "import sys\nfor i in range(3000):\n    print('x' * 1000)\n", Expect::kContained, "xxxxxxxx"},
    {"EndlessOutput", "prints without end", "while True:\n    print('x' * 1000)\n", Expect::kTimeout, "", 0.4},
    {"EndlessErrors", "writes to the error stream without end", "import os\nwhile True:\n    os.write(2, b'x' * 65536)\n", Expect::kTimeout, "", 0.4},
    {"OutputIsNoText", "writes bytes that are no text", "import os\nos.write(1, b'\\xff\\xfe ok')\n", Expect::kContained, "\xEF\xBF\xBD ok"},
    {"ReadsInput", "asks the user", "input()\n", Expect::kError, "OSError"},
    {"ReadsInputOtherwise", "reads descriptor 0", "import os\nos.read(0, 1)\n", Expect::kError, "OSError"},
    {"ReadsInputStream", "reads the input stream", "import sys\nsys.stdin.read()\n", Expect::kError, "OSError"},
    {"ClosesEverything", "closes all descriptors and stays",
     "import os, time\nos.closerange(0, 1000)\ntime.sleep(1000)\n", Expect::kFails, "", 0.4},
    {"HoldsThePipes", "copies its descriptors, ends in one thread and stays in another",
     "import os, threading, time\nfor fd in (1, 2, 4):\n    for i in range(5):\n        os.dup(fd)\nthreading.Thread(target=time.sleep, args=(1000,)).start()\nprint('held')\n",
     Expect::kContained, "held"},
    {"ExitHandler", "loops when it is told to end", "import atexit\n@atexit.register\ndef loop():\n    while True:\n        pass\nprint('ended')\n", Expect::kContained, "ended"},
    {"Exits", "leaves by an exception", "import sys\nsys.exit(0)\n", Expect::kError, "SystemExit: 0"},
    {"ExitsHard", "leaves at once", "import os\nos._exit(0)\n", Expect::kExit, "0"},
    {"ExitsHardWithAStatus", "leaves at once", "import os\nos._exit(7)\n", Expect::kExit, "7"},
    {"Quits", "calls quit", "quit()\n", Expect::kError, "NameError"},
    {"Interrupts", "raises what a keyboard raises", "raise KeyboardInterrupt\n", Expect::kError, "KeyboardInterrupt"},
    {"ExceptionThatLies", "raises an exception whose text never ends",
     "class E(Exception):\n    def __str__(self):\n        while True:\n            pass\nraise E()\n", Expect::kFails, "", 0.4},
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Resources, HostilePrograms, ::testing::ValuesIn(kPrograms), hostile_name);

}  // namespace lathe::sandbox::testing
