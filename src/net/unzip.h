// Unpacks zip archives (PKWARE's APPNOTE 6.3; stored and deflated entries; no encryption, no Zip64, one volume), with limits,
// because they come from outside: names that would leave the folder, links, doubled or overlapping entries, wrong sizes and
// wrong CRC-32 are errors. Row C-1.14.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"

namespace lathe::net {

struct UnzipLimits {
  int64_t entries = 100'000;
  int64_t bytes = int64_t{8} << 30;  // of all unpacked files together
};

// Writes the files below `folder`, which must exist; after an error some of them may stand there. Returns their names, in
// the archive's order.
Result<std::vector<std::string>> unzip(const fs::path& archive, const fs::path& folder, UnzipLimits limits = {});

}  // namespace lathe::net
