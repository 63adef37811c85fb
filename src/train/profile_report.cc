#include "train/profile_report.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "core/text.h"

namespace lathe::train {
namespace {

struct Row {
  std::string_view op, phase;
  int64_t calls = 0;
  double seconds = 0;
  ops::Cost cost;
  double least = 0;  // seconds by the limits
};

// All variants of an operation in a phase together, by time.
std::vector<Row> rows_of(const ops::Profiler& profiler, const ops::Limits& limits) {
  std::vector<Row> rows;
  for (const ops::Profiler::Total& total : profiler.totals()) {
    const std::string_view op = total.op, phase = total.phase;
    auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.op == op && r.phase == phase; });
    if (row == rows.end()) row = rows.insert(rows.end(), Row{op, phase, 0, 0, {}, 0});
    row->calls += total.calls;
    row->seconds += total.seconds;
    row->cost.flops += total.cost.flops;
    row->cost.bytes += total.cost.bytes;
    row->least += limits.seconds(total.cost);
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.seconds > b.seconds; });
  return rows;
}

double phase_seconds(const ops::Profiler& profiler) {
  double sum = 0;
  for (const ops::Profiler::Total& phase : profiler.phases()) sum += phase.seconds;
  return sum;
}

double op_seconds(const ops::Profiler& profiler) {
  double sum = 0;
  for (const ops::Profiler::Total& total : profiler.totals()) sum += total.seconds;
  return sum;
}

double steps_of(const ops::Profiler& profiler) { return static_cast<double>(std::max<int64_t>(profiler.steps(), 1)); }

bool comparable(const Row& row, DType dtype) {
  return row.least > 0 && row.seconds > 0 && row.op != (dtype == DType::kBFloat16 ? "matmul_fp32" : "matmul_bf16");
}

double per_second(double amount, double seconds) { return seconds > 0 ? amount / seconds / 1e9 : 0; }

}  // namespace

std::string profile_table(const ops::Profiler& profiler, const ops::Limits& limits, DType dtype, size_t rows_shown) {
  const double steps = steps_of(profiler), whole = std::max(phase_seconds(profiler), 1e-12), ops_all = op_seconds(profiler);
  std::string out = format_text("Profile of %lld steps, %.1f ms each; limits: %.0f GFLOP/s (%s products), %.1f GB/s (memory read)\n",
                                static_cast<long long>(profiler.steps()), 1000 * whole / steps, limits.gemm_gflops, dtype_name(dtype),
                                limits.stream_gb_per_s);
  for (const ops::Profiler::Total& phase : profiler.phases())
    out += format_text("  %-36s %17.2f ms %6.1f %%\n", phase.phase, 1000 * phase.seconds / steps, 100 * phase.seconds / whole);
  out += format_text("%-24s %-12s %7s %10s %7s %9s %8s %9s\n", "operation", "phase", "calls", "ms/step", "share", "GFLOP/s", "GB/s", "of limit");
  const std::vector<Row> rows = rows_of(profiler, limits);
  double rest = ops_all;
  for (size_t i = 0; i < std::min(rows.size(), rows_shown); ++i) {
    const Row& row = rows[i];
    rest -= row.seconds;
    out += format_text("%-24s %-12s %7.0f %10.2f %6.1f%% %9.1f %8.1f ", std::string(row.op).c_str(), std::string(row.phase).c_str(),
                       static_cast<double>(row.calls) / steps, 1000 * row.seconds / steps, 100 * row.seconds / whole,
                       per_second(row.cost.flops, row.seconds), per_second(row.cost.bytes, row.seconds));
    out += comparable(row, dtype) ? format_text("%9.2f\n", row.least / row.seconds) : format_text("%9s\n", "-");
  }
  const auto line = [&](const char* name, double seconds) {
    out += format_text("%-45s %10.2f %6.1f%%\n", name, 1000 * seconds / steps, 100 * seconds / whole);
  };
  if (rows.size() > rows_shown) line("other operations", rest);
  line("outside of operations", whole - ops_all);
  if (profiler.dropped_spans() > 0)
    out += format_text("(the trace holds the first %zu spans, %lld later ones are in the table only)\n", profiler.spans().size(),
                       static_cast<long long>(profiler.dropped_spans()));
  return out;
}

Json profile_json(const ops::Profiler& profiler, const ops::Limits& limits, DType dtype) {
  const double steps = steps_of(profiler), whole = std::max(phase_seconds(profiler), 1e-12);
  Json out = Json::object();
  out["schema"] = 1;
  out["dtype"] = dtype_name(dtype);
  out["steps"] = profiler.steps();
  out["gemm_gflops"] = limits.gemm_gflops;
  out["stream_gb_per_s"] = limits.stream_gb_per_s;
  out["ms_per_step"] = 1000 * whole / steps;
  out["outside_ms_per_step"] = 1000 * (whole - op_seconds(profiler)) / steps;
  Json::Array phases, operations;
  for (const ops::Profiler::Total& phase : profiler.phases())
    phases.push_back(Json(Json::Object{{"name", phase.phase}, {"ms_per_step", 1000 * phase.seconds / steps}, {"share", phase.seconds / whole}}));
  for (const Row& row : rows_of(profiler, limits)) {
    Json entry = Json::object();
    entry["op"] = std::string(row.op);
    entry["phase"] = std::string(row.phase);
    entry["calls_per_step"] = static_cast<double>(row.calls) / steps;
    entry["ms_per_step"] = 1000 * row.seconds / steps;
    entry["share"] = row.seconds / whole;
    entry["flops_per_step"] = row.cost.flops / steps;
    entry["bytes_per_step"] = row.cost.bytes / steps;
    entry["gflops"] = per_second(row.cost.flops, row.seconds);
    entry["gb_per_s"] = per_second(row.cost.bytes, row.seconds);
    entry["of_limit"] = comparable(row, dtype) ? Json(row.least / row.seconds) : Json();
    operations.push_back(std::move(entry));
  }
  out["phases"] = Json(std::move(phases));
  out["operations"] = Json(std::move(operations));
  out["dropped_spans"] = profiler.dropped_spans();
  return out;
}

std::string chrome_trace(const ops::Profiler& profiler) {
  double origin = profiler.spans().empty() ? 0 : profiler.spans().front().start;
  for (const ops::Profiler::Span& span : profiler.spans()) origin = std::min(origin, span.start);
  std::string out = "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n";
  out += "{\"ph\": \"M\", \"pid\": 1, \"tid\": 1, \"name\": \"thread_name\", \"args\": {\"name\": \"step\"}}";
  for (const ops::Profiler::Span& span : profiler.spans()) {
    out += format_text(",\n{\"ph\": \"X\", \"pid\": 1, \"tid\": 1, \"name\": \"%s\", \"cat\": \"%s\", \"ts\": %.3f, \"dur\": %.3f", span.name,
                       span.is_phase ? "phase" : "op", 1e6 * (span.start - origin), 1e6 * span.seconds);
    if (!span.is_phase)
      out += format_text(", \"args\": {\"gflops\": %.1f, \"gb_per_s\": %.1f}", per_second(span.cost.flops, span.seconds),
                         per_second(span.cost.bytes, span.seconds));
    out += '}';
  }
  return out + "\n]}\n";
}

Status write_profile(const fs::path& folder, const ops::Profiler& profiler, const ops::Limits& limits, DType dtype) {
  LATHE_TRY_STATUS(write_json_atomic(folder / "profile.json", profile_json(profiler, limits, dtype)));
  return write_file_atomic(folder / "trace.json", chrome_trace(profiler));
}

}  // namespace lathe::train
