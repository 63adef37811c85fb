// Text to token ids and back. A Tokenizer is a cheap handle on shared immutable state: copy it freely, use it from any
// number of threads. Ids 0..n-1 are the model's tokens, the special tokens follow them (rows C-2.4, C-2.5); tokenizers
// of other tools may have special tokens anywhere, words added to the model's, and ids that nothing has (row C-2.20).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/token_model.h"

namespace lathe::tokenizer {

// The chat family's special tokens in the order of their ids (row C-2.4).
const std::vector<std::string>& chat_special_tokens();
inline constexpr const char* kBos = "<|bos|>";
inline constexpr const char* kEndOfText = "<|endoftext|>";  // the same role in foreign tokenizers
inline constexpr const char* kUserStart = "<|user_start|>";
inline constexpr const char* kUserEnd = "<|user_end|>";
inline constexpr const char* kAssistantStart = "<|assistant_start|>";
inline constexpr const char* kAssistantEnd = "<|assistant_end|>";
inline constexpr const char* kPythonStart = "<|python_start|>";
inline constexpr const char* kPythonEnd = "<|python_end|>";
inline constexpr const char* kOutputStart = "<|output_start|>";
inline constexpr const char* kOutputEnd = "<|output_end|>";

// A token put before or after each encoded text: its id, or a special token's name (row C-2.15).
using TokenRef = std::variant<int32_t, std::string>;

struct EncodeOptions {
  std::optional<TokenRef> prepend = std::nullopt;
  std::optional<TokenRef> append = std::nullopt;
  // True: names of special tokens in the text become those tokens, as foreign libraries do. For trusted text alone.
  bool recognise_special = false;
  int num_threads = 8;  // at most; a batch is never spread over more threads than the process has
};

enum class TokenBytes {
  kRaw,        // the true number of bytes
  kReference,  // UTF-8 length of the token decoded alone: 3 for each U+FFFD (row C-2.13)
};

class Tokenizer {
 public:
  // A folder that holds tokenizer.json (else the chat origin's tokenizer.pkl, SentencePiece's spm.model or
  // tokenizer.model, or GPT-2's encoder.json and vocab.bpe), or such a file; tokenizer.json may be Hugging Face's.
  // Where tokenizer_config.json states a sha256_hash, a SentencePiece model beside it must have it. A tiktoken rank file NAME.tiktoken has the split and the
  // special tokens of the public encoding NAME, else the chat family's.
  static Result<Tokenizer> load(const fs::path& file_or_folder);
  // <base>/tokenizer, the place every verb reads (row C-2.33).
  static Result<Tokenizer> load_base(const fs::path& base);
  // A byte-level BPE with the chat split pattern; tokens[id] are bytes.
  static Result<Tokenizer> from_tokens(const std::vector<std::string>& tokens,
                                       const std::vector<std::string>& special_tokens = chat_special_tokens());
  static Result<Tokenizer> from_model(std::shared_ptr<const TokenModel> model, std::vector<std::string> special_tokens);
  static Result<Tokenizer> from_added(std::shared_ptr<const TokenModel> model, std::vector<AddedToken> added);
  // Writes <folder>/tokenizer.json (docs/formats/tokenizer.md).
  Status save(const fs::path& folder) const;

  int64_t vocab_size() const;  // highest id + 1
  // SHA-256 (64 hex digits) over the canonical content, recomputed at load: equal for equal tokenizers whatever file
  // they came from, different when any token, the split or a special token differs (trap T1).
  const std::string& hash() const;

  // Text is bytes, valid UTF-8 or not. Names of special tokens inside it are plain text (row C-2.16); added words that
  // are not special are always found.
  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options = {}) const;
  std::vector<int32_t> operator()(std::string_view text) const { return encode(text); }
  std::vector<std::vector<int32_t>> encode_batch(std::span<const std::string_view> texts,
                                                 const EncodeOptions& options = {}) const;
  std::vector<std::vector<int32_t>> encode_batch(std::span<const std::string> texts,
                                                 const EncodeOptions& options = {}) const;

  // The exact bytes of the ids joined, and the same as UTF-8 with U+FFFD for every maximal invalid part. Special ids
  // give their names, an id that no token has nothing. An id outside [0, vocab_size) throws.
  std::string decode_bytes(std::span<const int32_t> ids) const;
  std::string decode(std::span<const int32_t> ids) const;
  std::string_view token_bytes_of(int32_t id) const;  // of a special token: its name

  const std::vector<std::string>& special_tokens() const;  // names in the order of their ids
  bool is_special(int32_t id) const;
  std::optional<int32_t> find_special(std::string_view name) const;
  int32_t special_id(std::string_view name) const;  // throws when there is none
  // <|bos|>, else <|endoftext|> (row C-2.20), else <s>; throws when there is none.
  int32_t bos_id() const;
  std::optional<int32_t> find_bos() const;
  const std::vector<AddedToken>& added_tokens() const;  // by id
  const TokenModel& model() const { return *shared_model(); }
  const std::shared_ptr<const TokenModel>& shared_model() const;

  // Length of every token in bytes, 0 for special tokens: the table behind bits per byte (row C-2.13).
  std::vector<int32_t> token_byte_lengths(TokenBytes mode = TokenBytes::kRaw) const;

 private:
  struct State;
  explicit Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  int32_t resolve(const TokenRef& token) const;

  std::shared_ptr<const State> state_;
};

}  // namespace lathe::tokenizer
