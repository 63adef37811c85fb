// The limits of a source on the length of its documents, in characters (code points). Rows L-2.16, L-2.17.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/json.h"
#include "core/settings.h"

namespace lathe::corpus {

struct LengthSettings {
  int64_t min_length = 0;
  int64_t max_length = 0;          // 0: no limit
  std::string over_long = "drop";  // or "cut" at the last paragraph that fits
};
void describe(SettingsTable& table, LengthSettings& settings);

struct LengthCounts {
  int64_t seen = 0, too_short = 0, too_long = 0, cut = 0;
  int64_t seen_characters = 0;
  int64_t removed_characters = 0;  // of dropped texts and of what was cut away

  LengthCounts& operator+=(const LengthCounts& other);
  // The filter takes more than a fifth of the characters: the limits were likely meant for another source.
  bool removes_too_much() const { return removed_characters * 5 > seen_characters; }
  Json to_json() const;
};

enum class LengthVerdict { kKept, kCut, kTooShort, kTooLong };

struct Measured {
  std::string_view text;  // the input or its beginning; empty when dropped
  LengthVerdict verdict;
};

// A cut text ends with a whole paragraph, or, where the first one does not fit, with a whole line; a text whose first
// line does not fit, or of which less than min_length would be left, is dropped as too long.
Measured limit_length(std::string_view text, const LengthSettings& settings, LengthCounts& counts);

}  // namespace lathe::corpus
