#include "data/document_file.h"

#include "core/check.h"
#include "data/parquet.h"
#include "data/text_document_file.h"

namespace lathe::data {

const std::vector<std::string>& document_endings() {
  static const std::vector<std::string> endings = {".parquet", ".jsonl",  ".jsonl.gz", ".jsonl.zst",
                                                   ".txt",     ".txt.gz", ".txt.zst"};
  return endings;
}

Result<std::unique_ptr<DocumentFile>> open_document_file(const fs::path& path, int64_t group_documents) {
  require(group_documents > 0, "[open_document_file] group_documents must be positive, got ", group_documents);
  std::string name = path.filename().string();
  if (name.ends_with(".parquet")) return open_parquet(path);
  for (const char* packed : {".gz", ".zst"})
    if (name.ends_with(packed)) name.resize(name.size() - std::string_view(packed).size());
  if (name.ends_with(".jsonl")) return open_jsonl(path, group_documents);
  if (name.ends_with(".txt")) return open_txt(path, group_documents);
  return error_at(path.string(), -1,
                  "unknown ending; a corpus is .parquet, .jsonl or .txt, the last two also with .gz or .zst");
}

}  // namespace lathe::data
