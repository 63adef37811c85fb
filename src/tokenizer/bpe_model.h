// Byte-level BPE: a split pattern and a list of tokens whose order is their merge rank.
#pragma once

#include "core/result.h"
#include "tokenizer/bpe_encode.h"
#include "tokenizer/split.h"
#include "tokenizer/token_model.h"

namespace lathe::tokenizer {

class BpeModel : public TokenModel {
 public:
  // Error when a token is empty or repeated, or a single byte is missing.
  static Result<std::shared_ptr<const BpeModel>> make(const SplitPattern& split,
                                                      const std::vector<std::string>& tokens);
  // The model's keys of a tokenizer.json.
  static Result<std::shared_ptr<const BpeModel>> from_json(const Json& file, const std::string& path);
  // A tiktoken rank file: per line the token in base64, a space, its rank; the ranks 0..n-1 in order.
  static Result<std::shared_ptr<const BpeModel>> from_ranks(const SplitPattern& split, std::string_view text,
                                                            const std::string& path);

  BpeModel(const SplitPattern& split, const std::vector<std::string>& tokens) : split_(split), encoder_(tokens) {}

  int64_t size() const override { return encoder_.size(); }
  std::string_view token(int32_t id) const override { return encoder_.token(id); }
  void encode(std::span<const std::string_view> texts, std::span<std::vector<int32_t>> ids) const override;
  Json to_json() const override;
  std::string canonical_bytes() const override;

 private:
  const SplitPattern& split_;
  BpeEncoder encoder_;
};

}  // namespace lathe::tokenizer
