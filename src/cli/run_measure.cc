#include "cli/run_measure.h"

#include "bench/machine_limits.h"
#include "core/log.h"
#include "train/profile_report.h"

namespace lathe::cli {

void RunMeasure::describe(SettingsTable& t) {
  t.group("profile");
  t.add("profile", &profile_, "time of every operation, beside the machine's limits; also trace.json for Perfetto");
  t.add("profile_from", &from_, "steps before it");
  t.add("profile_steps", &steps_, "steps it covers");
}

Status RunMeasure::check() const {
  if (from_ < 0) return error_at("profile_from", -1, "must not be negative, is ", from_);
  if (steps_ < 1) return error_at("profile_steps", -1, "must be at least 1, is ", steps_);
  return {};
}

void RunMeasure::prepare(train::LoopSettings& settings, DType dtype) {
  dtype_ = dtype;
  limits_.gemm_gflops = bench::measure_gemm_quickly(dtype);
  settings.peak_flops = limits_.gemm_gflops * 1e9;
  log_info(settings.stage, dtype_name(dtype), " products reach ", format_text("%.0f", limits_.gemm_gflops), " GFLOP/s here; mfu is relative to that");
  if (!profile_) return;
  limits_.stream_gb_per_s = bench::measure_stream_quickly();
  settings.profiler = &profiler_.emplace();
  settings.profile_from = from_;
  settings.profile_steps = steps_;
}

Status RunMeasure::finish(Context& context, const train::LoopResult& result, const fs::path& run) const {
  for (const std::string& line : result.performance.to_lines()) context.print(line);
  if (!profiler_) return {};
  if (profiler_->steps() == 0) {
    log_warning("profile", "the run ended before a step was profiled; --profile-from ", from_, " is too late");
    return {};
  }
  context.print(train::profile_table(*profiler_, limits_, dtype_));
  if (run.empty()) return {};
  LATHE_TRY_STATUS(train::write_profile(run, *profiler_, limits_, dtype_));
  context.print("Profile: ", (run / "profile.json").string(), ", trace (ui.perfetto.dev): ", (run / "trace.json").string());
  return {};
}

}  // namespace lathe::cli
