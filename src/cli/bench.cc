// lathe bench gemm, attention, train: throughput beside the machine's own limits.
#include <optional>

#include "bench/adapter_bench.h"
#include "bench/attention_bench.h"
#include "bench/baseline.h"
#include "bench/machine_limits.h"
#include "bench/train_bench.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/parallel.h"
#include "train/profile_report.h"

namespace lathe::cli {
namespace {

DType dtype_of(const Context& context) { return context.common().dtype == "fp32" ? DType::kFloat32 : DType::kBFloat16; }

class BenchGemm : public Verb {
 public:
  VerbInfo info() const override {
    return {"bench gemm", "measure", "the best matrix product and memory read rate of this machine", "lathe bench gemm --dtype bf16 --json", "", 0};
  }
  void describe(SettingsTable& table) override { table.add("repeats", &repeats_, "runs of each product"); }
  Result<Exit> run(Context& context) override {
    if (repeats_ < 1) return error_at("repeats", -1, "must be at least 1");
    const ops::Limits limits = bench::measure_limits(dtype_of(context), static_cast<int>(repeats_));
    context.print(dtype_name(dtype_of(context)), " products: ", format_text("%.0f", limits.gemm_gflops), " GFLOP/s with ", num_threads(),
                  " threads; memory read: ", format_text("%.1f", limits.stream_gb_per_s), " GB/s");
    Json out = bench::to_json(limits);
    out["dtype"] = dtype_name(dtype_of(context));
    const bench::MachineKind machine = bench::this_machine();
    out["cpu_model"] = machine.cpu_model;
    out["isa"] = machine.isa;
    out["threads"] = machine.threads;
    if (const auto held = bench::find_baseline(bench::built_in_baseline(), machine, dtype_of(context))) {
      const std::vector<std::string> found = bench::disturbances(limits, *held);
      for (const std::string& what : found) log_warning("bench", "disturbed run: ", what);
      out["baseline_gemm_gflops"] = held->gemm_gflops;
      out["baseline_stream_gb_per_s"] = held->stream_gb_per_s;
      out["disturbed"] = !found.empty();
    }
    return context.finish(out);
  }

 private:
  int64_t repeats_ = 10;
};

class BenchAttention : public Verb {
 public:
  VerbInfo info() const override {
    return {"bench attention",
            "measure",
            "attention over lengths, with and without a window",
            "lathe bench attention --window 512 --json",
            "",
            0};
  }
  void describe(SettingsTable& table) override {
    table.add("seq", &options_.lengths, "lengths");
    table.add("window", &options_.window, "earlier keys a query sees; -1: all only");
    table.add("batch", &options_.batch, "sequences");
    table.add("heads", &options_.heads, "query heads");
    table.add("kv_heads", &kv_heads_, "key/value heads; 0: as many");
    table.add("head_dim", &options_.head_dim, "width of a head");
    table.add("repeats", &options_.repeats, "runs, of which the fastest counts");
  }
  Result<Exit> run(Context& context) override {
    options_.dtype = dtype_of(context);
    options_.kv_heads = kv_heads_ > 0 ? kv_heads_ : options_.heads;
    LATHE_TRY(const Json figures, bench::bench_attention(options_));
    context.print("of the ", format_text("%.0f", figures.at("gemm_gflops_fp32").as_double()),
                  " GFLOP/s that fp32 products reach here:");
    context.print("   seq  window  forward ms  of limit  backward ms  of limit  ns/token");
    for (const Json& row : figures.at("rows").as_array()) {
      const int64_t window = row.at("window").as_int();
      context.print(format_text("%6lld %7s %11.2f %9.2f %12.2f %9.2f %9.0f",
                                static_cast<long long>(row.at("seq").as_int()),
                                window < 0 ? "all" : std::to_string(window).c_str(), row.at("forward_ms").as_double(),
                                row.at("forward_of_limit").as_double(), row.at("backward_ms").as_double(),
                                row.at("backward_of_limit").as_double(), row.at("ns_per_token").as_double()));
    }
    return context.finish(figures);
  }

 private:
  bench::AttentionBenchOptions options_;
  int64_t kv_heads_ = 0;
};

class BenchTrain : public Verb {
 public:
  VerbInfo info() const override {
    return {"bench train", "measure", "training steps of a fixed preset", "lathe bench train --preset chat-d6 --dtype bf16 --json", "", 0};
  }
  void describe(SettingsTable& table) override {
    table.add("preset", &preset_, "model and batch").choices = bench::preset_names();
    table.add("steps", &options_.steps, "timed steps");
    table.add("batch", &options_.batch, "rows; 0: the preset's");
    table.add("seq", &options_.sequence_len, "tokens of a row; 0: the preset's");
    table.add("recompute", &recompute_, "activations computed again in the backward pass").choices =
        model::recompute_names();
    table.add("lora", &lora_, "a LoRA step (rank 32, all linear layers) beside a full step, in one process");
    table.add("weight_bits", &weight_bits_, "with --lora: of the frozen linear layers").choices = {"16", "8", "4"};
    table.add("optimizer", &options_.optimizer, "empty: the preset's").choices = {"", "muon", "adamw"};
    table.add("profile", &profile_, "time of every operation of the timed steps, beside the limits");
    table.add("profile_out", &profile_out_, "folder for profile.json and trace.json; empty: the table only");
  }
  Result<Exit> run(Context& context) override {
    options_.dtype = dtype_of(context);
    options_.recompute = model::recompute_of(recompute_);
    LATHE_TRY(const bench::TrainPreset preset, bench::find_preset(preset_));
    std::optional<ops::Profiler> profiler;
    ops::Limits limits;
    if (profile_) {
      limits.stream_gb_per_s = bench::measure_stream_quickly();
      options_.profiler = &profiler.emplace();
    }
    if (lora_) return run_lora(context, preset, profiler, limits);
    LATHE_TRY(const Json figures, bench::bench_train(preset, options_));
    context.print(preset.name, " ", dtype_name(options_.dtype), ": ", with_thousands(static_cast<int64_t>(figures.at("tok_per_s").as_double())),
                  " tokens/s, ", format_text("%.0f", figures.at("step_ms_p50").as_double()), " ms a step, ",
                  format_text("%.3f", figures.at("mfu").as_double()), " of the ", format_text("%.0f", figures.at("gemm_gflops").as_double()),
                  " GFLOP/s that matrix products reach here; `lathe plan` says ", format_text("%.0f", figures.at("plan_step_ms").as_double()), " ms (",
                  format_text("%+.1f", 100 * figures.at("plan_error").as_double()), " %)");
    if (profiler) {
      limits.gemm_gflops = figures.at("gemm_gflops").as_double();
      context.print(train::profile_table(*profiler, limits, options_.dtype));
      if (!profile_out_.empty()) LATHE_TRY_STATUS(train::write_profile(profile_out_, *profiler, limits, options_.dtype));
    }
    return context.finish(figures);
  }

 private:
  Result<Exit> run_lora(Context& context, const bench::TrainPreset& preset, const std::optional<ops::Profiler>& profiler, ops::Limits limits) {
    LATHE_TRY(const Json figures, bench::bench_adapter(preset, options_, {}, std::stoi(weight_bits_)));
    const auto line = [&](const char* what) {
      const Json& f = figures.at(what);
      const auto ms = [&](const char* name) { return format_text("%.0f", f.at(name).as_double()); };
      const auto mb = [&](const char* name) { return format_text("%.0f", static_cast<double>(f.at(name).as_int()) / 1e6); };
      context.print(what, ": ", ms("step_ms_p50"), " ms a step (forward ", ms("forward_ms"), ", head ", ms("head_ms"), ", backward ", ms("backward_ms"),
                    ", optimizer ", ms("optimizer_ms"), "); state ", mb("state_bytes"), " MB, with activations ", mb("total_bytes"), " MB");
    };
    context.print(preset.name, " ", dtype_name(options_.dtype), ", ", figures.at("threads").as_int(), " threads");
    line("full");
    line("adapter");
    context.print("time ", format_text("%.3f", figures.at("time_ratio").as_double()), " of a full step (", format_text("%.3f", figures.at("passes_ratio").as_double()),
                  " without the optimizer; products alone allow ", format_text("%.3f", figures.at("flops_limit").as_double()), "), state ",
                  format_text("%.3f", figures.at("state_ratio").as_double()));
    if (profiler) {
      limits.gemm_gflops = figures.at("gemm_gflops").as_double();
      context.print(train::profile_table(*profiler, limits, options_.dtype));
    }
    return context.finish(figures);
  }

  std::string preset_ = "chat-d6", recompute_ = "none", profile_out_, weight_bits_ = "16";
  bool profile_ = false, lora_ = false;
  bench::TrainBenchOptions options_;
};

}  // namespace

std::unique_ptr<Verb> make_bench_gemm() { return std::make_unique<BenchGemm>(); }
std::unique_ptr<Verb> make_bench_attention() { return std::make_unique<BenchAttention>(); }
std::unique_ptr<Verb> make_bench_train() { return std::make_unique<BenchTrain>(); }

}  // namespace lathe::cli
