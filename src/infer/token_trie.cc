#include "infer/token_trie.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "core/text.h"
#include "tokenizer/utf8.h"

namespace lathe::infer {
namespace {

constexpr size_t kMaxTokenBytes = 4096;  // longer ones (none is known) are left out: a walk keeps a state for each byte

// The only character of text, or kInvalidByte.
char32_t only_character(std::string_view text) {
  if (text.empty()) return tokenizer::kInvalidByte;
  const tokenizer::CodePoint code = tokenizer::read_code_point(text, 0);
  return code.length == text.size() ? code.value : tokenizer::kInvalidByte;
}

}  // namespace

TokenTrie::TokenTrie(const tokenizer::Tokenizer& tokenizer) : vocab_size_(tokenizer.vocab_size()) {
  std::vector<std::string_view> bytes(static_cast<size_t>(vocab_size_));
  std::array<bool, 256> is_token{};
  std::vector<CodeRange> characters;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto id = static_cast<int32_t>(i);
    if (tokenizer.is_special(id)) continue;
    bytes[i] = tokenizer.token_bytes_of(id);
    if (bytes[i].size() > kMaxTokenBytes) bytes[i] = {};
    if (bytes[i].size() == 1) is_token[static_cast<uint8_t>(bytes[i][0])] = true;
    if (const char32_t code = only_character(bytes[i]); code != tokenizer::kInvalidByte) characters.push_back({code, code});
  }
  // Bytes that no UTF-8 holds may be missing.
  for (size_t byte = 0; byte < 256; ++byte)
    if (byte != 0xC0 && byte != 0xC1 && byte < 0xF5) writes_every_byte_ &= is_token[byte];
  spellable_ = writes_every_byte_ ? CodeSet::all() : CodeSet(std::move(characters));
  if (!writes_every_byte_)
    for (std::string_view& token : bytes)
      if (first_invalid_utf8(token) >= 0) token = {};

  std::vector<int32_t> order;
  for (size_t i = 0; i < bytes.size(); ++i) {
    offsets_.push_back(static_cast<int64_t>(text_.size()));
    text_ += bytes[i];
    if (!bytes[i].empty()) order.push_back(static_cast<int32_t>(i));
  }
  offsets_.push_back(static_cast<int64_t>(text_.size()));
  const auto of = [&](int32_t id) { return bytes[static_cast<size_t>(id)]; };
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return of(a) != of(b) ? of(a) < of(b) : a < b; });
  std::vector<int32_t> path;  // the node of each byte of the last token
  std::string_view last;
  const auto close_to = [&](size_t depth) {
    for (; path.size() > depth; path.pop_back()) nodes_[static_cast<size_t>(path.back())].end = static_cast<int32_t>(nodes_.size());
  };
  for (const int32_t id : order) {
    const std::string_view token = of(id);
    const auto same = std::mismatch(last.begin(), last.end(), token.begin(), token.end());
    close_to(static_cast<size_t>(same.first - last.begin()));
    for (size_t depth = path.size(); depth < token.size(); ++depth) {
      path.push_back(static_cast<int32_t>(nodes_.size()));
      const auto at = static_cast<int32_t>(tokens_.size());
      nodes_.push_back({static_cast<uint8_t>(token[depth]), static_cast<uint16_t>(depth + 1), 0, at, at});
    }
    tokens_.push_back(id);
    nodes_[static_cast<size_t>(path.back())].last_token = static_cast<int32_t>(tokens_.size());
    max_depth_ = std::max(max_depth_, static_cast<int32_t>(token.size()));
    last = token;
  }
  close_to(0);
}

std::string_view TokenTrie::bytes_of(int32_t token) const {
  if (token < 0 || token >= vocab_size_) return {};
  const auto begin = static_cast<size_t>(offsets_[static_cast<size_t>(token)]), end = static_cast<size_t>(offsets_[static_cast<size_t>(token) + 1]);
  return std::string_view(text_).substr(begin, end - begin);
}

}  // namespace lathe::infer
