#include "bench/baseline.h"

#include "bench/baseline_text.h"
#include "core/check.h"
#include "core/machine.h"
#include "core/parallel.h"
#include "core/text.h"

namespace lathe::bench {

MachineKind this_machine() { return {read_machine().cpu_model, isa_name(max_isa()), num_threads()}; }

Result<Json> parse_baseline(std::string_view text) {
  LATHE_TRY(Json baseline, parse_json(text, "bench/baseline.json"));
  if (!baseline.is_object() || baseline.get_int("schema", 0) != 1 || baseline.find("machines") == nullptr || !baseline.at("machines").is_array())
    return error_at("bench/baseline.json", -1, "not a baseline of schema 1; bench/baseline writes it");
  return baseline;
}

const Json& built_in_baseline() {
  static const Json baseline = [] {
    const Result<Json> parsed = parse_baseline(baseline_text());
    LATHE_CHECK(parsed.ok(), parsed.error().to_string());
    return parsed.value();
  }();
  return baseline;
}

std::optional<ops::Limits> find_baseline(const Json& baseline, const MachineKind& machine, DType dtype) {
  for (const Json& entry : baseline.at("machines").as_array()) {
    if (entry.get_string("cpu_model", "") != machine.cpu_model || entry.get_string("isa", "") != machine.isa ||
        entry.get_int("threads", 0) != machine.threads)
      continue;
    const Json* figures = entry.find("figures");
    const Json* gemm = figures == nullptr ? nullptr : figures->find(join_text("gemm ", dtype_name(dtype)));
    if (gemm == nullptr) return std::nullopt;
    return ops::Limits{gemm->get_double("gemm_gflops", 0), gemm->get_double("stream_gb_per_s", 0)};
  }
  return std::nullopt;
}

std::vector<std::string> disturbances(const ops::Limits& measured, const ops::Limits& baseline) {
  std::vector<std::string> found;
  const auto compare = [&](const char* what, const char* unit, double now, double held) {
    if (held > 0 && now < kDisturbedBelow * held)
      found.push_back(join_text(what, " reach ", format_text("%.2f of the %.0f %s", now / held, held, unit), " that bench/baseline.json holds for this CPU"));
  };
  compare("products", "GFLOP/s", measured.gemm_gflops, baseline.gemm_gflops);
  compare("memory reads", "GB/s", measured.stream_gb_per_s, baseline.stream_gb_per_s);
  return found;
}

}  // namespace lathe::bench
