// One file of a corpus as numbered groups of documents. In a .parquet file the groups are its row groups; in the other
// formats a group is `group_documents` documents that follow each other. So (file, group, document) addresses every
// document of a corpus, whatever its format. docs/formats/corpus.md. Rows C-1.11, C-1.12, C-1.33.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/file.h"

namespace lathe::data {

constexpr int64_t kGroupDocuments = 1024;

struct DocumentFileSize {
  int64_t documents = 0;
  int64_t groups = 0;
};

// One thread at a time.
class DocumentFile {
 public:
  virtual ~DocumentFile() = default;
  // The documents of group `index` >= 0, in order, as valid UTF-8. False when the file ends before that group.
  // Going forward streams; going back starts a text file again.
  virtual Result<bool> read_group(int64_t index, std::vector<std::string>& texts) = 0;
  // Parquet: from the footer. Text formats: one pass over the file.
  virtual Result<DocumentFileSize> measure() = 0;
};

// By ending: .txt, .jsonl (each also with .gz or .zst) and .parquet. group_documents is for the text formats.
Result<std::unique_ptr<DocumentFile>> open_document_file(const fs::path& path,
                                                         int64_t group_documents = kGroupDocuments);

// The endings that can be read, longest first where one ends in another.
const std::vector<std::string>& document_endings();

}  // namespace lathe::data
