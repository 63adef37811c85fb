// Reads the records of provenance.h, each in the form in which its stage wrote it.
#pragma once

#include "eval/provenance.h"

namespace lathe::eval {

// By its name: manifest.json, lathe_adapter.json, the summary.json of an evaluation, the meta.json of a checkpoint.
bool is_record(const fs::path& file);

// All of them at and below a folder; of a checkpoint that has a manifest.json its meta.json is none. What is being written is
// passed over.
Result<std::vector<fs::path>> records_below(const fs::path& folder);

// Never fails: what cannot be read is the node's problem. Sets all but `name`.
ProvenanceNode read_record(const fs::path& file);

// Where a recorded path is now. A relative one is sought from the record's folder upwards, then from the current folder; an absolute
// one that is gone, by its last parts from the record's folder upwards. Empty: nowhere.
fs::path find_recorded(const std::string& path, const fs::path& folder);

}  // namespace lathe::eval
