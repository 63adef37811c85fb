// The list of a zip archive whose entries are stored, not compressed, as PyTorch writes them (PKWARE's APPNOTE 6.3 with Zip64).
// The entries are views of the archive's bytes. This is no unpacker: what comes from the network as zip goes through net/unzip.h,
// which writes files and is in a room that this one may not use.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/result.h"

namespace lathe {

// By name. Every offset and size is bounded by `archive` before use; compressed or encrypted entries, two of one name and several
// volumes are errors. Checksums are not compared. `path` is for messages.
Result<std::map<std::string, std::string_view>> stored_zip_entries(std::string_view archive, const std::string& path);

}  // namespace lathe
