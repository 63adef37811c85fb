#include "bench/sentence_mix.h"

#include <algorithm>
#include <numeric>

#include "core/check.h"
#include "core/rng.h"
#include "data/corpus.h"

namespace lathe::bench {
namespace {

constexpr size_t kLongestSentence = 1024;

// Stems and endings of English, so that the text has its letters and passes for it.
constexpr std::string_view kFrequent[] = {"the", "of",   "and",  "to",   "in",   "that", "is",   "with", "have", "be",
                                          "it",  "for",  "not",  "on",   "they", "at",   "this", "but",  "from", "which",
                                          "or",  "will", "would", "there", "their", "when", "who",  "more", "if",   "were"};
constexpr std::string_view kStems[] = {
    "act",   "answer", "base",  "book",  "build", "call",  "care",   "change", "class", "clear", "count",  "cover",
    "draw",  "earth",  "even",  "fact",  "field", "find",  "follow", "form",   "friend", "general", "ground", "hand",
    "help",  "house",  "interest", "just", "kind", "know",  "land",   "learn",  "light", "list",  "live",   "long",
    "mark",  "mean",   "measure", "mind", "money", "mother", "mount", "nation", "north", "order", "paper",  "part",
    "person", "place", "plant", "point", "power", "press", "public", "question", "reason", "record", "river", "school",
    "sense", "show",   "sound", "stand", "state", "story", "system", "thought", "town",  "trade", "turn",   "water",
    "weather", "woman", "work",  "world", "write", "young"};
constexpr std::string_view kStarts[] = {"", "", "", "", "re", "un", "over", "out", "inter", "fore"};
constexpr std::string_view kEnds[] = {"", "", "", "s", "ing", "ed", "er", "ly", "ness", "ful", "less", "ment", "ship"};

std::string drawn_text(int64_t bytes, uint64_t seed) {
  Rng rng(seed, "bench/text");
  const auto draw = [&](const auto& list) { return list[rng.below(std::size(list))]; };
  std::string text;
  for (int64_t sentence = 0; std::ssize(text) < bytes; ++sentence) {
    const size_t begin = text.size();
    const uint64_t length = 6 + rng.below(20);
    for (uint64_t i = 0; i < length; ++i) {
      if (i > 0) text += rng.chance(0.08) ? ", " : " ";
      if (rng.chance(0.5))
        text.append(draw(kFrequent));
      else
        text.append(draw(kStarts)).append(draw(kStems)).append(draw(kEnds));
    }
    text[begin] = static_cast<char>(text[begin] - 'a' + 'A');
    text += sentence % 5 == 4 ? ".\n\n" : ". ";
  }
  return text;
}

bool ends_sentence(char c) { return c == '.' || c == '!' || c == '?'; }

}  // namespace

Result<std::string> read_base_text(const fs::path& path, int64_t most_bytes, uint64_t seed) {
  if (path.empty()) return drawn_text(std::min<int64_t>(most_bytes, 8 << 20), seed);
  LATHE_TRY(const auto corpus, data::Corpus::open(path, data::SplitRule::kTrainOnly));
  std::string text;
  std::vector<std::string> documents;
  for (size_t i = 0; i < corpus->files().size() && std::ssize(text) < most_bytes; ++i) {
    LATHE_TRY(const auto file, corpus->open_file(static_cast<int64_t>(i)));
    for (int64_t group = 0; std::ssize(text) < most_bytes; ++group) {
      LATHE_TRY(const bool more, file->read_group(group, documents));
      if (!more) break;
      for (const std::string& document : documents) {
        if (std::ssize(text) >= most_bytes) break;
        text += document;
        text += "\n\n";
      }
    }
  }
  if (text.empty()) return error_at(path.string(), -1, "no text in it");
  return text;
}

SentenceMix::SentenceMix(std::string text, uint64_t seed) : text_(std::move(text)), seed_(seed) {
  require(!text_.empty(), "[SentenceMix] no text");
  const auto white = [&](size_t at) { return text_[at] == ' ' || text_[at] == '\n'; };
  starts_.push_back(0);
  for (size_t at = 1; at < text_.size(); ++at) {
    const bool after_blank = white(at - 1) && !white(at);
    const bool after_line = after_blank && text_[at - 1] == '\n';
    const bool after_mark = after_blank && at >= 2 && ends_sentence(text_[at - 2]);
    const bool long_enough = at - starts_.back() >= kLongestSentence && (static_cast<uint8_t>(text_[at]) & 0xC0) != 0x80;
    if (after_line || after_mark || long_enough) starts_.push_back(at);
  }
  order_.resize(starts_.size());
  std::iota(order_.begin(), order_.end(), 0u);
  starts_.push_back(text_.size());
}

void SentenceMix::next(std::string& document) {
  document.clear();
  while (std::ssize(document) < kDocumentBytes) {
    if (next_ == order_.size()) {
      shuffle();
      if (!document.empty()) return;
    }
    const size_t sentence = order_[next_++];
    document.append(text_, starts_[sentence], starts_[sentence + 1] - starts_[sentence]);
  }
}

void SentenceMix::shuffle() {
  next_ = 0;
  Rng rng(seed_, "bench/sentences", static_cast<uint64_t>(++round_));
  for (size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[rng.below(i)]);
}

}  // namespace lathe::bench
