// A small SentencePiece model, trained once for each test program.
#pragma once

#include <string>
#include <vector>

#include "core/rng.h"
#include "tests/ref/testing.h"
#include "tokenizer/spm_trainer.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {

inline std::vector<std::string> small_spm_text() {
  static const char* const kWords[] = {"the",   "cat",  "sat",    "on",      "a",     "mat",   "while", "rain",  "fell",
                                       "over",  "roof", "tiles",  "and",     "2024",  "years", "later", "nobody", "knew",
                                       "why",   "Zoë",  "walked", "quickly", "home,", "café",  "said:", "\"no\"", "\n",
                                       "tokens", "model", "learn", "pieces",  "from",  "text;", "(yes)", "x=y+1",  "über"};
  Rng rng(11, "words");
  std::vector<std::string> texts;
  for (int i = 0; i < 400; ++i) {
    std::string text;
    for (int word = 0; word < 30; ++word) {
      text += kWords[rng.below(std::size(kWords))];
      if (rng.chance(0.3)) text += kWords[rng.below(std::size(kWords))];
      text += ' ';
    }
    texts.push_back(text);
  }
  return texts;
}

inline SpmSettings small_spm_settings() {
  SpmSettings settings;
  settings.vocab_size = 420;
  settings.num_threads = 2;
  settings.control_symbols = chat_control_symbols();
  return settings;
}

inline const Tokenizer& small_spm() {
  static const Tokenizer tokenizer = [] {
    auto model = testing::take(train_spm(small_spm_settings(), small_spm_text()));
    std::vector<AddedToken> added = model->added_tokens();
    return testing::take(Tokenizer::from_added(std::move(model), std::move(added)));
  }();
  return tokenizer;
}

inline std::string utf8_of(char32_t point) {
  std::string text;
  const auto push = [&](char32_t bits) { text.push_back(static_cast<char>(static_cast<uint8_t>(bits))); };
  if (point < 0x80) {
    push(point);
  } else if (point < 0x800) {
    push(0xC0 | (point >> 6));
    push(0x80 | (point & 0x3F));
  } else {
    push(0xE0 | (point >> 12));
    push(0x80 | ((point >> 6) & 0x3F));
    push(0x80 | (point & 0x3F));
  }
  return text;
}

}  // namespace lathe::tokenizer
