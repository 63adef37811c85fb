// Repeated n-grams by exact naming: an (n+1)-gram is the pair of the names of the two n-grams it overlaps, and a name
// is the place of the first n-gram equal to it. Only n-grams that stand at least twice are kept, since a longer one
// that is repeated has repeated parts; so each size costs only what was repeated in the one before.
#include <algorithm>

#include "corpus/text_statistics.h"

namespace lathe::corpus {
namespace {

constexpr size_t kLongestTop = 4;
constexpr size_t kShortestCopied = 5;
constexpr size_t kLongest = 10;

class Ngrams {
 public:
  Ngrams(StatisticsScratch& scratch, TextStatistics& statistics) : s_(scratch), statistics_(statistics) {}

  void run() {
    const size_t n_words = s_.words.size();
    s_.positions.resize(n_words);
    s_.names.resize(n_words);
    s_.counts.assign(n_words, 0);
    s_.seen.assign(n_words, 0);
    s_.before.resize(n_words + 1);
    s_.before[0] = 0;
    s_.table.start(n_words);
    for (size_t i = 0; i < n_words; ++i) {
      s_.before[i + 1] = s_.before[i] + s_.words[i].characters;
      s_.positions[i] = static_cast<uint32_t>(i);
      s_.names[i] = s_.table.first(s_.words[i].hash, static_cast<uint32_t>(i));
      ++s_.counts[s_.names[i]];
    }
    keep_repeated(n_words);
    for (size_t n = 2; n <= kLongest && size_ > 1; ++n) {
      extend();
      if (n <= kLongestTop) statistics_.top_ngram_characters[n] = top(n);
      if (n >= kShortestCopied) statistics_.copied_ngram_characters[n] = copied(n);
    }
  }

 private:
  // Of the first `size` n-grams, leaves those that stand at least twice.
  void keep_repeated(size_t size) {
    size_ = 0;
    for (size_t k = 0; k < size; ++k) {
      if (s_.counts[s_.names[k]] < 2) continue;
      s_.positions[size_] = s_.positions[k];
      s_.names[size_++] = s_.names[k];
    }
  }

  // From the repeated n-grams to the repeated (n+1)-grams.
  void extend() {
    for (size_t k = 0; k < size_; ++k) s_.counts[s_.positions[k]] = 0;
    s_.table.start(size_);
    size_t size = 0;
    for (size_t k = 0; k + 1 < size_; ++k) {
      if (s_.positions[k + 1] != s_.positions[k] + 1) continue;
      const uint64_t pair = uint64_t{s_.names[k]} << 32 | s_.names[k + 1];
      const uint32_t position = s_.positions[k];
      const uint32_t name = s_.table.first(pair, position);
      ++s_.counts[name];
      s_.positions[size] = position;
      s_.names[size++] = name;
    }
    keep_repeated(size);
  }

  int64_t characters(size_t position, size_t n) const { return s_.before[position + n] - s_.before[position]; }

  int64_t top(size_t n) const {
    int64_t count = 0, longest = 0;
    for (size_t k = 0; k < size_; ++k) {
      if (s_.names[k] != s_.positions[k] || s_.counts[s_.names[k]] < count) continue;
      const int64_t length = characters(s_.positions[k], n) + static_cast<int64_t>(n) - 1;
      longest = s_.counts[s_.names[k]] == count ? std::max(longest, length) : length;
      count = s_.counts[s_.names[k]];
    }
    return count * longest;
  }

  int64_t copied(size_t n) {
    int64_t total = 0;
    size_t next = 0;  // words before it belong to a copy
    for (size_t k = 0; k < size_; ++k) {
      const size_t position = s_.positions[k];
      if (position < next) continue;
      uint32_t& seen = s_.seen[s_.names[k]];
      if (seen == n) {
        total += characters(position, n);
        next = position + n;
      }
      seen = static_cast<uint32_t>(n);
    }
    return total;
  }

  StatisticsScratch& s_;
  TextStatistics& statistics_;
  size_t size_ = 0;  // n-grams kept: their places and names
};

}  // namespace

void FirstSeen::start(size_t most_keys) {
  size_t size = 64;
  while (size < most_keys * 2) size *= 2;
  if (size > slots_.size()) {
    slots_.assign(size, Slot{0, 0, 0});
    epoch_ = 0;
  }
  if (++epoch_ == 0) {
    for (Slot& slot : slots_) slot.epoch = 0;
    epoch_ = 1;
  }
  mask_ = size - 1;
}

uint32_t FirstSeen::first(uint64_t key, uint32_t number) {
  size_t at = (key * 0x9E3779B97F4A7C15u) >> 32 & mask_;
  while (slots_[at].epoch == epoch_) {
    if (slots_[at].key == key) return slots_[at].number;
    at = (at + 1) & mask_;
  }
  slots_[at] = Slot{key, number, epoch_};
  return number;
}

void measure_ngrams(StatisticsScratch& scratch, TextStatistics& statistics) {
  statistics.top_ngram_characters = {};
  statistics.copied_ngram_characters = {};
  Ngrams(scratch, statistics).run();
}

}  // namespace lathe::corpus
