// A section of the run's report, as the verbs that have something to report leave it (rows C-13.2, C-13.3, C-13.18):
// <base>/report/<slug>.md for people and <base>/report/<slug>.json with the same items in full precision, both replaced
// whole. `lathe report` joins the sections.
#pragma once

#include <string>
#include <vector>

#include "core/clock.h"
#include "core/file.h"
#include "core/json.h"

namespace lathe::cli {

// Items are texts, which stand as they are, and objects, which become "- key: value" lines; empty ones, null, false and
// zero are left out. `figures`: an object for the JSON alone, which pictures are drawn from. Returns the Markdown file's path.
Result<fs::path> write_report_section(const fs::path& base, const std::string& section, const std::vector<Json>& items,
                                      const Clock& clock = Clock::real(), const Json& figures = Json());

// "Tokenizer training" -> "tokenizer-training".
std::string report_slug(const std::string& section);

// A value as the report prints it: 4 decimals, thousands separators from 10000 on, None, True, False, else as text.
std::string report_value(const Json& value);

}  // namespace lathe::cli
