#include <algorithm>
#include <cstring>
#include <vector>

#include "tokenizer/spm_proto.h"

namespace lathe::tokenizer {
namespace {

// The library keeps at most this many matches of one place in the text.
constexpr int kMostMatches = 32;
constexpr size_t kMostTextBytes = 1024;  // Unicode's longest has 33

// A darts-clone double array: unit p with label c has its child at p ^ offset(p) ^ c.
class Trie {
 public:
  Trie(std::string_view units, std::string_view texts) : texts_(texts), units_(units.size() / 4) {
    std::memcpy(units_.data(), units.data(), units_.size() * 4);
  }

  Status check() {
    if (units_.empty()) return error("the normaliser's trie is empty");
    matches_.assign(units_.size(), kUnseen);
    // Depth first with a stack of its own: a hostile chain may be as long as the table.
    std::vector<Frame> stack;
    LATHE_TRY_STATUS(enter(0, stack));
    while (!stack.empty()) {
      Frame& frame = stack.back();
      if (frame.label == 256) {
        const int total = frame.longest + frame.own;
        if (total > kMostMatches) return error("the normaliser has more than ", kMostMatches, " rules for one place");
        matches_[frame.unit] = total;
        stack.pop_back();
        if (!stack.empty()) stack.back().longest = std::max(stack.back().longest, total);
        continue;
      }
      const auto label = static_cast<uint32_t>(frame.label++);
      const size_t child = frame.base ^ label;
      if ((units_[child] & 0x800000ffu) != label) continue;
      // Unused units may lead to themselves through a zero byte in the text, which matches nothing.
      if (child == frame.unit && frame.own == 0) continue;
      if (matches_[child] == kOpen) return error("the normaliser's trie has a loop");
      if (matches_[child] == kUnseen)
        LATHE_TRY_STATUS(enter(child, stack));
      else
        frame.longest = std::max(frame.longest, matches_[child]);
    }
    return {};
  }

 private:
  static constexpr int kUnseen = -1, kOpen = -2;
  struct Frame {
    size_t unit, base;
    int label, own, longest;
  };

  Status enter(size_t unit, std::vector<Frame>& stack) {
    const uint32_t value = units_[unit];
    const size_t base = unit ^ (size_t{value >> 10} << ((value & (1u << 9)) >> 6));
    if ((base | 0xff) >= units_.size()) return error("the normaliser's trie points outside itself");
    const bool leaf = ((value >> 8) & 1) != 0;
    if (leaf) LATHE_TRY_STATUS(check_text(units_[base] & 0x7fffffffu));
    matches_[unit] = kOpen;
    stack.push_back({unit, base, 0, leaf ? 1 : 0, 0});
    return {};
  }

  // A rule's text goes from its place to the next zero byte; without a limit one letter could become the whole table.
  Status check_text(size_t place) const {
    if (place >= texts_.size()) return error("a rule of the normaliser points outside its texts");
    if ((static_cast<uint8_t>(texts_[place]) & 0xC0) == 0x80) return error("a rule of the normaliser points into a character");
    if (texts_.find('\0', place) - place > kMostTextBytes) return error("a rule of the normaliser has more than ", kMostTextBytes, " bytes");
    return {};
  }

  std::string_view texts_;
  std::vector<uint32_t> units_;
  std::vector<int> matches_;  // most matches from this unit on
};

}  // namespace

Status check_charsmap(std::string_view blob) {
  if (blob.empty()) return {};
  uint32_t trie_bytes = 0;
  if (blob.size() <= sizeof trie_bytes) return error("the normaliser's table is cut short");
  std::memcpy(&trie_bytes, blob.data(), sizeof trie_bytes);
  blob.remove_prefix(sizeof trie_bytes);
  if (trie_bytes >= blob.size() || trie_bytes % 4 != 0) return error("the normaliser's table is cut short");
  const std::string_view texts = blob.substr(trie_bytes);
  if (texts.back() != '\0') return error("the normaliser's texts have no end");
  if (first_invalid_utf8(texts) >= 0) return error("the normaliser's texts are not valid UTF-8");
  return Trie(blob.substr(0, trie_bytes), texts).check();
}

}  // namespace lathe::tokenizer
