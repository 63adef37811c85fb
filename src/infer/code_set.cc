#include "infer/code_set.h"

#include <algorithm>

namespace lathe::infer {
namespace {

constexpr char32_t kLastCode = 0x10FFFF, kSurrogates = 0xD800, kAfterSurrogates = 0xE000;

// The UTF-8 of first..last where all have the same length.
void split(char32_t first, char32_t last, int length, std::vector<std::vector<ByteRange>>& out) {
  for (int tail = 1; tail < length; ++tail) {
    // Every byte after the first one that differs must take all its values: cut where it does not.
    const char32_t mask = (char32_t{1} << (6 * tail)) - 1;
    if ((first & ~mask) == (last & ~mask)) continue;
    if ((first & mask) != 0) {
      split(first, first | mask, length, out);
      split((first | mask) + 1, last, length, out);
      return;
    }
    if ((last & mask) != mask) {
      split(first, (last & ~mask) - 1, length, out);
      split(last & ~mask, last, length, out);
      return;
    }
  }
  std::vector<ByteRange> sequence;
  for (int i = length - 1; i >= 0; --i) {
    const auto byte = [&](char32_t code) {
      const char32_t bits = code >> (6 * i);
      if (i < length - 1) return static_cast<uint8_t>(0x80 | (bits & 0x3F));
      constexpr uint8_t kLead[] = {0, 0x00, 0xC0, 0xE0, 0xF0};
      return static_cast<uint8_t>(kLead[length] | bits);
    };
    sequence.push_back({byte(first), byte(last)});
  }
  out.push_back(std::move(sequence));
}

}  // namespace

CodeSet::CodeSet(std::vector<CodeRange> ranges) {
  std::vector<CodeRange> cut;
  for (CodeRange range : ranges) {
    range.last = std::min(range.last, kLastCode);
    if (range.first > range.last) continue;
    if (range.first < kSurrogates) cut.push_back({range.first, std::min<char32_t>(range.last, kSurrogates - 1)});
    if (range.last >= kAfterSurrogates) cut.push_back({std::max(range.first, kAfterSurrogates), range.last});
  }
  std::sort(cut.begin(), cut.end(), [](const CodeRange& a, const CodeRange& b) { return a.first < b.first; });
  for (const CodeRange& range : cut) {
    if (!ranges_.empty() && range.first <= ranges_.back().last + 1)
      ranges_.back().last = std::max(ranges_.back().last, range.last);
    else
      ranges_.push_back(range);
  }
}

CodeSet CodeSet::all() { return CodeSet({{0, kLastCode}}); }

bool CodeSet::contains(char32_t code) const {
  const auto it = std::upper_bound(ranges_.begin(), ranges_.end(), code, [](char32_t c, const CodeRange& r) { return c < r.first; });
  return it != ranges_.begin() && code <= (it - 1)->last;
}

CodeSet CodeSet::with(const CodeSet& other) const {
  std::vector<CodeRange> joined = ranges_;
  joined.insert(joined.end(), other.ranges_.begin(), other.ranges_.end());
  return CodeSet(std::move(joined));
}

CodeSet CodeSet::without(const CodeSet& other) const {
  std::vector<CodeRange> left;
  size_t j = 0;
  for (CodeRange range : ranges_) {
    while (j < other.ranges_.size() && other.ranges_[j].last < range.first) ++j;
    bool gone = false;
    for (size_t k = j; k < other.ranges_.size() && other.ranges_[k].first <= range.last; ++k) {
      if (other.ranges_[k].first > range.first) left.push_back({range.first, other.ranges_[k].first - 1});
      if (other.ranges_[k].last >= range.last) {
        gone = true;
        break;
      }
      range.first = other.ranges_[k].last + 1;
    }
    if (!gone) left.push_back(range);
  }
  return CodeSet(std::move(left));
}

CodeSet CodeSet::both(const CodeSet& other) const { return without(other.complement()); }

std::vector<std::vector<ByteRange>> utf8_sequences(const CodeSet& set) {
  constexpr CodeRange kLengths[] = {{0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xFFFF}, {0x10000, kLastCode}};
  std::vector<std::vector<ByteRange>> out;
  for (const CodeRange& range : set.ranges())
    for (int length = 1; length <= 4; ++length) {
      const CodeRange& same = kLengths[length - 1];
      const char32_t first = std::max(range.first, same.first), last = std::min(range.last, same.last);
      if (first <= last) split(first, last, length, out);
    }
  return out;
}

}  // namespace lathe::infer
