// The sections of the report: what each stage of a pipeline leaves behind in <base>/report for `lathe report`, as Markdown
// for people and as JSON beside it (rows C-13.2, C-13.9, C-13.10).
#pragma once

#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"

namespace lathe::eval {

struct ReportSection {
  std::string slug, title, timestamp;  // title and time are empty when the file does not say
  std::string markdown;
  Json items;  // object: all objects among the items of the JSON form in one; empty when there is no JSON
  Json figures;  // object: what pictures are drawn from; empty when there is none
};

// Those of the verbs in the order of the report. Not `expected`: of a stage that many runs go without (mid-training, preferences).
struct KnownSection {
  std::string slug;
  bool expected = true;  // where it is missing, the report says so
};
const std::vector<KnownSection>& known_sections();
// All sections found in <base>/report: the known ones in their order, then others by name. header.md is none.
Result<std::vector<ReportSection>> read_report_sections(const fs::path& base);

}  // namespace lathe::eval
