// Processes, signals and other people's memory. Trap S13; rows C-12.9, C-12.10.
#include "tests/sandbox/house.h"

namespace lathe::sandbox::testing {
namespace {

const Hostile kPrograms[] = {
    {"ForkBomb", "forks without end", "import os\nwhile True:\n    os.fork()\n", Expect::kError, "PermissionError"},
    {"ForkBombThatTriesAgain", "forks without end and swallows every error",
     "import os\nn = 0\nfor i in range(2000):\n    try:\n        os.fork()\n        n += 1\n    except OSError:\n        pass\nprint('forks', n)\n",
     Expect::kContained, "forks 0"},
    {"Forkpty", "forks with a terminal", "import os\nos.forkpty()\n", Expect::kError, "Error"},
    {"ThreadBomb", "starts threads without end", "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(60,)).start()\n",
     Expect::kError, "can't start new thread"},
    {"ThreadsAreCounted", "starts 500 threads and counts those that ran",
     "import threading, time\nn = 0\ntry:\n    for i in range(500):\n        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
     "        n += 1\nexcept RuntimeError:\n    pass\nprint('bounded', n < 17)\n",
     Expect::kContained, "bounded True"},
    {"System", "runs a shell that writes outside", "import os\nprint('ran', os.system('touch {OUTSIDE}/x') == 0)\n", Expect::kContained, "ran False"},
    {"Popen", "starts a program", "import subprocess\nsubprocess.Popen(['/usr/bin/id'])\n", Expect::kError, "PermissionError"},
    {"PosixSpawn", "starts a program another way", "import os\nos.posix_spawn('/usr/bin/id', ['id'], {})\n", Expect::kError, "PermissionError"},
    {"Daemon", "leaves a grandchild that holds the pipes",
     "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        time.sleep(600)\n", Expect::kError, "PermissionError"},
    {"Multiprocessing", "starts a process by the standard library",
     "import multiprocessing\np = multiprocessing.Process(target=print)\np.start()\n", Expect::kError, "Error"},
    {"ExecOfAnotherProgram", "becomes another program", "import os\nos.execv('/usr/bin/id', ['id'])\n"},
    {"ExecOfItself", "becomes its interpreter again, from a thread, to lose the signal of its starter's death",
     "import os, sys, threading\ndef go():\n    try:\n        os.execv(sys.executable, ['python3', '-S', '-c', 'while True: pass'])\n    except OSError as e:\n        print(e)\n"
     "t = threading.Thread(target=go)\nt.start()\nt.join()\n", Expect::kContained, "not permitted"},
    {"ExecByDescriptor", "the same by a descriptor", "import os, sys\nos.execve(os.open(sys.executable, os.O_RDONLY), ['python3'], {})\n", Expect::kError, "PermissionError"},
    {"ExecOfOwnFile", "writes a program and becomes it",
     "import os\nopen('x', 'w').write('#!/bin/sh\\nexit 0\\n')\nos.chmod('x', 0o777)\nos.execv('/tmp/x', ['x'])\n", Expect::kError, "PermissionError"},
    {"ExecFromMemory", "runs a program that is no file",
     "import os\nfd = os.memfd_create('x')\nos.write(fd, open('/usr/bin/id', 'rb').read())\nos.execve(fd, ['id'], {})\n", Expect::kError, "PermissionError"},
    {"PreloadedLibrary", "starts its interpreter again with a library of its own",
     "import os, sys\nopen('x.so', 'wb').write(b'\\x7fELF')\nos.execve(sys.executable, ['python3', '-c', 'print(1)'], {'LD_PRELOAD': '/tmp/x.so'})\n"},
    {"KillParent", "signals the process that started it", "import os\nos.kill({PARENT}, 9)\n", Expect::kError, "ProcessLookupError"},
    {"KillEverybody", "signals all processes", "import os\nos.kill(-1, 9)\n", Expect::kError, "ProcessLookupError"},
    {"KillGroupOfParent", "signals the group that it was started from", "import os\nos.killpg({PARENT}, 9)\n", Expect::kError, "ProcessLookupError"},
    {"KillOwnGroup", "signals its own group and the parent behind number 0",
     "import os\nos.kill(0, 15)\nos.kill(0, 9)\nprint('still here', os.getppid())\n", Expect::kContained, "still here 0"},
    {"IgnoresSignals", "ignores every signal and loops",
     "import signal\nfor n in range(1, 65):\n    try:\n        signal.signal(n, signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\nwhile True:\n    pass\n",
     Expect::kTimeout, "", 0.4},
    {"BlocksSignals", "blocks every signal and sleeps",
     "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True:\n    time.sleep(100)\n", Expect::kTimeout, "", 0.4},
    {"SwallowsTheTimeOut", "catches whatever stops it",
     "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass\n", Expect::kTimeout, "", 0.4},
    {"MovesTheTimer", "sets the timer far away",
     "import signal\nsignal.setitimer(signal.ITIMER_REAL, 1e6)\nwhile True:\n    pass\n", Expect::kTimeout, "", 0.4},
    {"Stops", "stops itself for ever", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nprint('went on')\n", Expect::kContained, "went on"},
    {"SignalStorm", "sends itself signals without end",
     "import os, signal\nsignal.signal(signal.SIGUSR1, lambda *a: None)\nwhile True:\n    os.kill(os.getpid(), signal.SIGUSR1)\n", Expect::kTimeout, "", 0.4},
    {"ProcOfOthers", "looks for other processes", "import os\nprint(os.listdir('/proc'))\n", Expect::kError, "FileNotFoundError"},
    {"EnvironmentOfParent", "reads its parent's environment", "print(open('/proc/{PARENT}/environ').read())\n", Expect::kError, "FileNotFoundError"},
    {"OwnMemoryAsAFile", "writes its own memory through a file", "open('/proc/self/mem', 'r+b')\n", Expect::kError, "FileNotFoundError"},
    {"OwnDescriptorsAsFiles", "opens its descriptors anew", "import os\nprint(os.listdir('/proc/self/fd'))\n", Expect::kError, "FileNotFoundError"},
    {"DescriptorsOfTheParent", "looks for descriptors that it inherited",
     "import os\nfound = []\nfor fd in range(1000):\n    try:\n        os.fstat(fd)\n        found.append(fd)\n    except OSError:\n        pass\nprint('open', found)\n",
     Expect::kContained, "open [0, 1, 2, 3, 4]"},
    {"Environment", "reads what the environment tells",
     "import os\nprint(sorted(os.environ))\n", Expect::kContained,
     "['HOME', 'LC_ALL', 'MALLOC_ARENA_MAX', 'OMP_NUM_THREADS', 'PATH', 'PYTHONHASHSEED', 'PYTHONSAFEPATH', 'PYTHONUTF8']"},
    {"PidfdOfParent", "opens a handle of its parent", "import os\nos.pidfd_open({PARENT})\n", Expect::kError, "PermissionError"},
    {"SetsUser", "becomes root", "import os\nos.setuid(0)\n", Expect::kError, "PermissionError"},
    {"SetsGroups", "takes groups", "import os\nos.setgroups([0])\n", Expect::kError, "PermissionError"},
    {"SetsAllIds", "becomes root with every id", "import os\nos.setresuid(0, 0, 0)\n", Expect::kError, "PermissionError"},
    {"Priority", "takes the processor for itself", "import os\nos.nice(-20)\n", Expect::kError, "Error"},
    {"RealTime", "asks for real-time scheduling",
     "import os\nos.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))\n", Expect::kError, "PermissionError"},
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Processes, HostilePrograms, ::testing::ValuesIn(kPrograms), hostile_name);

}  // namespace lathe::sandbox::testing
