// From the words of a command line to an exit status.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "cli/verbs.h"

namespace lathe::cli {

int run(int argc, char** argv);  // the program: all verbs, standard streams

// The same over any list of verbs and streams; `words` without the program's name.
Exit run_words(const VerbList& verbs, std::vector<std::string> words, std::ostream& out, std::ostream& err);

}  // namespace lathe::cli
