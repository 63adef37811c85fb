// What a kind of tokenizer must offer behind class Tokenizer: the ordinary tokens, whose ids are below size(), and the
// way from text to them. Added tokens, batches, decoding and the file's frame are common to all kinds.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace lathe::tokenizer {

// Immutable; all members may be called from any number of threads.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  virtual int64_t size() const = 0;
  // Bytes, 0 <= id < size(), as long as the model lives; empty for an id that no token has (foreign ids have gaps).
  virtual std::string_view token(int32_t id) const = 0;
  // Appends the ids of texts[i] to ids[i] (equal lengths); called with many texts so that work can be reused.
  virtual void encode(std::span<const std::string_view> texts, std::span<std::vector<int32_t>> ids) const = 0;
  // The same for one part of a text that added tokens cut into parts; at_start: nothing precedes it.
  virtual void encode_part(std::string_view part, bool at_start, std::vector<int32_t>& ids) const {
    (void)at_start;
    encode(std::span(&part, 1), std::span(&ids, 1));
  }
  // Error when encoding would lose a part of the text: for training, where nothing may be lost (row L-3.25).
  virtual Status check(std::string_view text) const {
    (void)text;
    return {};
  }
  // True when a decoded text loses the one space that encoding put before it.
  virtual bool drops_first_space() const { return false; }
  // token(id) where a text begins: without the blank that the token brings there and that decoding takes away again.
  virtual std::string_view token_at_start(int32_t id) const { return token(id); }
  // True when a text still begins after a token that was such a blank alone.
  virtual bool drops_all_first_spaces() const { return false; }
  // The model's own keys of tokenizer.json ("kind" first), and the bytes of its part of the tokenizer's hash.
  virtual Json to_json() const = 0;
  virtual std::string canonical_bytes() const = 0;
};

}  // namespace lathe::tokenizer
