#include "corpus/clean.h"

#include "core/text.h"
#include "corpus/citations.h"
#include "corpus/code_blocks.h"
#include "corpus/mojibake.h"
#include "corpus/nfc.h"
#include "corpus/urls.h"
#include "corpus/whitespace.h"

namespace lathe::corpus {
namespace {

// Text that was written to be cleaned settles within three passes; more means that removals were nested on purpose.
constexpr int kMostPasses = 8;

struct Field {
  const char* name;
  int64_t CleanCounts::*member;
};
constexpr Field kFields[] = {{"documents", &CleanCounts::documents},
                             {"changed", &CleanCounts::changed},
                             {"invalid_utf8", &CleanCounts::invalid_utf8},
                             {"dropped_invalid", &CleanCounts::dropped_invalid},
                             {"dropped_unsettled", &CleanCounts::dropped_unsettled},
                             {"repaired", &CleanCounts::repaired},
                             {"control_characters", &CleanCounts::control_characters},
                             {"line_ends", &CleanCounts::line_ends},
                             {"blank_runs", &CleanCounts::blank_runs},
                             {"normalised", &CleanCounts::normalised},
                             {"code_blocks", &CleanCounts::code_blocks},
                             {"inline_code", &CleanCounts::inline_code},
                             {"urls", &CleanCounts::urls},
                             {"citations", &CleanCounts::citations},
                             {"bytes_in", &CleanCounts::bytes_in},
                             {"bytes_out", &CleanCounts::bytes_out}};

// The text as it stands, and the steps that move it on. A step writes its result only where it found something.
class Passes {
 public:
  Passes(std::string_view text, const CleanSettings& settings, CleanScratch& scratch, CleanCounts& counts)
      : text_(text), settings_(settings), scratch_(scratch), counts_(counts) {}

  std::string_view text() const { return text_; }

  void replace_invalid() {
    scratch_.next = repair_utf8(text_);
    take_next();
  }

  // True when a step that may bring strangers together found something.
  bool run() {
    if (settings_.repair_encoding) step(counts_.repaired, repair_mojibake(text_, scratch_.next));
    bool again = whitespace();
    if (settings_.unicode_form == "nfc") again |= step(counts_.normalised, to_nfc(text_, scratch_.next));
    if (settings_.remove_code_blocks) again |= step(counts_.code_blocks, remove_code_blocks(text_, scratch_.next));
    if (settings_.remove_inline_code) again |= step(counts_.inline_code, remove_inline_code(text_, scratch_.next));
    if (settings_.remove_urls) again |= step(counts_.urls, remove_urls(text_, scratch_.next));
    if (settings_.remove_citations) again |= step(counts_.citations, remove_citations(text_, scratch_.next));
    return again;
  }

 private:
  bool whitespace() {
    const WhitespaceSteps steps{settings_.remove_control_characters, settings_.normalise_line_ends,
                                settings_.collapse_blanks, settings_.collapse_blank_lines};
    const WhitespaceCounts found = clean_whitespace(text_, steps, scratch_.next);
    if (!found.any()) return false;
    take_next();
    counts_.control_characters += found.control_characters;
    counts_.line_ends += found.line_ends;
    counts_.blank_runs += found.blank_runs;
    // A line end that stays NEL may be half of a wrongly decoded sequence.
    return found.control_characters > 0 || !settings_.normalise_line_ends;
  }

  bool step(int64_t& counter, int64_t found) {
    if (found == 0) return false;
    counter += found;
    take_next();
    return true;
  }

  void take_next() {
    scratch_.current.swap(scratch_.next);
    text_ = scratch_.current;
  }

  std::string_view text_;
  const CleanSettings& settings_;
  CleanScratch& scratch_;
  CleanCounts& counts_;
};

}  // namespace

void describe(SettingsTable& table, CleanSettings& settings) {
  table.group("cleaning");
  table
      .add("invalid_utf8", &settings.invalid_utf8, "documents with invalid UTF-8: replace the bytes by U+FFFD, or drop")
      .choices = {"replace", "drop"};
  table.add("unicode_form", &settings.unicode_form, "Unicode normalisation of the text").choices = {"nfc", "none"};
  table.add("repair_encoding", &settings.repair_encoding, "repair UTF-8 that was read as Latin-1 or Windows-1252");
  table.add("remove_control_characters", &settings.remove_control_characters,
            "remove control characters and byte order marks");
  table.add("normalise_line_ends", &settings.normalise_line_ends, "write every line end as LF");
  table.add("collapse_blanks", &settings.collapse_blanks, "shorten runs of blanks, trim the ends of lines and text");
  table.add("collapse_blank_lines", &settings.collapse_blank_lines, "shorten runs of blank lines to one");
  table.add("remove_code_blocks", &settings.remove_code_blocks, "remove fenced code blocks");
  table.add("remove_inline_code", &settings.remove_inline_code, "remove code between backticks within a line");
  table.add("remove_urls", &settings.remove_urls, "remove web addresses");
  table.add("remove_citations", &settings.remove_citations, "remove [1], [edit] and [citation needed]");
}

CleanCounts& CleanCounts::operator+=(const CleanCounts& other) {
  for (const Field& field : kFields) this->*field.member += other.*field.member;
  return *this;
}

Json CleanCounts::to_json() const {
  Json json = Json::object();
  for (const Field& field : kFields) json[field.name] = this->*field.member;
  return json;
}

Cleaned clean(std::string_view text, const CleanSettings& settings, CleanScratch& scratch, CleanCounts& counts) {
  ++counts.documents;
  counts.bytes_in += static_cast<int64_t>(text.size());
  Passes passes(text, settings, scratch, counts);
  if (first_invalid_utf8(text) >= 0) {
    ++counts.invalid_utf8;
    if (settings.invalid_utf8 == "drop") {
      ++counts.dropped_invalid;
      return {{}, true};
    }
    passes.replace_invalid();
  }
  for (int pass = 0; passes.run(); ++pass) {
    if (pass + 1 < kMostPasses) continue;
    ++counts.dropped_unsettled;
    return {{}, true};
  }
  counts.changed += passes.text() != text;
  counts.bytes_out += static_cast<int64_t>(passes.text().size());
  return {passes.text(), false};
}

}  // namespace lathe::corpus
