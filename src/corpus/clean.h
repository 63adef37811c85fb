// Cleaning of one document (L-2.10 to L-2.14): a pure function of text and settings, and idempotent, so a corpus that
// is cleaned twice is the corpus that is cleaned once. The result is valid UTF-8 and keeps its inner line ends.
//
// The steps of a pass, in this order: invalid UTF-8, wrongly decoded text (corpus/mojibake.h), control characters, line
// ends and blanks (corpus/whitespace.h), NFC (corpus/nfc.h), code (corpus/code_blocks.h), URLs (corpus/urls.h),
// citation marks (corpus/citations.h). What a removal brings together may be a finding of an earlier step, so passes
// repeat until nothing is found.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/json.h"
#include "core/settings.h"

namespace lathe::corpus {

struct CleanSettings {
  std::string invalid_utf8 = "replace";  // or "drop" (L-2.12, trap T5)
  std::string unicode_form = "nfc";      // or "none" (L-2.11)
  bool repair_encoding = true;
  bool remove_control_characters = true;
  bool normalise_line_ends = true;
  bool collapse_blanks = true;
  bool collapse_blank_lines = true;
  bool remove_code_blocks = true;
  bool remove_inline_code = false;  // off: it tears holes into sentences
  bool remove_urls = true;
  bool remove_citations = false;  // part of C4's recipe
};
void describe(SettingsTable& table, CleanSettings& settings);

// What was done, added up over documents.
struct CleanCounts {
  int64_t documents = 0;
  int64_t changed = 0;            // documents whose bytes are not what they were
  int64_t invalid_utf8 = 0;       // documents with invalid bytes, replaced or dropped
  int64_t dropped_invalid = 0;    // of them, dropped
  int64_t dropped_unsettled = 0;  // documents built so that every removal uncovers the next one
  int64_t repaired = 0;           // wrongly decoded sequences
  int64_t control_characters = 0;
  int64_t line_ends = 0;   // CR, CR LF, VT, FF, NEL, LS, PS that became LF
  int64_t blank_runs = 0;  // runs of blanks or blank lines that were shortened
  int64_t normalised = 0;  // stretches brought to NFC
  int64_t code_blocks = 0;
  int64_t inline_code = 0;
  int64_t urls = 0;
  int64_t citations = 0;
  int64_t bytes_in = 0;
  int64_t bytes_out = 0;

  CleanCounts& operator+=(const CleanCounts& other);
  bool operator==(const CleanCounts&) const = default;
  Json to_json() const;
};

// Buffers that are used again for every document; one per thread.
struct CleanScratch {
  std::string current, next;
};

struct Cleaned {
  std::string_view text;  // into the input or the scratch, until either changes; empty when dropped
  bool dropped = false;
};

// Never fails. `text` must not lie in `scratch`. Threads: any number, each with its own scratch and counts.
Cleaned clean(std::string_view text, const CleanSettings& settings, CleanScratch& scratch, CleanCounts& counts);

}  // namespace lathe::corpus
