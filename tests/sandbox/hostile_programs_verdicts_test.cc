// Programs that do not compute what is asked for and want to pass all the same. Traps G2, S13; row C-12.11.
#include "core/text.h"
#include "tests/sandbox/house.h"

namespace lathe::sandbox::testing {
namespace {

Hostile cheats(const char* name, const char* tries, std::string program, Expect expect = Expect::kFails, std::string text = "", double seconds = 20,
               std::string given = {}) {
  return {name, tries, std::move(program), expect, std::move(text), seconds, true, std::move(given)};
}

// The same against another test than square_test().
Hostile stops(const char* name, const char* tries, std::string test, std::string program = "def f(x):\n    raise StopIteration\n", std::string text = "StopIteration") {
  Hostile hostile = cheats(name, tries, std::move(program), Expect::kError, std::move(text));
  hostile.test = std::move(test);
  return hostile;
}

// Sends bytes as the reply to the first request, in place of a result.
std::string replies(const std::string& bytes) {
  return "import os\ndef f(x):\n    os.write(4, " + bytes + ")\n    while True:\n        os.write(4, b'\\1\\0\\0\\0\\0\\0\\0\\0T')\n";
}

std::string framed(const std::string& payload) { return "(lambda p: len(p).to_bytes(8, 'little') + p)(" + payload + ")"; }

const Hostile kPrograms[] = {
    cheats("WrongAnswer", "is wrong", "def f(x):\n    return x + x\n", Expect::kError, "AssertionError"),
    cheats("NoAnswer", "does not define what is asked for", "g = 1\n", Expect::kError, "NameError: name 'f' is not defined"),
    cheats("ExitsEarly", "ends well before the test", "import sys\ndef f(x):\n    return 0\nsys.exit(0)\n", Expect::kError, "SystemExit"),
    cheats("ExitsEarlyAndHard", "ends at once before the test", "import os\ndef f(x):\n    return 0\nos._exit(0)\n", Expect::kExit, "0"),
    cheats("ExitsInTheCall", "ends in the midst of the test", "import sys\ndef f(x):\n    sys.exit(0)\n", Expect::kError, "SystemExit"),
    cheats("ExitsHardInTheCall", "ends at once in the midst of the test", "import os\ndef f(x):\n    os._exit(0)\n", Expect::kExit, "0"),
    cheats("EqualToAll", "returns what equals everything",
           "class E:\n    def __eq__(s, o): return True\n    def __abs__(s): return s\n    def __sub__(s, o): return s\n    def __lt__(s, o): return True\ndef f(x):\n    return E()\n",
           Expect::kError, "no plain data"),
    cheats("NumberEqualToAll", "returns a number that equals everything",
           "class E(int):\n    def __eq__(s, o): return True\n    def __abs__(s): return s\n    def __sub__(s, o): return s\n    def __lt__(s, o): return True\n    __hash__ = None\ndef f(x):\n    return E(0)\n",
           Expect::kError, "AssertionError"),
    cheats("RealEqualToAll", "returns a float that equals everything", "class E(float):\n    def __eq__(s, o): return True\ndef f(x):\n    return E(0)\n", Expect::kError, "AssertionError"),
    cheats("TextEqualToAll", "returns a text that equals everything", "class E(str):\n    def __eq__(s, o): return True\ndef f(x):\n    return E('4')\n", Expect::kError, "AssertionError"),
    cheats("ListEqualToAll", "returns a list that equals everything", "class E(list):\n    def __eq__(s, o): return True\ndef f(x):\n    return E([1])\n", Expect::kError, "AssertionError"),
    cheats("DictEqualToAll", "returns a dictionary that equals everything", "class E(dict):\n    def __eq__(s, o): return True\ndef f(x):\n    return E(a=1)\n", Expect::kError, "AssertionError"),
    cheats("KeyEqualToAll", "hides such a value in a set", "class E:\n    def __eq__(s, o): return True\n    def __hash__(s): return 4\ndef f(x):\n    return {E()}\n", Expect::kError, "no plain data"),
    cheats("TypeThatLies", "says that it is a number", "class E:\n    __class__ = int\n    def __eq__(s, o): return True\ndef f(x):\n    return E()\n"),
    cheats("NotANumber", "returns what compares oddly", "def f(x):\n    return float('nan')\n", Expect::kError, "AssertionError"),
    cheats("OverwritesBuiltins", "replaces the functions that tests use",
           "import builtins\nclass Quiet(Exception): pass\nbuiltins.abs = lambda x: 0\nbuiltins.AssertionError = Quiet\nbuiltins.range = lambda *a: []\nbuiltins.isinstance = lambda *a: True\ndef f(x):\n    return 0\n",
           Expect::kFails),
    cheats("OwnCheck", "defines the check itself", "def check(candidate):\n    pass\ndef f(x):\n    return 0\n", Expect::kError, "AssertionError"),
    cheats("OwnCheckEverywhere", "puts a check into every namespace it finds",
           "import gc, sys\nfor d in gc.get_objects():\n    if type(d) is dict:\n        try:\n            d['check'] = lambda c: None\n        except Exception:\n            pass\ndef f(x):\n    return 0\n"),
    cheats("LooksForTheTest", "searches memory for the test's answers",
           "import gc, sys\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n        if 'candidate' in frame.f_locals or 'test' in frame.f_globals:\n            return x * x\n        frame = frame.f_back\n"
           "    return x * x if any(isinstance(o, str) and 'assert candidate' in o and len(o) < 300 for o in gc.get_objects()) else 0\n",
           Expect::kError, "AssertionError"),
    cheats("PatchesTheCodec", "replaces what encodes results",
           "import gc, types\nfor o in gc.get_objects():\n    if isinstance(o, types.FunctionType) and o.__name__ in ('encode', 'send', 'failure'):\n        o.__code__ = (lambda *a, **k: b'V').__code__\ndef f(x):\n    return 0\n",
           Expect::kFails, "", 2),
    cheats("PatchesModules", "replaces modules that a checker may use",
           "import marshal, json, posix, sys\nmarshal.loads = lambda b: ('value', 'ok')\njson.dumps = lambda *a: 'true'\nposix.write = lambda fd, b: len(b)\nsys.exit = lambda *a: None\nok = True\ndef f(x):\n    return 0\n"),
    cheats("WritesEverywhere", "writes a verdict into every descriptor",
           "import os\nfor fd in range(64):\n    try:\n        os.write(fd, b'success\\n')\n    except OSError:\n        pass\ndef f(x):\n    return 0\n"),
    cheats("WritesTheVerdictsPipe", "writes a verdict where a checker writes it", "import os\nos.write(6, b'success\\n')\ndef f(x):\n    return 0\n", Expect::kError, "OSError"),
    cheats("PrintsSuccess", "prints a verdict", "print('success')\ndef f(x):\n    return 0\n", Expect::kError, "AssertionError"),
    cheats("ForgesReplies", "answers all requests at once with true", "import os\nos.write(4, b'\\2\\0\\0\\0\\0\\0\\0\\0VT' * 1000)\ndef f(x):\n    return 0\n"),
    cheats("ForgesAndLeaves", "answers all requests and ends", "import os\nos.write(4, b'\\2\\0\\0\\0\\0\\0\\0\\0VT' * 1000)\nos._exit(0)\n"),
    cheats("AnswersTwice", "answers before it answers", "import os\ndef f(x):\n    os.write(4, b'\\2\\0\\0\\0\\0\\0\\0\\0VF')\n    return x * x\n"),
    cheats("ReplyWithoutEnd", "announces a reply that fills the memory", replies("b'\\xff' * 8")),
    cheats("ReplyNegative", "announces a reply of no bytes", replies("bytes(8)")),
    cheats("ReplyUnknown", "sends a value of no known kind", replies(framed("b'V?'"))),
    cheats("ReplyCutOff", "sends a text that is cut off", replies(framed("b'Vs' + (100).to_bytes(8, 'little') + b'x'"))),
    cheats("ReplyWithManyItems", "announces more items than there are numbers", replies(framed("b'Vl' + b'\\xff' * 8"))),
    cheats("ReplyTooDeep", "nests a value without end", replies(framed("b'V' + (b'l' + (1).to_bytes(8, 'little')) * 100000 + b'N'"))),
    cheats("ReplyBadText", "sends a text that is none", replies(framed("b'Vs' + (1).to_bytes(8, 'little') + b'\\xff'"))),
    cheats("ReplyBadSet", "sends a set of lists", replies(framed("b'Ve' + (1).to_bytes(8, 'little') + b'l' + bytes(8)"))),
    cheats("ReplyBadRange", "sends a range of texts", replies(framed("b'Vr' + (b's' + bytes(8)) * 3"))),
    cheats("ReplyWithMore", "sends more than a value", replies(framed("b'VTT'"))),
    cheats("ReplyCode", "sends a program in place of a value", "import marshal, os\n" + replies(framed("b'V' + marshal.dumps(compile('1', '', 'exec'))"))),
    cheats("ClosesTheRequests", "hangs up", "import os\ndef f(x):\n    os.close(3)\n    os.close(4)\n    return 4\n", Expect::kFails, "", 3),
    cheats("ClosesThePipesFirst", "hangs up before the test", "import os\nos.close(4)\ndef f(x):\n    return 4\n"),
    cheats("NeverAnswers", "lets the test wait", "def f(x):\n    while True:\n        pass\n", Expect::kTimeout, "", 0.4),
    cheats("NeverAnswersAndIgnores", "lets the test wait and swallows the timer",
           "def f(x):\n    while True:\n        try:\n            while True:\n                pass\n        except BaseException:\n            pass\n", Expect::kTimeout, "", 0.4),
    cheats("EndlessResult", "returns what never ends", "def f(x):\n    return iter(int, 1)\n", Expect::kFails, "", 1),
    cheats("NestedInItself", "returns a list that holds itself", "def f(x):\n    l = []\n    l.append(l)\n    return l\n", Expect::kError, "nested too deeply"),
    cheats("HugeNumber", "returns a number of many digits", "def f(x):\n    return 10 ** 1000000\n", Expect::kError, "AssertionError"),
    cheats("RaisesAssertion", "raises what the test raises", "def f(x):\n    raise AssertionError('all well')\n", Expect::kError, "AssertionError: all well"),
    cheats("RaisesLeaving", "raises what leaves the test", "def f(x):\n    raise SystemExit(0)\n", Expect::kError, "SystemExit"),
    cheats("RaisesOutOfGenerators", "raises what ends loops", "def f(x):\n    raise StopIteration\n", Expect::kError, "StopIteration"),
    stops("EndsAMap", "ends the test's map() before its first item", "def check(candidate):\n    assert all(map(lambda x: candidate(x) == x * x, range(5)))\n"),
    stops("EndsAZip", "ends the test's zip() before its first item", "def check(candidate):\n    assert all(x * x == y for x, y in zip(range(5), map(candidate, range(5))))\n"),
    stops("NumberInAMessage", "makes the test's message fail", "def check(candidate):\n    raise ValueError(candidate(1))\n", "def f(x):\n    return 10 ** 100000\n", "ValueError"),
    cheats("RaisesOwn", "raises an exception with a name of its own", "class success(Exception): pass\ndef f(x):\n    raise success('success')\n", Expect::kError, "success: success"),
    cheats("KillsTheChecker", "signals whoever checks", "import os\ndef f(x):\n    for pid in range(2, 5000):\n        try:\n            os.kill(pid, 9)\n        except OSError:\n            pass\n    return 0\n",
           Expect::kError, "AssertionError"),
    cheats("Exhausts", "takes all memory in the call", "def f(x):\n    return 'x' * (1 << 40)\n", Expect::kMemory),
    cheats("RedefinesTheHelper", "redefines the function that the test measures with", "def f(x):\n    return 0\ndef abs_error(a, b):\n    return 0\n", Expect::kError, "AssertionError"),
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Verdicts, HostilePrograms, ::testing::ValuesIn(kPrograms), hostile_name);

}  // namespace lathe::sandbox::testing
