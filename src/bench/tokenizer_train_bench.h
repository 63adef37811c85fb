// How fast a vocabulary is learned, as the trainers of other tools are measured: splitting, counting and merging, without
// the reading of files; from texts in memory, or from an endless stream made of them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "tokenizer/bpe_trainer.h"

namespace lathe::bench {

struct TokenizerTrainFigures {
  int64_t documents = 0, bytes = 0, vocab_size = 0;
  int64_t distinct_pieces = 0;
  int64_t runs = 0;  // written to disk by full tables
  double train_s = 0, count_s = 0, merge_s = 0;
  double mb_per_s = 0;     // 10^6 bytes of text
  double peak_rss_mb = 0;  // of the process, the texts included
  std::string tokenizer_sha256;

  Json to_json() const;
};

// Trains once with all threads; whole texts are counted, whatever doc_cap and max_chars are. `settings` is otherwise
// what the trainer gets.
Result<TokenizerTrainFigures> bench_tokenizer_train(std::span<const std::string> texts, tokenizer::TrainSettings settings);

// Documents of about 10 kB made of the sentences of `texts` in an order drawn by `seed`, with a made-up word (5 to 12
// letters) beside about the share `new_words` of the words: text of any length whose vocabulary keeps growing.
// Equal for equal arguments. One thread; refers to the texts.
class SentenceStream {
 public:
  SentenceStream(std::span<const std::string> texts, uint64_t seed, double new_words);
  std::string next_document();

 private:
  std::vector<std::string_view> sentences_;
  uint64_t seed_, document_ = 0;
  double new_words_;
};

// Trains on a stream until `bytes` of text have gone by; none of it is kept.
Result<TokenizerTrainFigures> bench_tokenizer_stream(std::span<const std::string> texts, tokenizer::TrainSettings settings,
                                                     int64_t bytes, double new_words = 3e-3, uint64_t seed = 42);

}  // namespace lathe::bench
