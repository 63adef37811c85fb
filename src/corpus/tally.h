// What happened to documents: named counts, examples of what was removed, and measures of a few documents for the
// histograms. Tallies of blocks add up in block order to those of a part, a source, a corpus; they are kept as JSON beside
// finished parts, so that a continued run reports what an uninterrupted one does. Rows L-2.19, L-2.38.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace lathe::corpus {

struct Sample {
  double characters = 0, alphabetic_share = 0, mean_word_length = 0, english = 0;
};

struct Tally {
  std::map<std::string, int64_t> counts;
  std::map<std::string, std::vector<Json>> examples;
  std::vector<Sample> samples;

  int64_t count(const std::string& name) const;
  void add_counts(const std::string& prefix, const Json& whole_numbers);  // {"a": 1} under prefix "x": x.a += 1
  // Adds what follows. Keeps the first `most_examples` of a name and `most_samples` samples.
  void add(const Tally& next, int64_t most_examples, size_t most_samples = 200000);
  // The counts below a prefix, without it.
  Json below(const std::string& prefix) const;

  Json to_json() const;
  static Result<Tally> from_json(const Json& json, const std::string& path);
};

// At most `bytes` bytes of text, cut between characters and marked as cut.
std::string excerpt(std::string_view text, size_t bytes);

}  // namespace lathe::corpus
