// The figures that training prints and the report keeps (rows C-2.11, C-2.14, C-2.36); the caller prints them.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "tokenizer/bpe_trainer.h"

namespace lathe::tokenizer {

// Over the non-zero true byte lengths of the vocabulary; std is the sample standard deviation. Zeros when empty.
struct TokenBytesStats {
  int64_t min = 0, max = 0;
  double mean = 0, std = 0;
};
TokenBytesStats token_bytes_stats(const Tokenizer& tokenizer);

// Encodes and decodes a fixed five-line sample (greeting, numbers, contractions, symbols, Chinese and emoji); an error
// shows both texts when the round trip differs.
const std::string& round_trip_sample();
Status check_round_trip(const Tokenizer& tokenizer);

// "max_chars: 2,000,000,000" and so on: what training prints first; "Training time: 12.34s": what it prints after.
std::vector<std::string> settings_lines(const TrainSettings& settings);
std::string time_line(const TrainReport& report);

// Report section "Tokenizer training": max_chars, doc_cap, vocab_size, train_time, num_special_tokens and
// token_bytes_min, _max, _mean, _std, in this order.
Json training_section(const TrainSettings& settings, const TrainReport& report, const Tokenizer& tokenizer);

}  // namespace lathe::tokenizer
