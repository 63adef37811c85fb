// How fast a vocabulary is learned from texts that are already in memory, as the trainers of other tools are measured:
// splitting, counting and merging, without the reading of files.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/json.h"
#include "core/result.h"
#include "tokenizer/bpe_trainer.h"

namespace lathe::bench {

struct TokenizerTrainFigures {
  int64_t documents = 0, bytes = 0, vocab_size = 0;
  double train_s = 0, count_s = 0, merge_s = 0;
  double mb_per_s = 0;       // 10^6 bytes of text
  double peak_rss_mb = 0;    // of the process, the texts included
  std::string tokenizer_sha256;

  Json to_json() const;
};

// Trains once with all threads; whole texts are counted, whatever doc_cap and max_chars are. `settings` is otherwise
// what the trainer gets.
Result<TokenizerTrainFigures> bench_tokenizer_train(std::span<const std::string> texts, tokenizer::TrainSettings settings);

}  // namespace lathe::bench
