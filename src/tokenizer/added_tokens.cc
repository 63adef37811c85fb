#include "tokenizer/added_tokens.h"

#include <algorithm>
#include <functional>

#include "tokenizer/char_class.h"

namespace lathe::tokenizer {
namespace {

bool is_space(std::string_view text, size_t at, size_t& length) {
  const CodePoint point = read_code_point(text, at);
  length = point.length;
  return (CharTable::get().at(point.value) & kSpace) != 0;
}

size_t skip_spaces(std::string_view text, size_t at) {
  size_t length = 0;
  while (at < text.size() && is_space(text, at, length)) at += length;
  return at;
}

// Where the white space that ends at `end` begins, not before `from`.
size_t skip_spaces_back(std::string_view text, size_t from, size_t end) {
  while (end > from) {
    size_t start = end - 1, length = 0;
    while (start > from && end - start < 4 && (static_cast<uint8_t>(text[start]) & 0xC0) == 0x80) --start;
    if (!is_space(text.substr(0, end), start, length) || start + length != end) return end;
    end = start;
  }
  return end;
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(const std::vector<AddedToken>& tokens) {
  for (const AddedToken& token : tokens) {
    texts_.insert(token.text);
    ids_.push_back(token.id);
    strips_.push_back({token.lstrip, token.rstrip});
    auto& lengths = lengths_[static_cast<uint8_t>(token.text[0])];
    if (std::find(lengths.begin(), lengths.end(), token.text.size()) == lengths.end())
      lengths.push_back(token.text.size());
  }
  for (auto& lengths : lengths_) std::sort(lengths.begin(), lengths.end(), std::greater<>());
}

AddedTokenFinder::Match AddedTokenFinder::find(std::string_view text, size_t from) const {
  for (size_t at = from; at < text.size(); ++at) {
    for (const size_t length : lengths_[static_cast<uint8_t>(text[at])]) {
      if (length > text.size() - at) continue;
      const int64_t index = texts_.find(text.substr(at, length));
      if (index < 0) continue;
      const Strip strip = strips_[static_cast<size_t>(index)];
      return {strip.left ? skip_spaces_back(text, from, at) : at,
              strip.right ? skip_spaces(text, at + length) : at + length, ids_[static_cast<size_t>(index)]};
    }
  }
  return {std::string_view::npos, text.size(), -1};
}

}  // namespace lathe::tokenizer
