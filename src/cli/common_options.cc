#include "cli/common_options.h"

#include <algorithm>

#include "core/environment.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/parallel.h"
#include "core/progress.h"

namespace lathe::cli {
namespace {

constexpr int64_t kMostThreads = 1024;  // the run-time library of threads ends the process over much larger teams

}  // namespace

void describe_common(SettingsTable& table, CommonOptions& options) {
  table.group(kCommonGroup);
  table.add("config", &options.config, "JSON file of settings, comments allowed; flags win over it");
  table.add("print_config", &options.print_config, "print the resolved settings as JSON and exit");
  table.add("json", &options.json, "last line of standard output: one JSON object with all figures");
  table.add("quiet", &options.quiet, "no progress, no log lines below WARNING");
  table.add("log_level", &options.log_level, "DEBUG, INFO, WARNING or ERROR");
  table.add("log_file", &options.log_file, "log lines also into this file");
  table.add("threads", &options.threads, "0 = OMP_NUM_THREADS, else all that this process may use");
  table.add("seed", &options.seed, "of every random stream");
  Setting& device = table.add("device", &options.device, "where to compute");
  device.choices = {"auto", "cpu", "cuda", "mps", ""};
  device.aliases = {"device_type"};
  Setting& dtype = table.add("dtype", &options.dtype, "type of weights and products");
  dtype.choices = {"auto", "bf16", "fp32", "bfloat16", "float32"};
  dtype.aliases = {"amp_dtype"};
  dtype.short_flag = 'd';
  table.add("mixed_precision", &options.mixed_precision, "a launcher's name for dtype").choices = {"", "no", "bf16", "fp16"};
  Setting& nproc = table.add("nproc", &options.nproc, "processes of one run");
  nproc.aliases = {"nproc_per_node"};
  table.add("base_dir", &options.base_dir, "folder of all artefacts (LATHE_BASE_DIR, else ~/.cache/lathe)");
  Setting& tag = table.add("tag", &options.tag, "name of the model");
  tag.aliases = {"model_tag"};
  tag.short_flag = 'g';
}

Status resolve_common(CommonOptions& options, bool ranks) {
  if (options.mixed_precision == "fp16") return error("--mixed-precision fp16 is not offered; use bf16 or no");
  if (options.mixed_precision == "bf16") options.dtype = "bf16";
  if (options.mixed_precision == "no") options.dtype = "fp32";
  if (options.dtype == "bfloat16") options.dtype = "bf16";
  if (options.dtype == "float32") options.dtype = "fp32";
  if (const std::string isa = environment("LATHE_MAX_ISA"); !isa.empty())
    if (const Result<Isa> known = parse_isa(isa); !known.ok()) return error_at("LATHE_MAX_ISA", -1, known.error().message);
  if (options.dtype == "auto") options.dtype = max_isa() == Isa::kAvx512Bf16 ? "bf16" : "fp32";  // decision 20
  if (options.device.empty()) options.device = "auto";
  if (options.device == "mps") return error("device mps is not available: this build has none; use --device cpu");
  LATHE_TRY([[maybe_unused]] const Device device, parse_device(options.device));
  LATHE_TRY([[maybe_unused]] const LogLevel level, parse_log_level(options.log_level));
  if (options.threads < 0) return error("--threads ", options.threads, " is negative; 0 takes all");
  if (options.threads > kMostThreads) return error("--threads ", options.threads, " is more than the ", kMostThreads, " that are usable");
  LATHE_TRY(const Rank rank, rank_from_environment());
  if (options.nproc < 1) return error("--nproc ", options.nproc, " is not a number of processes");
  LATHE_TRY(const Rank launched, rank_from_launcher());
  if (ranks && options.nproc == 1 && launched.world == rank.world) return {};
  if (const int64_t world = std::max<int64_t>(options.nproc, rank.world); world > 1)
    return error("this verb runs as one process, ", world, " were asked for; use --nproc 1, ",
                 launched.world > 1 ? "and no mpirun" : ranks ? "or start it with mpirun" : "and unset WORLD_SIZE");
  return {};
}

Status apply_common(const CommonOptions& options, bool log_level_given) {
  LATHE_TRY(LogLevel level, parse_log_level(options.log_level));
  if (options.quiet && !log_level_given) level = LogLevel::kWarning;
  set_log_level(level);
  Progress::set_quiet(options.quiet);
  if (!options.log_file.empty()) LATHE_TRY_STATUS(set_log_file(options.log_file));
  if (options.threads > 0) {
    set_num_threads(static_cast<int>(options.threads));
  } else if (environment("OMP_NUM_THREADS").empty()) {
    // More threads than the container's share of time only take turns, and each waits for the others.
    set_num_threads(std::min(num_threads(), usable_cpus()));
  }
  return {};
}

}  // namespace lathe::cli
