// The evaluation sets that a corpus must not hold (rows L-2.28, L-2.29): .jsonl (every text of every field of a record,
// at any depth, is one text) and .txt (every line is one), each also .gz and .zst. One file is one set.
#pragma once

#include <string>
#include <vector>

#include "core/file.h"
#include "corpus/ngram_set.h"

namespace lathe::corpus {

struct EvaluationFile {
  fs::path path;
  std::string name;  // of the set: the file's place below its folder, without endings
};

// Files of `sets` (files or folders); of <base>/eval_bundle, if it is there, when `sets` is empty. A missing or empty one
// that was named is an error.
Result<std::vector<EvaluationFile>> find_evaluation_files(const std::vector<std::string>& sets, const fs::path& base);

Result<NgramSet> read_evaluation_file(const EvaluationFile& file, int64_t ngram);
// All of them, on all threads.
Result<std::vector<NgramSet>> read_evaluation_files(const std::vector<EvaluationFile>& files, int64_t ngram);

}  // namespace lathe::corpus
