// What a kind of tokenizer must offer behind class Tokenizer: the ordinary tokens 0..size()-1 and the way from text to
// them. Special tokens, batches, decoding and the file's frame are common to all kinds.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace lathe::tokenizer {

// Immutable; all members may be called from any number of threads.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  virtual int64_t size() const = 0;
  virtual std::string_view token(int32_t id) const = 0;  // bytes, 0 <= id < size(); lives as long as the model
  // Appends the ids of texts[i] to ids[i] (equal lengths); called with many texts so that work can be reused.
  virtual void encode(std::span<const std::string_view> texts, std::span<std::vector<int32_t>> ids) const = 0;
  // The model's own keys of tokenizer.json ("kind" first), and the bytes of its part of the tokenizer's hash.
  virtual Json to_json() const = 0;
  virtual std::string canonical_bytes() const = 0;
};

}  // namespace lathe::tokenizer
