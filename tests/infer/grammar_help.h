// Grammars on small vocabularies: what is accepted, and random walks through masks.
#pragma once

#include <bit>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/rng.h"
#include "infer/grammar.h"
#include "tests/infer/mock_model.h"
#include "tests/ref/testing.h"

namespace lathe::infer::testing {

using GrammarResult = Result<std::shared_ptr<const Grammar>>;

// Bytes, and pieces that cross every border a grammar can have: of characters, of keys, of strings.
inline tokenizer::Tokenizer piece_tokenizer() {
  std::vector<std::string> tokens = byte_tokens();
  for (const char* piece :
       {"{\"", "\":", "\": ", "\": \"", "\",", "\", \"", "\"}", "}}", "]}", "},", "}, {", "[\"", "\"]", "[[", "]]", "[{", "}]", "{}", "[]", ",\"", "\n ", "\n  ", "  ",
        "    ", "  \"", " \"", "true", "false", "null", "tr", "ue", "nul", "12", "123", "00", "0.", ".5", "-1", "1e", "e+", "10", "99", "2024-", "-01", "T00:", ":00",
        "ab", "abc", "bc", "aa", "aaaa", "the", " the", "name", "name\":", "age", "id", "value", "item", "hello", " world", "\\n", "\\\"", "\\u", "\\u00", "\\ud8", "\\",
        "\xC3\xA9", "\xC3\xA9t\xC3\xA9", "\xE4\xB8", "\xE4\xB8\xAD", "\xB8\xAD", "\xF0\x9F", "\xF0\x9F\x98\x80", "\x98\x80", "\xA9\"", "a\"", "a\",", "a\"}", "c\": ", "x@y", ".com",
        "192.", "168", "::", "f-", "-4", "yes", "no", "maybe", "\t", "\r\n", ", ", ": ", "cat", "dog", "Cat"})
    if (std::string_view(piece).size() > 1) tokens.emplace_back(piece);
  return lathe::testing::take(tokenizer::Tokenizer::from_tokens(tokens));
}

inline std::shared_ptr<const Grammar> must(GrammarResult result) {
  if (!result.ok()) throw std::runtime_error(result.error().to_string());
  return std::move(result).value();
}

inline Json json_of(std::string_view text) { return lathe::testing::take(parse_json(text)); }

// With a vocabulary whose first 256 tokens are the bytes. "no", "part" or "whole".
inline std::string reads(const std::shared_ptr<const Grammar>& grammar, std::string_view text) {
  const std::unique_ptr<GrammarState> state = grammar->start();
  for (const char c : text)
    if (!state->accept(static_cast<uint8_t>(c))) return "no";
  return state->is_complete() ? "whole" : "part";
}

inline std::vector<int32_t> allowed_tokens(const TokenMask& mask) {
  std::vector<int32_t> out;
  for (size_t i = 0; i < mask.size(); ++i)
    for (uint64_t bits = mask[i]; bits != 0; bits &= bits - 1) out.push_back(static_cast<int32_t>(i * 64 + static_cast<size_t>(std::countr_zero(bits))));
  return out;
}

struct Walk {
  std::vector<int32_t> tokens;
  std::string text;
  bool is_whole = false, was_stuck = false;
  std::vector<TokenMask> masks;     // before each token, and at the end
  std::vector<uint8_t> completes;   // likewise
};

// Takes allowed tokens at random; after `free` tokens those that close what is open, until a whole text or `most` tokens.
inline Walk random_walk(const Grammar& grammar, const tokenizer::Tokenizer& tokenizer, Rng& rng, size_t free, size_t most = 600, bool keep_masks = false) {
  Walk walk;
  const std::unique_ptr<GrammarState> state = grammar.start();
  TokenMask mask;
  while (true) {
    state->fill(mask);
    if (keep_masks) walk.masks.push_back(mask), walk.completes.push_back(state->is_complete());
    const std::vector<int32_t> allowed = allowed_tokens(mask);
    walk.is_whole = state->is_complete();
    if (allowed.empty()) {
      walk.was_stuck = !walk.is_whole;
      return walk;
    }
    const bool closing = walk.tokens.size() >= free;
    if (walk.is_whole && (closing || rng.below(8) == 0)) return walk;
    if (walk.tokens.size() >= most) return walk;
    int32_t token = allowed[rng.below(allowed.size())];
    if (closing && rng.below(8) != 0) {
      for (const char c : std::string_view("}]\""))
        if (static_cast<uint8_t>(c) / 64U < mask.size() && mask_allows(mask, static_cast<uint8_t>(c))) {
          token = static_cast<uint8_t>(c);
          break;
        }
    }
    if (!state->accept(token)) throw std::runtime_error("a token of the mask is refused");
    walk.tokens.push_back(token);
    walk.text += tokenizer.token_bytes_of(token);
  }
}

}  // namespace lathe::infer::testing
