// BPE over characters with byte fallback, as tokenizer.json of the LLaMA-2 and Mistral (before tekken) kinds has it:
// blanks become U+2581, a character that is no token becomes the tokens of its bytes, and merges go by their list.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"
#include "tokenizer/bpe_merger.h"
#include "tokenizer/bytes_map.h"
#include "tokenizer/token_model.h"

namespace lathe::tokenizer {

struct TextBpeSettings {
  std::vector<std::string> tokens;  // by id, as the file writes them ("\u2581the", "<0x0A>"); an empty one is a gap
  std::vector<std::pair<int32_t, int32_t>> merges;  // ids, by rank
  // Where U+2581 is put before a text: nowhere, before its first part, before each part between added tokens.
  enum class Prefix { kNever, kFirst, kEach } prefix = Prefix::kNever;
  bool doubles_prefix = false;     // also before a text that begins with a blank
  bool splits_words = false;       // merges do not cross the beginning of a U+2581
  bool drops_first_space = false;  // decoding takes one blank from the beginning
};

class TextBpeModel : public TokenModel {
 public:
  // Error when a token is repeated, one of the 256 byte tokens is missing, or a merge does not join two tokens to a
  // third. Any bytes can be encoded; what is not valid UTF-8 becomes byte tokens.
  static Result<std::shared_ptr<const TextBpeModel>> make(TextBpeSettings settings);
  static Result<std::shared_ptr<const TextBpeModel>> from_json(const Json& file, const std::string& path);

  int64_t size() const override { return static_cast<int64_t>(bytes_.size()); }
  std::string_view token(int32_t id) const override { return bytes_[static_cast<size_t>(id)]; }
  void encode(std::span<const std::string_view> texts, std::span<std::vector<int32_t>> ids) const override;
  void encode_part(std::string_view part, bool at_start, std::vector<int32_t>& ids) const override;
  const TextBpeSettings& settings() const { return settings_; }
  bool drops_first_space() const override { return settings_.drops_first_space; }
  Json to_json() const override;
  std::string canonical_bytes() const override;

 private:
  explicit TextBpeModel(TextBpeSettings settings) : settings_(std::move(settings)) {}
  Status build();
  void encode_word(std::string_view word, std::vector<int32_t>& ids) const;

  TextBpeSettings settings_;
  std::vector<std::string> bytes_;  // what each token decodes to
  BytesMap index_;                  // of the tokens as written
  std::vector<int32_t> id_of_index_;
  std::array<int32_t, 256> byte_ids_{};
  BpeMerger merger_;
};

}  // namespace lathe::tokenizer
