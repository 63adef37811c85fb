// What a profiler found, for people and for programs: a table of operations beside the machine's limits, the same as JSON,
// and a trace in the Chrome format that Perfetto (ui.perfetto.dev) and chrome://tracing show.
#pragma once

#include <string>

#include "core/file.h"
#include "core/json.h"
#include "ops/profiler.h"

namespace lathe::train {

// The most expensive operations first, at most `rows` of them, then what was left out and the time outside of operations.
std::string profile_table(const ops::Profiler& profiler, const ops::Limits& limits, DType dtype, size_t rows = 20);

// steps, limits, phases (name, ms_per_step), operations (op, phase, calls and ms_per_step, share, gflops, gb_per_s,
// of_limit: the least time by the limits over the real one, null for products of another dtype than the run's).
Json profile_json(const ops::Profiler& profiler, const ops::Limits& limits, DType dtype);

// Trace event format, complete events ("ph": "X"), microseconds from the first span on.
std::string chrome_trace(const ops::Profiler& profiler);

// <folder>/profile.json and <folder>/trace.json.
Status write_profile(const fs::path& folder, const ops::Profiler& profiler, const ops::Limits& limits, DType dtype);

}  // namespace lathe::train
