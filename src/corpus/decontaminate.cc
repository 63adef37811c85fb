#include "corpus/decontaminate.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>

#include "core/check.h"
#include "core/text.h"
#include "corpus/words.h"

namespace lathe::corpus {
namespace {

constexpr size_t kAhead = 16;

struct Seen {
  uint64_t hash;
  size_t begin, end;  // bytes of the text
};

}  // namespace

Decontaminator::Decontaminator(const std::vector<NgramSet>& sets) {
  require(sets.size() <= std::numeric_limits<uint16_t>::max(), "[decontaminate] ", sets.size(), " evaluation sets");
  std::vector<std::pair<uint64_t, uint16_t>> all;
  for (const NgramSet& set : sets) {
    if (sets_.empty()) ngram_ = set.ngram();
    require(set.ngram() == ngram_, "[decontaminate] n-grams of ", set.ngram(), " words beside those of ", ngram_);
    for (const uint64_t hash : set.hashes()) all.emplace_back(hash, static_cast<uint16_t>(sets_.size()));
    sets_.push_back({set.name(), set.sha256(), std::ssize(set.hashes()), set.texts(), set.short_texts()});
  }
  std::sort(all.begin(), all.end());
  hashes_.reserve(all.size());
  set_of_.reserve(all.size());
  // 16 to 32 bits a hash: one look tells for all but a few of the n-grams that are in no set.
  const int bits = static_cast<int>(std::bit_width(16 * std::max<size_t>(all.size(), 4)));
  shift_ = 64 - bits;
  maybe_.resize(size_t{1} << (bits - 6));
  for (const auto& [hash, set] : all) {
    hashes_.push_back(hash);
    set_of_.push_back(set);
    const uint64_t slot = hash >> shift_;
    maybe_[slot / 64] |= uint64_t{1} << (slot % 64);
  }
}

std::vector<Contamination> Decontaminator::find(std::string_view text) const {
  std::vector<Contamination> found;
  if (hashes_.empty()) return found;
  const auto look = [&](const Seen& seen) {
    const uint64_t hash = seen.hash, slot = hash >> shift_;
    if ((maybe_[slot / 64] >> (slot % 64) & 1) == 0) return;
    auto same = std::lower_bound(hashes_.begin(), hashes_.end(), hash);
    for (; same != hashes_.end() && *same == hash; ++same) {
      const int64_t set = set_of_[static_cast<size_t>(same - hashes_.begin())];
      const auto known = std::find_if(found.begin(), found.end(), [&](const Contamination& c) { return c.set == set; });
      if (known != found.end())
        ++known->matches;
      else
        found.push_back({set, 1, seen.begin, seen.end});
    }
  };
  NgramHash last(ngram_);
  std::array<size_t, kMaxNgram> begins;
  const auto size = static_cast<size_t>(ngram_);
  size_t at = 0;  // where the next word's begin goes: after it, the oldest of the last `size`
  // The table of bits is larger than the caches: an n-gram is looked up kAhead n-grams after its bits were asked for.
  std::array<Seen, kAhead> waiting;
  size_t count = 0;
  for_each_word(text, [&](const Word& word) {
    begins[at] = word.begin;
    at = at + 1 == size ? 0 : at + 1;
    if (!last.push(word.hash)) return;
    Seen& place = waiting[count % kAhead];
    if (count++ >= kAhead) look(place);
    place = {last.hash(), begins[at], word.end};
    __builtin_prefetch(&maybe_[(place.hash >> shift_) / 64]);
  });
  for (size_t i = count - std::min(count, kAhead); i < count; ++i) look(waiting[i % kAhead]);
  std::sort(found.begin(), found.end(), [](const Contamination& a, const Contamination& b) { return a.set < b.set; });
  return found;
}

DecontaminationReport::DecontaminationReport(const Decontaminator& sets, int64_t samples_per_set)
    : ngram_(sets.ngram()), most_samples_(samples_per_set) {
  for (const Decontaminator::Set& set : sets.sets()) sets_.push_back({set, 0, {}});
}

void DecontaminationReport::add(std::string_view source, uint64_t document, std::string_view text,
                                const std::vector<Contamination>& found) {
  ++documents_;
  if (!found.empty()) ++contaminated_;
  for (const Contamination& match : found) {
    PerSet& set = sets_[static_cast<size_t>(match.set)];
    ++set.documents;
    if (std::ssize(set.samples) < most_samples_)
      set.samples.push_back({std::string(source), repair_utf8(text.substr(match.begin, match.end - match.begin)),
                             document, match.matches});
  }
}

Json DecontaminationReport::to_json() const {
  Json report = Json::object(), sets = Json::array();
  for (const PerSet& set : sets_) {
    Json one = Json::object(), samples = Json::array();
    one["name"] = set.set.name;
    one["sha256"] = set.set.sha256;
    one["ngrams"] = set.set.ngrams;
    one["texts"] = set.set.texts;
    one["short_texts"] = set.set.short_texts;
    one["documents"] = set.documents;
    for (const Sample& sample : set.samples) {
      Json line = Json::object();
      line["source"] = sample.source;
      line["document"] = sample.document;
      line["matches"] = sample.matches;
      line["ngram"] = sample.ngram;
      samples.push_back(std::move(line));
    }
    one["samples"] = std::move(samples);
    sets.push_back(std::move(one));
  }
  report["ngram"] = ngram_;
  report["documents"] = documents_;
  report["contaminated"] = contaminated_;
  report["sets"] = std::move(sets);
  return report;
}

}  // namespace lathe::corpus
