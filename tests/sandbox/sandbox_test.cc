// Outcomes of programs, row by row.
#include "sandbox/sandbox.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "core/text.h"
#include "tests/ref/testing.h"
#include "tests/sandbox/house.h"

namespace lathe::sandbox {
namespace {

using testing::house;

constexpr int64_t kMegabyte = 1 << 20;

Limits with_seconds(double seconds) {
  Limits limits;
  limits.seconds = seconds;
  return limits;
}

Outcome run(const std::string& program, const Limits& limits = with_seconds(20)) { return house().value().run(program, limits); }

// Where root may do all this, a refusal would be a mistake of ours.
TEST(Sandbox, OpensWithEveryWallForRootWithCapabilities) {
  const std::string status = lathe::testing::take(read_file("/proc/self/status"));
  const bool capable = status.find("CapEff:\t000001ffffffffff") != std::string::npos || status.find("CapEff:\t000001fffeffffff") != std::string::npos;
  if (geteuid() != 0 || !capable || !fs::exists("/usr/bin/python3")) GTEST_SKIP() << "not root with capabilities, or no Python";
  ASSERT_TRUE(house().ok()) << house().error().to_string();
  std::string walls;
  for (const std::string& wall : house().value().walls()) walls += wall + "\n";
  for (const char* wall : {"pid namespace", "mount namespace", "network namespace", "ipc namespace", "uts namespace", "resource limits", "own user id", "no new privileges", "seccomp: "})
    EXPECT_NE(walls.find(wall), std::string::npos) << wall << " is not among\n" << walls;
}

// C-12.1
TEST(Sandbox, AnOutcomeListsOnlyWhatIsSet) {
  Outcome outcome;
  EXPECT_EQ(outcome.to_string(), "failure");
  outcome.success = true;
  outcome.standard_output = "text";
  EXPECT_EQ(outcome.to_string(), "success, stdout: text");
  Outcome other;
  other.timeout = other.memory_exceeded = true;
  other.error = "E: m";
  other.exit_code = 3;
  other.signal = 9;
  EXPECT_EQ(other.to_string(), "failure, timeout, memory exceeded, error: E: m, exit code 3, signal 9");
}

// C-12.1
TEST(Sandbox, TheDefaultsAreFiveSecondsAnd256Megabytes) {
  LATHE_NEEDS_SANDBOX();
  EXPECT_EQ(Limits{}.seconds, 5);
  EXPECT_EQ(Limits{}.memory_bytes, 256 * kMegabyte);
  const std::string program = join_text("x = bytearray(", 300 * kMegabyte, ")\nprint(len(x))");
  EXPECT_TRUE(run(program).memory_exceeded);
}

// C-12.1: no limit on memory is no limit, and not a failure of every run.
TEST(Sandbox, WithoutAMemoryLimitMoreThanTheUsualIsThere) {
  LATHE_NEEDS_SANDBOX();
  Limits limits = with_seconds(20);
  limits.memory_bytes = std::nullopt;
  const Outcome outcome = run(join_text("x = bytearray(", 300 * kMegabyte, ")\nprint(len(x))"), limits);
  EXPECT_TRUE(outcome.success) << outcome.to_string();
  EXPECT_EQ(outcome.standard_output, join_text(300 * kMegabyte, "\n"));
}

// C-12.2
TEST(Sandbox, AProgramThatIgnoresItsTimerIsKilledASecondLater) {
  LATHE_NEEDS_SANDBOX();
  // Held up before it ignores the signal, it is ended by its timer.
  Outcome outcome;
  for (int turn = 0; turn < 3 && outcome.error != "Execution timed out (process killed)"; ++turn)
    outcome = run("import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nprint('x', flush=True)\nwhile True: pass", with_seconds(0.5));
  EXPECT_EQ(outcome.error, "Execution timed out (process killed)");
  EXPECT_TRUE(outcome.timeout);
  EXPECT_EQ(outcome.standard_output + outcome.standard_error, "");
  EXPECT_GE(outcome.seconds, 1.5);
}

// C-12.3
TEST(Sandbox, AProcessThatCannotBeginHasNoResult) {
  LATHE_NEEDS_SANDBOX();
  Limits limits;
  limits.memory_bytes = 2 * kMegabyte;  // too little for the interpreter
  const Outcome outcome = run("print(1)", limits);
  EXPECT_EQ(outcome.error, "Execution failed (no result returned)");
  EXPECT_TRUE(outcome.timeout);
  EXPECT_FALSE(outcome.success);
}

// C-12.3
TEST(Sandbox, AProcessThatGoesLaterTellsItsStatusOrSignal) {
  LATHE_NEEDS_SANDBOX();
  const Outcome exited = run("import os\nprint('x', flush=True)\nos._exit(3)");
  EXPECT_EQ(exited.to_string(), "failure, exit code 3");
  const Outcome crashed = run("import ctypes\nctypes.string_at(0)");
  EXPECT_EQ(crashed.to_string(), "failure, signal 11");
}

// C-12.4
TEST(Sandbox, TimeMemoryAndExceptionsAreToldApart) {
  LATHE_NEEDS_SANDBOX();
  // The timer inside begins when Python has, the one outside before: on a busy machine, where that takes a second, the kill is first.
  Outcome late;
  for (int turn = 0; turn < 20 && late.error != "Execution timed out"; ++turn) {
    late = run("while True: pass", with_seconds(0.5));
    EXPECT_TRUE(late.timeout);
  }
  EXPECT_EQ(late.error, "Execution timed out");
  const Outcome fat = run("x = []\nwhile True: x.append('y' * 100000)");
  EXPECT_TRUE(fat.memory_exceeded);
  EXPECT_FALSE(fat.timeout);
  EXPECT_TRUE(fat.error.has_value() && fat.error->starts_with("Memory limit exceeded")) << fat.to_string();
  EXPECT_EQ(run("1 / 0").error, "ZeroDivisionError: division by zero");
  EXPECT_EQ(run("raise ValueError('x')").error, "ValueError: x");
  EXPECT_EQ(run("import sys; sys.exit(0)").error, "SystemExit: 0");
  EXPECT_EQ(run("def f(:").error->substr(0, 13), "SyntaxError: ");
}

// C-12.5
TEST(Sandbox, OnlyASuccessHasOutputs) {
  LATHE_NEEDS_SANDBOX();
  const std::string both = "import sys\nprint('out')\nprint('err', file=sys.stderr)\n";
  const Outcome good = run(both);
  EXPECT_EQ(good.standard_output, "out\n");
  EXPECT_EQ(good.standard_error, "err\n");
  EXPECT_EQ(run(both + "1 / 0").to_string(), "failure, error: ZeroDivisionError: division by zero");
}

TEST(Sandbox, OutputBeyondTheBoundIsCutOff) {
  LATHE_NEEDS_SANDBOX();
  Limits limits = with_seconds(20);
  limits.output_bytes = 1000;
  const Outcome outcome = run("print('x' * 100000)", limits);
  EXPECT_TRUE(outcome.success);
  EXPECT_EQ(outcome.standard_output, std::string(1000, 'x'));
}

// C-12.6
TEST(Sandbox, TheWorkingFolderIsFreshWritableAndGoneAfterwards) {
  LATHE_NEEDS_SANDBOX();
  const std::string program = "import os\nassert os.listdir('.') == []\nopen('mark-of-lathe', 'w').write('x')\nprint(os.getcwd(), open('mark-of-lathe').read())\n";
  for (int i = 0; i < 2; ++i) EXPECT_EQ(run(program).standard_output, "/tmp x\n");
  EXPECT_EQ(run(program + "1 / 0").error, "ZeroDivisionError: division by zero");
  EXPECT_EQ(run(program).standard_output, "/tmp x\n");
  EXPECT_FALSE(fs::exists("/tmp/mark-of-lathe"));
}

// C-12.7
TEST(Sandbox, ReadingInputIsAnErrorAtOnce) {
  LATHE_NEEDS_SANDBOX();
  for (const char* program : {"input()", "import sys; sys.stdin.read()", "import sys; sys.stdin.readline()", "import os; os.read(0, 1)"}) {
    const Outcome outcome = run(program);
    EXPECT_TRUE(outcome.error.has_value() && outcome.error->starts_with("OSError")) << program << ": " << outcome.to_string();
    EXPECT_LT(outcome.seconds, 10);
  }
}

// C-12.8
TEST(Sandbox, AddressSpaceDataAndStackHaveTheMemoryBoundAndOneThreadComputes) {
  LATHE_NEEDS_SANDBOX();
  const Outcome outcome = run(
      "import ctypes, os\n"
      "libc = ctypes.CDLL(None)\n"
      "for kind in (9, 2, 3):\n"
      "    limit = (ctypes.c_ulong * 2)()\n"
      "    libc.getrlimit(kind, limit)\n"
      "    print(limit[0], limit[1])\n"
      "print(os.environ['OMP_NUM_THREADS'])\n");
  const std::string line = join_text(256 * kMegabyte, " ", 256 * kMegabyte, "\n");
  EXPECT_EQ(outcome.standard_output, line + line + line + "1\n") << outcome.to_string();
}

// C-12.9: the origin takes these functions away; here the kernel does, or they reach nothing.
TEST(Sandbox, WhatTheOriginDisablesReachesNothing) {
  LATHE_NEEDS_SANDBOX();
  for (const char* name : {"exit", "quit", "help"}) EXPECT_TRUE(run(std::string(name) + "()").error->starts_with("NameError")) << name;
  for (const char* module : {"ipdb", "joblib", "resource", "psutil", "tkinter"})
    EXPECT_EQ(run(std::string("import ") + module).error->substr(0, 19), "ModuleNotFoundError") << module;
  for (const char* call : {"fork()", "forkpty()", "setuid(0)", "chroot('/')", "system('true') and 1 / 0", "chown('/usr', 0, 0)", "lchown('/usr', 0, 0)", "fchown(1, 0, 0)",
                           "fchmod(os.open('/usr', 0), 0o777)", "chmod('/usr', 0o777)", "remove('/usr/bin/python3')", "unlink('/usr/bin/python3')", "rmdir('/usr/lib')",
                           "removedirs('/usr/lib')", "rename('/usr/bin', '/usr/x')", "renames('/usr/bin', '/usr/x')", "replace('/usr/bin', '/usr/x')",
                           "truncate('/usr/bin/python3', 0)", "kill(1000, 9)", "killpg(1000, 9)"})
    EXPECT_FALSE(run(std::string("import os\nos.") + call).success) << call;
  for (const char* call : {"shutil.rmtree('/usr')", "shutil.move('/usr/bin', '/tmp/x')", "shutil.chown('/usr', 'root')", "subprocess.Popen(['/usr/bin/id'])"})
    EXPECT_FALSE(run(std::string("import shutil, subprocess\n") + call).success) << call;
  // These stay: they move inside of the program's own folder and its own environment.
  EXPECT_TRUE(run("import os\nos.putenv('A', '1')\nos.mkdir('d')\nos.chdir('d')\nos.fchdir(os.open('.', 0))\nprint(os.getcwd())").success);
}

// C-12.12
TEST(Sandbox, WithoutPythonItDoesNotOpen) {
  const Result<Sandbox> missing = Sandbox::open({false, "/nonexistent/python3"});
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().to_string().find("/nonexistent/python3"), std::string::npos);
  const Result<Sandbox> other = Sandbox::open({false, "/bin/sh"});
  ASSERT_FALSE(other.ok());
}

// C-12.13
TEST(Sandbox, ProgramsRunInAnEmptyNamespaceThatIsNotMain) {
  LATHE_NEEDS_SANDBOX();
  EXPECT_EQ(run("print(__name__, sorted(k for k in globals() if k != '__builtins__'))").standard_output, "builtins []\n");
  EXPECT_EQ(run("if __name__ == '__main__':\n    1 / 0\n").success, true);
}

// C-12.14
TEST(Sandbox, RunAllKeepsTheOrderOfThePrograms) {
  LATHE_NEEDS_SANDBOX();
  const std::string test = "def check(c):\n    assert c() == 1\n";
  std::vector<CheckedProgram> programs;
  for (int i = 0; i < 12; ++i) programs.push_back({join_text("print(", i, ")\ndef f():\n    return ", i % 3 == 0 ? 0 : 1), test, "f"});
  const std::vector<Outcome> outcomes = house().value().run_all(programs, with_seconds(30));
  ASSERT_EQ(outcomes.size(), programs.size());
  for (size_t i = 0; i < outcomes.size(); ++i) {
    EXPECT_EQ(outcomes[i].success, i % 3 != 0) << i << ": " << outcomes[i].to_string();
    EXPECT_EQ(outcomes[i].standard_output, i % 3 == 0 ? "" : join_text(i, "\n"));
  }
  EXPECT_TRUE(house().value().run_all({}, {}).empty());
}

// C-12.11
TEST(TrapG2, EveryPlainValueArrivesAsItIs) {
  LATHE_NEEDS_SANDBOX();
  const std::string test =
      "def check(candidate):\n"
      "    values = [None, True, False, 0, -1, 255, 256, -128, -129, 10 ** 50, -10 ** 50, 0.5, -0.0, float('inf'), 1e-300, 2 + 3j, '', 'gr\\u00fc\\u00df \\U0001f600', '\\udc80',\n"
      "              b'', b'\\x00\\xff', bytearray(b'ab'), [], [1, [2, [3]]], (), (1,), {}, {'a': 1, 2: (3,)}, set(), {1, 2}, frozenset([3]), range(2, 9, 3)]\n"
      "    for value in values:\n"
      "        for back in (candidate(value), candidate([value])[0] if True else None, candidate(value=value)):\n"
      "            assert type(back) is type(value), (type(back), value)\n"
      "            assert back == value and repr(back) == repr(value), (back, value)\n"
      "    assert candidate(None) is None and candidate(True) is True\n"
      "    nan = candidate(float('nan'))\n"
      "    assert nan != nan\n";
  const Outcome outcome = house().value().run(CheckedProgram{"def f(value):\n    return value\n", test, "f"}, with_seconds(30));
  EXPECT_TRUE(outcome.success) << outcome.to_string();
}

// C-12.11
TEST(TrapG2, SubclassesAndIteratorsArriveAsPlainValues) {
  LATHE_NEEDS_SANDBOX();
  const std::string program =
      "import collections, enum\n"
      "class N(enum.IntEnum):\n    ONE = 1\n"
      "P = collections.namedtuple('P', 'x y')\n"
      "def f(which):\n"
      "    if which == 0: return collections.Counter('aab')\n"
      "    if which == 1: return P(1, 2)\n"
      "    if which == 2: return N.ONE\n"
      "    if which == 3: return (i * i for i in range(4))\n"
      "    if which == 4: return map(str, [1, 2])\n"
      "    if which == 5: return {'a': 1}.keys()\n"
      "    if which == 6: return collections.defaultdict(list, a=[1])\n"
      "    if which == 7: return object()\n";
  const std::string test =
      "def check(candidate):\n"
      "    assert candidate(0) == {'a': 2, 'b': 1} and type(candidate(0)) is dict\n"
      "    assert candidate(1) == (1, 2) and type(candidate(1)) is tuple\n"
      "    assert candidate(2) == 1 and type(candidate(2)) is int\n"
      "    assert list(candidate(3)) == [0, 1, 4, 9]\n"
      "    assert sorted(candidate(4)) == ['1', '2']\n"
      "    assert list(candidate(5)) == ['a']\n"
      "    assert candidate(6) == {'a': [1]}\n"
      "    try:\n        candidate(7)\n    except TypeError as e:\n        assert 'no plain data: object' in str(e)\n    else:\n        assert False\n";
  const Outcome outcome = house().value().run(CheckedProgram{program, test, "f"}, with_seconds(30));
  EXPECT_TRUE(outcome.success) << outcome.to_string();
}

// C-12.11
TEST(TrapG2, ATestMaySeeTheExceptionsOfTheProgram) {
  LATHE_NEEDS_SANDBOX();
  const std::string program = "class Own(ValueError): pass\ndef f(x):\n    if x == 0: raise KeyError('k')\n    raise Own('text')\n";
  const std::string test =
      "def check(candidate):\n"
      "    try:\n        candidate(0)\n    except KeyError as e:\n        pass\n    else:\n        assert False\n"
      "    try:\n        candidate(1)\n    except Exception as e:\n        assert str(e) == 'text' and type(e).__name__ == 'Own'\n    else:\n        assert False\n";
  EXPECT_TRUE(house().value().run(CheckedProgram{program, test, "f"}, with_seconds(30)).success);
}

// C-12.11: what the test calls beside the candidate comes from the task's text where that defines it, and else from the program.
TEST(TrapG2, HelpersOfTheTaskAreNotTheProgramsToRedefine) {
  LATHE_NEEDS_SANDBOX();
  const Sandbox& sandbox = house().value();
  const std::string given = "import math\ndef wrapped(x):\n    return (x, math.pi)\ndef f(x):\n    \"\"\" Inverse of wrapped. \"\"\"\n";
  const std::string test = "def check(candidate):\n    for i in range(4):\n        assert candidate(wrapped(i)) == i\n";
  const std::string right = "def wrapped(x):\n    return (x, 3)\ndef f(x):\n    return x[0]\n";
  const std::string wrong = "def wrapped(x):\n    return None\nn = iter(range(4))\ndef f(x):\n    return next(n) if x is None else 0\n";
  EXPECT_TRUE(sandbox.run(CheckedProgram{right, test, "f", given}, with_seconds(30)).success);
  EXPECT_TRUE(sandbox.run(CheckedProgram{right, test, "f"}, with_seconds(30)).success);
  EXPECT_FALSE(sandbox.run(CheckedProgram{wrong, test, "f", given}, with_seconds(30)).success);
}

TEST(TrapG2, ATestMayUseModulesAndValuesOfTheProgram) {
  LATHE_NEEDS_SANDBOX();
  const std::string program = "import math\nLIMIT = [3, 4]\ndef f(x):\n    return math.sqrt(x)\n";
  const std::string test = "def check(candidate):\n    assert math.isclose(candidate(9), LIMIT[0])\n";
  EXPECT_TRUE(house().value().run(CheckedProgram{program, test, "f"}, with_seconds(30)).success);
}

TEST(TrapG2, ATestWithoutACheckDoesNotPass) {
  LATHE_NEEDS_SANDBOX();
  const Outcome outcome = house().value().run(CheckedProgram{"def f():\n    return 1\n", "x = 1\n", "f"}, with_seconds(30));
  EXPECT_EQ(outcome.error, "NameError: name 'check' is not defined");
}

// The same verdict each time: sets have one order, and a test's draws one seed.
TEST(Sandbox, RunsAreRepeated) {
  LATHE_NEEDS_SANDBOX();
  const std::string program = "def f(x):\n    return list({'a', 'b', 'c', 'd', 'e', str(x)})\n";
  const std::string test = "import random\ndef check(candidate):\n    assert False, (candidate(1), random.random())\n";
  const Outcome first = house().value().run(CheckedProgram{program, test, "f"}, with_seconds(30));
  const Outcome second = house().value().run(CheckedProgram{program, test, "f"}, with_seconds(30));
  ASSERT_TRUE(first.error.has_value());
  EXPECT_EQ(first.error, second.error);
}

TEST(TrapS13, NoMemoryLimitIsForgottenWhereThereAreThreads) {
  LATHE_NEEDS_SANDBOX();
  const Outcome outcome = run("import threading\nr = []\ndef take():\n    try:\n        r.append(bytearray(100 << 20))\n    except MemoryError:\n        r.append(None)\n"
                              "t = [threading.Thread(target=take) for i in range(6)]\n[x.start() for x in t]\n[x.join() for x in t]\nprint(sum(x is not None for x in r) <= 2)\n");
  EXPECT_EQ(outcome.standard_output, "True\n") << outcome.to_string();
}

// Nobody is left to watch: the program goes with the process that started it.
TEST(TrapS13, AProgramEndsWithTheProcessThatStartedIt) {
  LATHE_NEEDS_SANDBOX();
  const pid_t owner = fork();
  ASSERT_GE(owner, 0);
  if (owner == 0) {
    run("import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass", with_seconds(100));
    _exit(0);
  }
  const std::string children = join_text("/proc/", owner, "/task/", owner, "/children");
  std::string program;
  for (int i = 0; i < 6000 && program.empty(); ++i) {
    usleep(10000);
    if (const Result<std::string> list = read_file(children); list.ok()) program = trim_text(list.value());
  }
  kill(owner, SIGKILL);
  waitpid(owner, nullptr, 0);
  ASSERT_FALSE(program.empty());
  bool gone = false;
  for (int i = 0; i < 6000 && !gone; ++i) {
    usleep(10000);
    gone = !fs::exists("/proc/" + program);
  }
  EXPECT_TRUE(gone) << "process " << program << " runs on";
}

}  // namespace
}  // namespace lathe::sandbox
