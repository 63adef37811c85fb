// The tokenizer as the loaders see it: every document with BOS in front (row C-1.22).
#pragma once

#include "data/token_loader.h"
#include "tokenizer/tokenizer.h"

namespace lathe::train {

class TokenizerEncoder : public data::DocumentEncoder {
 public:
  explicit TokenizerEncoder(tokenizer::Tokenizer tokenizer, int threads = 4) : tokenizer_(std::move(tokenizer)) {
    options_.prepend = tokenizer_.bos_id();
    options_.num_threads = threads;
  }
  void encode(std::span<const std::string> texts, std::vector<std::vector<int32_t>>& ids) override {
    ids = tokenizer_.encode_batch(texts, options_);
  }

 private:
  tokenizer::Tokenizer tokenizer_;
  tokenizer::EncodeOptions options_;
};

}  // namespace lathe::train
