// Files, devices and the network. Trap S13; rows C-12.6, C-12.10.
#include "core/text.h"
#include "tests/sandbox/house.h"

namespace lathe::sandbox::testing {
namespace {

Hostile opens_socket(const char* name, const char* tries, int family, int kind) {
  return {name, tries, join_text("import socket\nsocket.socket(", family, ", ", kind, ", 0)\n"), Expect::kError, "PermissionError"};
}

const Hostile kPrograms[] = {
    opens_socket("SocketInet", "opens an Internet socket", 2, 1),
    opens_socket("SocketInet6", "opens an Internet socket of version 6", 10, 2),
    opens_socket("SocketUnix", "opens a local socket", 1, 1),
    opens_socket("SocketNetlink", "talks to the kernel", 16, 3),
    opens_socket("SocketPacket", "listens on the wire", 17, 3),
    opens_socket("SocketRaw", "forges packets", 2, 3),
    opens_socket("SocketVsock", "talks to the virtual machine's host", 40, 1),
    opens_socket("SocketCrypto", "uses the kernel's ciphers", 38, 5),
    {"ConnectsOutside", "calls a server of this machine", "import socket\nsocket.create_connection(('127.0.0.1', {PORT}), 2)\n", Expect::kError, "Error"},
    {"ConnectsAbstract", "calls a local server without a file", "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('\\0{ABSTRACT}')\n", Expect::kError, "Error"},
    {"SendsToAbstract", "sends a datagram to a local server without a file", "import socket\nsocket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', '\\0{ABSTRACT}')\n",
     Expect::kError, "PermissionError"},
    {"SendsToAServersFile", "sends a datagram to a local server by its file",
     "import socket\nsocket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)[0].sendto(b'x', '/run/systemd/journal/socket')\n", Expect::kError, "PermissionError"},
    {"SendsInAPair", "talks to itself, which is no harm", "import socket\na, b = socket.socketpair()\na.send(b'x')\nprint('got', b.recv(1))\n", Expect::kContained, "got b'x'"},
    {"FetchesPage", "loads a page", "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:{PORT}/', timeout=2)\n", Expect::kError, "Error"},
    {"ResolvesName", "asks a name server", "import socket\nsocket.getaddrinfo('example.org', 80)\n", Expect::kError, "gaierror"},
    {"FillsDiskWithOneFile", "writes a file without end", "with open('x', 'wb') as f:\n    while True:\n        f.write(b'x' * 1000000)\n", Expect::kError, "OSError"},
    {"FillsDiskWithManyFiles", "writes many files",
     "n = 0\ntry:\n    for i in range(1000):\n        with open(str(i), 'wb') as f:\n            n += f.write(b'x' * 1000000)\nexcept OSError:\n    pass\nprint('bounded', n <= 17000000)\n",
     Expect::kContained, "bounded True"},
    {"FillsTheListOfFiles", "makes empty files without end", "i = 0\nwhile True:\n    open(str(i), 'w').close()\n    i += 1\n", Expect::kError, "No space left"},
    {"SparseFile", "makes a file of a terabyte", "f = open('x', 'wb')\nf.truncate(1 << 40)\n", Expect::kError, "File too large"},
    {"DeepFolders", "nests folders without end", "import os\nwhile True:\n    os.mkdir('d')\n    os.chdir('d')\n", Expect::kError, "No space left"},
    {"WritesOutside", "writes a file by its path outside", "open('{OUTSIDE}/x', 'w')\n", Expect::kError, "FileNotFoundError"},
    {"ChangesOutside", "changes a file outside", "import os\nos.truncate('{OUTSIDE}/canary', 0)\n", Expect::kError, "FileNotFoundError"},
    {"RemovesOutside", "removes a tree outside", "import shutil\nshutil.rmtree('{OUTSIDE}')\n", Expect::kError, "FileNotFoundError"},
    {"WritesSystem", "writes beside the system's programs", "open('/usr/bin/x', 'w')\n", Expect::kError, "Error"},
    {"RemovesSystem", "removes the interpreter", "import os, sys\nos.remove(sys.executable)\n", Expect::kError, "Error"},
    {"RemovesEverything", "removes all files", "import shutil\nshutil.rmtree('/', ignore_errors=True)\nprint('tried')\n", Expect::kContained, "tried"},
    {"WritesRoot", "writes into the root", "open('/x', 'w')\n", Expect::kError, "Error"},
    {"ChangesModes", "makes the system's programs writable", "import os\nos.chmod('/usr/bin', 0o777)\n", Expect::kError, "Error"},
    {"ChangesOwners", "gives a file to root", "import os\nopen('x', 'w').close()\nos.chown('x', 0, 0)\n", Expect::kError, "PermissionError"},
    {"SymbolicLink", "writes through a link to outside", "import os\nos.symlink('{OUTSIDE}/canary', 'x')\nopen('x', 'r+').write('changed')\n", Expect::kError, "FileNotFoundError"},
    {"ClimbsUp", "climbs out of its folder", "open('../../../../../../{OUTSIDE}/canary', 'w')\n", Expect::kError, "FileNotFoundError"},
    {"HardLink", "links a program of the system to itself", "import os, sys\nos.link(sys.executable, 'x')\n", Expect::kError, "Error"},
    {"DeviceNode", "makes a disk's node", "import os, stat\nos.mknod('x', 0o666 | stat.S_IFBLK, os.makedev(8, 0))\n", Expect::kError, "PermissionError"},
    {"Fifo", "makes a fifo", "import os\nos.mkfifo('x')\n", Expect::kError, "PermissionError"},
    {"SetuidFile", "leaves a setuid program behind",
     "import os, shutil\nshutil.copy('/usr/bin/id', 'x')\nos.chmod('x', 0o6777)\nos.execv('/tmp/x', ['x'])\n", Expect::kError, "PermissionError"},
    {"ReadsPasswords", "reads the users of the machine", "print(open('/etc/shadow').read(), open('/etc/passwd').read())\n", Expect::kError, "FileNotFoundError"},
    {"ReadsHome", "reads home folders", "import os\nprint(os.listdir('/root'), os.listdir('/home'))\n", Expect::kError, "FileNotFoundError"},
    {"ReadsSys", "reads about the machine", "import os\nprint(os.listdir('/sys'))\n", Expect::kError, "FileNotFoundError"},
    {"ListsRoot", "looks what there is",
     "import os\nprint(set(os.listdir('/')) - {'lib', 'lib32', 'lib64', 'libx32', 'usr', 'dev', 'etc', 'tmp'}, os.listdir('/etc'), sorted(os.listdir('/dev')))\n", Expect::kContained,
     "['null', 'urandom', 'zero']"},
    {"MemoryDevice", "opens the machine's memory", "open('/dev/mem', 'rb')\n", Expect::kError, "FileNotFoundError"},
    {"Terminal", "opens the terminal", "open('/dev/tty', 'r+b', 0)\n", Expect::kError, "FileNotFoundError"},
    {"SharedMemoryFile", "makes shared memory with a name", "from multiprocessing import shared_memory\nshared_memory.SharedMemory('x', True, 100)\n", Expect::kError, "Error"},
    {"Descriptors", "opens files until none is left", "files = []\nwhile True:\n    files.append(open('/dev/null'))\n", Expect::kError, "Too many open files"},
    {"PairsOfSockets", "makes connected pairs until none is left", "import socket\npairs = []\nwhile True:\n    pairs.append(socket.socketpair())\n", Expect::kError, "Too many open files"},
    {"WorkFolderIsFresh", "leaves a file for the next program", "import os\nprint('left', os.listdir('.'))\nopen('message', 'w').write('x')\n", Expect::kContained, "left []"},
    {"WorkFolderIsFreshAgain", "looks for what another left", "import os\nprint('left', os.listdir('.'), os.listdir('/tmp'))\n", Expect::kContained, "left [] []"},
};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Files, HostilePrograms, ::testing::ValuesIn(kPrograms), hostile_name);

}  // namespace lathe::sandbox::testing
