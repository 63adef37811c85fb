// A sample of a stream of texts, bounded in memory, for trainers that need their input at once (row L-3.4, trap T4).
#pragma once

#include <cstdint>
#include <queue>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::tokenizer {

struct SampleLimits {
  int64_t max_sentences = 10'000'000;
  int64_t max_bytes = 128 << 20;
  int64_t max_sentence_bytes = 32768;  // longer texts are cut: at line ends, else behind blanks, else between characters
};

// Which sentences are kept depends on the seed and on their place in the stream alone: each has a random key, and those
// with the smallest keys stay, as many as fit into both limits. One thread.
class SentenceSample {
 public:
  SentenceSample(const SampleLimits& limits, uint64_t seed) : limits_(limits), seed_(seed) {}

  void add(std::string_view text);
  // The sentences kept, in the order of their keys (shuffled) or of the stream. Ends the sample.
  std::vector<std::string> take(bool shuffled);

  int64_t sentences_seen() const { return seen_; }
  int64_t bytes_seen() const { return bytes_seen_; }
  int64_t sentences_kept() const { return static_cast<int64_t>(kept_.size()); }
  int64_t bytes_kept() const { return bytes_kept_; }

 private:
  struct Sentence {
    uint64_t key;
    int64_t index;
    std::string text;
    friend bool operator<(const Sentence& a, const Sentence& b) {
      return a.key != b.key ? a.key < b.key : a.index < b.index;
    }
  };
  void add_sentence(std::string_view sentence);

  SampleLimits limits_;
  uint64_t seed_;
  std::vector<Sentence> kept_;  // a heap, the largest key first
  uint64_t limit_key_ = ~uint64_t{0};  // of the smallest that was dropped
  int64_t seen_ = 0, bytes_seen_ = 0, bytes_kept_ = 0;
};

// The pieces of a text that are at most max_bytes long, in order; joined they are the text.
std::vector<std::string_view> cut_text(std::string_view text, int64_t max_bytes);

}  // namespace lathe::tokenizer
