// The conversations of an SFT folder's split as token ids and mask: formatted once, kept in a file that is keyed by data,
// template, tokenizer and loss and verified before use (row L-7.35; docs/formats/sft.md).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"

namespace lathe::train {

// Immutable, for any number of threads.
class FormattedConversations {
 public:
  struct Request {
    std::vector<fs::path> files;  // .jsonl, {"messages": [...]} a line
    std::string data_sha256;      // stands for the files' content, which the caller has verified
    tokenizer::ChatTemplate form;
    tokenizer::LossOn loss_on = tokenizer::LossOn::kAssistant;
    fs::path cache;  // folder; empty: nothing is kept
  };
  // From the cache where it holds them whole and unchanged, else formatted and put there. A cache file that is damaged or
  // of something else is formatted anew with a warning. Errors name the file and line.
  static Result<std::shared_ptr<const FormattedConversations>> open(const Request& request, const tokenizer::Tokenizer& tokenizer);

  int64_t size() const { return static_cast<int64_t>(starts_.size()) - 1; }
  int64_t length(int64_t index) const { return starts_[static_cast<size_t>(index) + 1] - starts_[static_cast<size_t>(index)]; }
  int32_t id(int64_t index, int64_t token) const { return static_cast<int32_t>(word(index, token) & kIdBits); }
  bool trained(int64_t index, int64_t token) const { return word(index, token) > kIdBits; }
  bool from_cache() const { return from_cache_; }
  const fs::path& cache_file() const { return cache_file_; }  // empty: none

 private:
  static constexpr uint32_t kIdBits = 0x7fffffff;  // the highest bit is the mask
  uint32_t word(int64_t index, int64_t token) const { return words_[static_cast<size_t>(starts_[static_cast<size_t>(index)] + token)]; }
  Status read(const fs::path& file, const std::string& key);
  std::string bytes(const std::string& key) const;

  std::vector<int64_t> starts_;  // of each conversation in words_, and the end
  std::vector<uint32_t> words_;
  bool from_cache_ = false;
  fs::path cache_file_;
};

}  // namespace lathe::train
