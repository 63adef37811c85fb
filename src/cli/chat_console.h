// How `lathe chat` talks to a person at a terminal: edited lines in, painted answers out, Ctrl-C ends an answer and not the program.
#pragma once

#include <memory>

#include "cli/line_history.h"
#include "cli/terminal.h"
#include "infer/chat_loop.h"

namespace lathe::cli {

// The console's functions share what they need; history must outlive them. A StopSignals must live while they are used.
infer::ChatConsole terminal_console(int in, int out, LineHistory& history);

}  // namespace lathe::cli
