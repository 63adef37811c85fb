// The texts that a tokenizer of the lab is trained on: the shards of a corpus folder, verified before the first is read,
// or plain files (rows L-1.26, L-1.30, L-3.4).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/manifest.h"
#include "data/corpus.h"

namespace lathe::cli {

class TrainingTexts {
 public:
  // The manifest of kind "corpus" in a folder, or itself; size and SHA-256 of each shard are compared with it. `remedy`
  // ends every error.
  static Result<TrainingTexts> open_corpus(const fs::path& folder_or_manifest, const std::string& remedy);
  // A file, or all documents of a folder, whatever data::Corpus reads.
  static Result<TrainingTexts> open_files(const fs::path& path);

  // What was read, with its hashes: for manifests.
  const std::vector<FileRecord>& inputs() const { return inputs_; }

  // Every document in order with the name of its source ("" when it names none).
  Status for_each(const std::function<Status(const std::string& source, const std::string& text)>& take) const;

 private:
  std::vector<fs::path> files_;
  std::vector<FileRecord> inputs_;
};

}  // namespace lathe::cli
