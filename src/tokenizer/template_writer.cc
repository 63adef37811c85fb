#include "tokenizer/template_writer.h"

#include <algorithm>
#include <optional>

#include "tokenizer/frozen.h"
#include "tokenizer/template_layout.h"

namespace lathe::tokenizer {
namespace {

struct Found {
  size_t at = std::string_view::npos, length = 0;
  int32_t id = -1;
};

// The first special token named in a literal: what stands between '<' and '>' or '[' and ']'.
Found first_mark(const Tokenizer& tokenizer, std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == kBosMark)
      if (const auto bos = tokenizer.find_bos()) return {i, 1, *bos};
    if (text[i] == kEndMark)
      if (const auto end = find_end_of_text(tokenizer); end || tokenizer.find_bos()) return {i, 1, end ? *end : tokenizer.bos_id()};
    const char close = text[i] == '<' ? '>' : ']';
    if (text[i] != '<' && text[i] != '[') continue;
    const size_t end = text.find(close, i);
    if (end == std::string_view::npos) continue;
    if (const auto id = tokenizer.find_special(text.substr(i, end + 1 - i))) return {i, end + 1 - i, *id};
  }
  return {};
}

bool adds_space(const Tokenizer& tokenizer) {
  const std::vector<int32_t> ids = tokenizer.encode("a");
  if (ids.empty()) return false;
  const std::string_view bytes = tokenizer.token_bytes_of(ids.front());
  return bytes.starts_with(' ') || bytes.starts_with("\xE2\x96\x81");
}

}  // namespace

TemplateWriter::TemplateWriter(const Tokenizer& tokenizer, Spans spans)
    : tokenizer_(tokenizer), spans_(spans), adds_space_(spans == Spans::kJoined && adds_space(tokenizer)) {}

void TemplateWriter::literal(std::string_view text, uint8_t mask) {
  while (!text.empty()) {
    const Found found = first_mark(tokenizer_, text);
    if (const std::string_view words = text.substr(0, found.at); mask != 0) {
      flush();
      append(words, mask);
    } else {
      pending_ += words;
    }
    if (found.id < 0) return;
    mark(found.id, mask);
    mask = 0;
    text.remove_prefix(found.at + found.length);
  }
}

void TemplateWriter::text(std::string_view words, uint8_t mask) {
  if (spans_ == Spans::kJoined && mask == 0) {
    pending_ += words;
    return;
  }
  flush();
  append(words, mask);
}

void TemplateWriter::mark(int32_t id, uint8_t mask) {
  flush();
  out_.ids.push_back(id);
  out_.mask.push_back(mask);
  tail_.clear();
  tail_begin_ = out_.ids.size();
}

Rendered TemplateWriter::finish() {
  flush();
  return std::move(out_);
}

void TemplateWriter::flush() {
  append(pending_, 0);
  pending_.clear();
}

void TemplateWriter::append(std::string_view words, uint8_t mask) {
  if (words.empty()) return;
  std::vector<int32_t> ids;
  if (spans_ == Spans::kApart) {
    ids = tokenizer_.encode(words);
  } else {
    if (tail_.empty() && adds_space_ && words.front() == ' ') words.remove_prefix(1);
    const std::vector<int32_t> joined = tokenizer_.encode(tail_ + std::string(words));
    const auto before = out_.ids.begin() + static_cast<std::ptrdiff_t>(tail_begin_);
    const auto length = out_.ids.end() - before;
    if (static_cast<std::ptrdiff_t>(joined.size()) >= length && std::equal(before, out_.ids.end(), joined.begin()))
      ids.assign(joined.begin() + length, joined.end());
    else
      ids = tokenizer_.encode(words);
    tail_ += words;
  }
  out_.ids.insert(out_.ids.end(), ids.begin(), ids.end());
  out_.mask.resize(out_.ids.size(), mask);
}

}  // namespace lathe::tokenizer
