// Where named settings are found (rows L-1.10, L-15.9): a path as given, else below configs/lab ("config/" in front is
// dropped) of the working folder, of the source tree this was built from, or of the installed copy.
#pragma once

#include <string>

#include "core/file.h"
#include "core/json.h"
#include "core/result.h"

namespace lathe::cli {

// The file that `path` means; logs it when it is not the path itself. Absent: an error that names what was looked for.
Result<fs::path> find_config(const std::string& path);

// A path that stands inside the config file `referrer`: against the working folder first, then against the referrer's
// folder, then as find_config.
Result<fs::path> find_from_config(const std::string& path, const fs::path& referrer);

}  // namespace lathe::cli
