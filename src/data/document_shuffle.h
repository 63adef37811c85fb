// The documents of some files in the order of NumPy's default_rng(seed).permutation(n), n documents in all: document
// permutation[k] of the files, one after the other, comes k-th. Exact at any size: documents go through files on disk, one
// for each stretch of the new order that fits the memory. Row C-17.15.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/result.h"

namespace lathe::data {

struct DocumentShuffle {
  std::vector<fs::path> files;  // any that open_document_file reads
  uint64_t seed = 42;
  bool shuffle = true;               // false: the order of the files
  int64_t memory_bytes = int64_t{1} << 30;  // of documents at once; 12 bytes a document come on top while the order is made
  fs::path spill_folder;             // must exist; takes the text of all documents for a while
};

// Documents in all; text files are read through for it.
Result<int64_t> count_documents(const std::vector<fs::path>& files);

// Calls take(text) for each of the `documents` documents. `read` (may be empty) is told how many have been read into the
// spill files. An error of take or read ends it. Spill files are removed at the end, error or not.
Status shuffle_documents(const DocumentShuffle& what, int64_t documents, const std::function<Status(int64_t done)>& read,
                         const std::function<Status(std::string_view text)>& take);

}  // namespace lathe::data
