#include "tokenizer/sentence_sample.h"

#include <algorithm>

#include "core/rng.h"

namespace lathe::tokenizer {

std::vector<std::string_view> cut_text(std::string_view text, int64_t max_bytes) {
  const auto most = static_cast<size_t>(std::max<int64_t>(max_bytes, 4));
  std::vector<std::string_view> parts;
  while (text.size() > most) {
    const std::string_view head = text.substr(0, most);
    size_t end = head.rfind('\n') + 1;  // npos + 1 is 0
    // A blank begins the next part, as it begins a word's piece.
    if (end == 0 && (end = head.rfind(' ')) == std::string_view::npos) end = 0;
    if (end == 0)
      for (end = most; end > 1 && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80;) --end;
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  if (!text.empty()) parts.push_back(text);
  return parts;
}

void SentenceSample::add(std::string_view text) {
  for (const std::string_view sentence : cut_text(text, limits_.max_sentence_bytes)) add_sentence(sentence);
}

void SentenceSample::add_sentence(std::string_view sentence) {
  const int64_t index = seen_++;
  bytes_seen_ += static_cast<int64_t>(sentence.size());
  const uint64_t key = Rng(seed_, "tokenizer sample", static_cast<uint64_t>(index)).next_u64();
  // Below every key that was dropped for room, so that what is kept is always the smallest keys.
  if (key >= limit_key_) return;
  kept_.push_back({key, index, std::string(sentence)});
  std::push_heap(kept_.begin(), kept_.end());
  bytes_kept_ += static_cast<int64_t>(sentence.size());
  while (static_cast<int64_t>(kept_.size()) > limits_.max_sentences || bytes_kept_ > limits_.max_bytes) {
    std::pop_heap(kept_.begin(), kept_.end());
    bytes_kept_ -= static_cast<int64_t>(kept_.back().text.size());
    limit_key_ = kept_.back().key;
    kept_.pop_back();
  }
}

std::vector<std::string> SentenceSample::take(bool shuffled) {
  std::sort(kept_.begin(), kept_.end(), [&](const Sentence& a, const Sentence& b) {
    return shuffled ? a < b : a.index < b.index;
  });
  std::vector<std::string> texts;
  texts.reserve(kept_.size());
  for (Sentence& sentence : kept_) texts.push_back(std::move(sentence.text));
  kept_.clear();
  return texts;
}

}  // namespace lathe::tokenizer
