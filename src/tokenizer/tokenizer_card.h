// TOKENIZER_CARD.md: what a trained tokenizer is, what it was made from and how well it fits (rows L-3.8, L-3.9).
#pragma once

#include <string>

#include "core/json.h"
#include "tokenizer/quality_report.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

struct CardFacts {
  std::string title;       // "spm_32k"
  std::string kind;        // "SentencePiece unigram"
  std::string created_by;  // program and time
  std::string corpus;      // path
  Json settings;           // of training: an object
  int64_t sentences_seen = 0, sentences_used = 0, bytes_seen = 0, bytes_used = 0;
};

std::string tokenizer_card(const CardFacts& facts, const Tokenizer& tokenizer, const QualityMeter& meter);

}  // namespace lathe::tokenizer
