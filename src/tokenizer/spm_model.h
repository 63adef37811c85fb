// SentencePiece unigram and BPE models (rows L-3.1, L-3.6, L-3.7, L-3.10). The SentencePiece library checks the model,
// normalises text and segments it for BPE; the best path of unigram models is found in unigram.h, by the rule of the
// library's newer versions. What is decoded, special tokens and the tokenizer's frame are lathe's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/result.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/spm_proto.h"
#include "tokenizer/token_model.h"
#include "tokenizer/unigram.h"

namespace lathe::tokenizer {

// Special ids of a model, absent where it has none.
struct SpmIds {
  std::optional<int32_t> unk, bos, eos, pad;
};

class SpmModel : public TokenModel {
 public:
  // `bytes` is a whole model file; it is kept, because the hash is over it (row L-3.18). Text that is no valid UTF-8
  // becomes U+FFFD, as in the library; U+2581 comes back as a blank (row L-3.14).
  static Result<std::shared_ptr<const SpmModel>> make(std::string bytes, const std::string& path);
  static Result<std::shared_ptr<const SpmModel>> from_json(const Json& file, const std::string& path);
  ~SpmModel() override;

  int64_t size() const override { return static_cast<int64_t>(texts_.size()); }
  // Byte pieces are their byte, the unknown piece its surface; control symbols have no text here, they are added tokens.
  std::string_view token(int32_t id) const override { return texts_[static_cast<size_t>(id)]; }
  void encode(std::span<const std::string_view> texts, std::span<std::vector<int32_t>> ids) const override;
  std::string_view token_at_start(int32_t id) const override;
  bool drops_all_first_spaces() const override { return proto_.remove_extra_whitespaces; }
  Json to_json() const override;
  std::string canonical_bytes() const override { return bytes_; }

  const std::string& file_bytes() const { return bytes_; }
  const SpmProto& proto() const { return proto_; }
  const SpmIds& ids() const { return ids_; }
  // The control symbols: never found in plain text (rows L-3.12, L-3.15).
  std::vector<AddedToken> added_tokens() const;
  // "piece<tab>score" a line, as the library's own trainer writes it beside the model.
  std::string vocabulary_text() const;

 private:
  struct Library;
  SpmModel(std::string bytes, SpmProto proto);
  std::string normalised(std::string_view text) const;

  std::string bytes_;
  SpmProto proto_;
  SpmIds ids_;
  std::vector<std::string> texts_;  // by id
  std::unordered_map<std::string, int32_t> bytes_of_names_;  // "<0x0A>"
  std::unique_ptr<Library> library_;
  std::optional<Unigram> unigram_;
};

// The SentencePiece library's version, "0.1.97".
const char* sentencepiece_version();

}  // namespace lathe::tokenizer
