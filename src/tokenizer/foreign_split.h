// Splitting by rules that none of the scanners knows, as tokenizer.json files have them: regular expressions (PCRE2,
// just-in-time compiled, Unicode classes) and rows of pre-tokenizers. Slower than a scanner by a factor of 20 and more.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "tokenizer/split.h"

namespace lathe::tokenizer {

// One step: takes pieces apart, may drop parts of them or put a blank before them.
class SplitStep {
 public:
  virtual ~SplitStep() = default;
  // Pieces of `text` in order. They point into it, or into `made`, whose strings keep their places.
  virtual void split(std::string_view text, std::vector<std::string_view>& pieces,
                     std::vector<std::unique_ptr<std::string>>& made) const = 0;
};

// Immutable: safe to use from any number of threads.
class ForeignSplit {
 public:
  ForeignSplit(Json steps, std::vector<std::unique_ptr<SplitStep>> parts)
      : steps_(std::move(steps)), parts_(std::move(parts)) {}

  struct Pieces {
    std::vector<std::string_view> pieces;
    std::vector<std::unique_ptr<std::string>> made;
  };
  // Bytes that are not valid UTF-8 match nothing. Throws std::runtime_error when a regular expression needs more than
  // kMatchLimit steps for one match: hostile expressions end, they do not hang.
  Pieces pieces(std::string_view text) const;
  const Json& steps() const { return steps_; }  // an array of pre-tokenizers in tokenizer.json's form

 private:
  Json steps_;
  std::vector<std::unique_ptr<SplitStep>> parts_;
};

inline constexpr uint32_t kMatchLimit = 10'000'000;

// The pattern for a regular expression: a known one (find_split), else one whose matches, and the text between them, are
// the pieces. It lives as long as the program. Error: it does not compile, or means something else here than in the
// library that the file was written for (a counted repetition with a plus).
Result<const SplitPattern*> regex_split(std::string_view regex);

// The pattern for a row of pre-tokenizers of tokenizer.json: Split, Digits, Punctuation, Whitespace, WhitespaceSplit and
// ByteLevel, whose use_regex and add_prefix_space are the last steps. Errors name the step.
Result<const SplitPattern*> sequence_split(const Json& steps);

// What files hold: a regular expression, or such a row as a JSON text.
Result<const SplitPattern*> split_from_text(std::string_view text);

}  // namespace lathe::tokenizer
