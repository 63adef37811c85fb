// Structured output: a compiled grammar says which tokens may come next, byte by byte, so that whatever is sampled belongs to its
// language. Compiled once and shared by requests; trap S7: what cannot be compiled is an error, never no constraint.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "tokenizer/tokenizer.h"

namespace lathe::infer {

// One bit a token, bit i % 64 of word i / 64.
using TokenMask = std::vector<uint64_t>;
inline bool mask_allows(const TokenMask& mask, int32_t token) {
  return (mask[static_cast<size_t>(token) / 64] >> (static_cast<unsigned>(token) % 64) & 1) != 0;
}

class GrammarState;

// Immutable; any thread. Masks that were computed are kept inside (guarded), within a bound.
class Grammar {
 public:
  virtual ~Grammar() = default;
  virtual std::unique_ptr<GrammarState> start() const = 0;
};

// Where one row is. One thread.
class GrammarState {
 public:
  virtual ~GrammarState() = default;
  // Tokens that may come next; the vocabulary's size in bits. Special tokens never; stop tokens are the engine's business: it allows
  // them exactly when is_complete(). An empty mask on a state that is not complete cannot happen.
  virtual void fill(TokenMask& mask) = 0;
  virtual bool accept(int32_t token) = 0;  // false (and no change) when it is not allowed
  virtual bool is_complete() const = 0;    // the text so far is a whole text of the language
  virtual std::unique_ptr<GrammarState> clone() const = 0;
};

inline constexpr size_t kMaxKeptGrammars = 32;

// Compiles for one vocabulary and keeps the latest grammars, by their source. Any thread.
class GrammarCompiler {
 public:
  explicit GrammarCompiler(const tokenizer::Tokenizer& tokenizer);
  ~GrammarCompiler();
  GrammarCompiler(const GrammarCompiler&) = delete;
  GrammarCompiler& operator=(const GrammarCompiler&) = delete;

  // Errors name the place (a JSON pointer, an offset) and what is not supported. Bounded in size and time. docs/serving.md says what each
  // notation may hold.
  Result<std::shared_ptr<const Grammar>> json_schema(const Json& schema);
  Result<std::shared_ptr<const Grammar>> any_json();  // response_format json_object: any JSON object
  Result<std::shared_ptr<const Grammar>> regex(std::string_view pattern);  // the whole text matches it
  Result<std::shared_ptr<const Grammar>> choice(std::span<const std::string> choices);
  Result<std::shared_ptr<const Grammar>> ebnf(std::string_view grammar);  // GBNF's notation, as llama.cpp and XGrammar read it

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lathe::infer
