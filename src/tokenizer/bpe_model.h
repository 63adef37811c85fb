// Byte-level BPE: a split pattern and a list of tokens whose order is their merge rank.
#pragma once

#include "core/result.h"
#include "tokenizer/bpe_encode.h"
#include "tokenizer/piece_cache.h"
#include "tokenizer/split.h"
#include "tokenizer/token_model.h"

namespace lathe::tokenizer {

class BpeModel : public TokenModel {
 public:
  // Error when a token is repeated, a single byte is missing, or a merge does not join two tokens to a third. nfc: text
  // is brought into Unicode's normal form C first (utf8proc's tables; bytes that are not valid UTF-8 stay).
  static Result<std::shared_ptr<const BpeModel>> make(const SplitPattern& split, BpeVocabulary vocabulary,
                                                      bool nfc = false);
  // tokens[id] are bytes; error also when one is empty.
  static Result<std::shared_ptr<const BpeModel>> make(const SplitPattern& split,
                                                      const std::vector<std::string>& tokens);
  // The model's keys of a tokenizer.json.
  static Result<std::shared_ptr<const BpeModel>> from_json(const Json& file, const std::string& path);

  BpeModel(const SplitPattern& split, BpeVocabulary vocabulary, bool nfc)
      : split_(split), vocabulary_(std::move(vocabulary)), nfc_(nfc), encoder_(vocabulary_) {}

  int64_t size() const override { return encoder_.size(); }
  std::string_view token(int32_t id) const override { return encoder_.token(id); }
  void encode(std::span<const std::string_view> texts, std::span<std::vector<int32_t>> ids) const override;
  Json to_json() const override;
  std::string canonical_bytes() const override;

  const SplitPattern& split() const { return split_; }
  const BpeVocabulary& vocabulary() const { return vocabulary_; }
  bool nfc() const { return nfc_; }

 private:
  const SplitPattern& split_;
  BpeVocabulary vocabulary_;
  bool nfc_;
  BpeEncoder encoder_;
  mutable PieceCachePool caches_;  // what they remember changes the time of encoding, never its result
};

}  // namespace lathe::tokenizer
