// Which results `lathe eval show` and `compare` look at.
#pragma once

#include <string>

#include "cli/verb.h"

namespace lathe::cli {

// <base>/eval_results/<tag>/<source>; an empty tag or source stands for the only one there is. Errors list those that there are.
Result<fs::path> results_folder(const fs::path& base, const std::string& tag, const std::string& source);

// A file or folder as it is, else TAG/SOURCE below <base>/eval_results.
Result<fs::path> results_path(const fs::path& base, const std::string& text);

}  // namespace lathe::cli
