// What the report says about where it was made: source tree, machine, software, size of the sources (rows C-13.5 to
// C-13.8).
#pragma once

#include <string>

#include "core/clock.h"
#include "core/file.h"

namespace lathe::eval {

// Markdown from "# lathe report" to a rule, with "Run started: <time>". `version`: what `lathe --version` prints. The
// source tree is the git checkout that holds `folder`; without one its facts are "unknown". Probes take at most 5 s each.
std::string report_header(const fs::path& folder, const std::string& version, const Clock& clock = Clock::real());

// US dollars an hour for GPUs of this name (row C-13.7); 0 for count 0.
double gpu_dollars_per_hour(const std::string& name, int64_t count);

// Parts of a header that the summary repeats; empty when they are not there.
std::string run_started_of(const std::string& header);
std::string sources_block_of(const std::string& header);

}  // namespace lathe::eval
