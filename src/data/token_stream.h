// All tokens of one text file in a row, in memory or in OUT/tokens.bin behind a map (rows L-11.15 to L-11.17).
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/file.h"

namespace lathe::data {

inline constexpr const char* kTokensFile = "tokens.bin";
inline constexpr const char* kTokensMetaFile = "tokens_meta.json";

// Immutable, cheap to copy, for any number of threads.
class TokenStream {
 public:
  static TokenStream in_memory(std::vector<int32_t> ids);

  struct Source {
    fs::path data;               // the text file
    std::string tokenizer_hash;  // 64 hex digits
    int64_t vocab_size = 0;
    std::function<Result<std::vector<int32_t>>(const std::string& text)> encode;
  };
  // Uses folder/tokens.bin when folder/tokens_meta.json says that it was made from this very data file (size and
  // SHA-256) by this tokenizer, and its size is right. Else it is built anew, or refused with `resume` (row L-11.16):
  // the stream of a run must not change under it.
  static Result<TokenStream> memory_mapped(const fs::path& folder, const Source& source, bool resume);

  int64_t size() const { return size_; }
  void read(int64_t first, std::span<int32_t> ids) const;
  bool is_mapped() const { return memory_ == nullptr; }

 private:
  std::shared_ptr<const std::vector<int32_t>> memory_;
  MappedFile map_;
  int64_t size_ = 0, token_bytes_ = 0;
};

}  // namespace lathe::data
