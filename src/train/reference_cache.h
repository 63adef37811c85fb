// The reference model's log-probabilities of all answers, computed once before the first step and kept in a file (row
// L-9.8): what full fine-tuning compares with, which has no second model. docs/formats/preferences.md.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "train/preference_score.h"

namespace lathe::train {

// What decides the numbers: hashes of model, data and tokenizer, template, limits, dtype. Any difference is another
// key.
struct ReferenceCache {
  Json key;                      // an object
  std::vector<AnswerSums> sums;  // of all pairs in order
};

Status write_reference_cache(const fs::path& file, const ReferenceCache& cache);
// Errors: absent, damaged, another number of pairs, a number that is not finite, another key (names the first that
// differs).
Result<ReferenceCache> read_reference_cache(const fs::path& file, const Json& key, int64_t pairs);

// The file's sums if they are those of `key`; else compute() and the file written anew. Says which in the log.
Result<std::vector<AnswerSums>> reference_sums(const fs::path& file, const Json& key, int64_t pairs,
                                               const std::function<std::vector<AnswerSums>()>& compute);

// SHA-256 over names, shapes and bytes of the numbers that the forward pass reads.
std::string weights_sha256(const std::vector<autograd::Parameter*>& parameters);

}  // namespace lathe::train
