// lathe corpus: raw sources to cleaned, deduplicated, filtered shards (rows L-1.17 to 1.25, L-2). Origin: 10_prepare_corpus.
#include <algorithm>
#include <cmath>

#include "cli/config_files.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/signals.h"
#include "corpus/pipeline.h"
#include "dist/communicator.h"

namespace lathe::cli {
namespace {

constexpr const char* kDatasets = "data/datasets";  // of the working folder (row L-1.21)

class Corpus : public Verb {
 public:
  VerbInfo info() const override {
    return {"corpus", "data", "turn raw text into cleaned, deduplicated, filtered shards",
            "lathe corpus --config configs/lab/pretrain/sources/c4_english.json --source-map c4_english=texts/c4.jsonl.zst", "", 0, 0, true};
  }
  void describe(SettingsTable& table) override {
    table.group("corpus");
    table.add("output_dir", &output_, "folder to write; empty: data/datasets/<name of the config>");
    table.add("source_map", &source_map_, "NAME=PATH: local files in the place of a source; several are parted by blanks");
    table.add("shard_size", &shard_size_, "documents in a shard; 0: as the config says");
    table.add("use_cache", &use_cache_, "keep cleaned sources below the base folder, and use what is there");
    table.add("analyze_only", &analyze_only_, "read samples, print the plan and write plan.json, no shard");
    table.add("force", &force_, "replace what the folder holds");
    table.add("memory_mb", &memory_mb_, "memory of the search of duplicates; more is kept on disk");
  }
  Status read_config(SettingsTable&, const Json& config, const std::string& path) override {
    LATHE_TRY(mix_, corpus::MixSettings::read(config, path));
    config_path_ = path;
    return {};
  }
  Result<Exit> run(Context& context) override;

 private:
  Result<corpus::PipelineSettings> resolve(const Context& context) const;
  Result<Exit> analyze(Context& context, const corpus::PipelineSettings& settings) const;
  Exit finish(Context& context, const corpus::PipelineResult& result) const;

  corpus::MixSettings mix_;
  std::string config_path_, output_;
  std::vector<std::string> source_map_;
  int64_t shard_size_ = 0, memory_mb_ = 256;
  bool use_cache_ = false, analyze_only_ = false, force_ = false;
};

// A path inside the config stands against the working folder first, then against the config's own (row L-1.10).
std::string beside_config(const std::string& path, const std::string& config) {
  std::error_code code;
  const fs::path beside = fs::path(config).parent_path() / path;
  return !path.empty() && !fs::exists(path, code) && fs::exists(beside, code) ? beside.string() : path;
}

Result<corpus::PipelineSettings> Corpus::resolve(const Context& context) const {
  corpus::PipelineSettings settings;
  settings.mix = mix_;
  if (shard_size_ != 0) settings.mix.processing.shard_size = shard_size_;
  if (context.given("seed")) settings.mix.seed = context.common().seed;
  for (corpus::SourceSettings& source : settings.mix.sources) source.path = beside_config(source.path, config_path_);
  for (std::string& set : settings.mix.decontamination.sets) set = beside_config(set, config_path_);
  LATHE_TRY(settings.source_map, corpus::parse_source_map(source_map_));
  LATHE_TRY(settings.base, context.base_folder());
  settings.output = output_.empty() ? fs::path(kDatasets) / settings.mix.name : fs::path(output_);
  settings.use_cache = use_cache_, settings.force = force_;
  if (memory_mb_ < 1 || memory_mb_ > (int64_t{1} << 40)) return error_at("memory-mb", -1, "must be at least 1");
  settings.memory_bytes = memory_mb_ << 20;
  LATHE_TRY_STATUS(settings.mix.check());
  return settings;
}

Result<Exit> Corpus::analyze(Context& context, const corpus::PipelineSettings& settings) const {
  LATHE_TRY(const corpus::Analysis analysis, corpus::analyze_corpus(settings));
  const Json& plan = analysis.plan;
  context.print(format_text("%-24s%12s%16s%16s%16s%8s%8s", "source", "documents", "characters", "est. tokens", "budget", "share", "shards"));
  for (const Json& source : plan.at("sources").as_array())
    context.print(format_text("%-24s%12s%16s%16s%16s%7.1f%%%8s%s", source.at("name").as_string().c_str(), with_thousands(source.at("documents").as_int()).c_str(),
                              with_thousands(source.at("characters").as_int()).c_str(), with_thousands(source.at("estimated_tokens").as_int()).c_str(),
                              with_thousands(source.at("token_budget").as_int()).c_str(), 100 * source.at("share").as_double(),
                              with_thousands(source.at("expected_shards").as_int()).c_str(), source.at("budget_met").as_bool() ? "" : "  below its budget"));
  context.print("disk needed: about ", with_thousands(plan.at("disk_bytes").as_int() / 1'000'000), " MB, free ",
                with_thousands(plan.at("free_disk_bytes").as_int() / 1'000'000), " MB");
  context.print("Saved plan to ", (settings.output / "plan.json").string());
  if (!analysis.budget_met) log_error("corpus", "the budget cannot be met; see the sources marked above");
  return context.finish(plan, analysis.budget_met ? Exit::kDone : Exit::kBadInput);
}

Exit Corpus::finish(Context& context, const corpus::PipelineResult& result) const {
  const Manifest& manifest = result.manifest;
  if (result.already_done) {
    context.print("already done: ", result.folder.string(), " holds the result of these settings");
    return context.finish(manifest.counts);
  }
  const auto count = [&](const char* key) { return manifest.counts.get_int(key, 0); };
  const double seconds = std::max(result.seconds, 1e-9), mb = static_cast<double>(result.worked_bytes) / 1e6;
  context.print("corpus ", mix_.name, ": ", with_thousands(count("documents")), " documents, ", with_thousands(count("characters")), " characters, about ",
                with_thousands(count("estimated_tokens")), " tokens, ", count("shards"), " shards");
  log_info("corpus", format_text("%.1f MB of text, %.0f documents/s, %.1f MB/s, peak memory %.0f MB", mb,
                                 static_cast<double>(result.worked_documents) / seconds, mb / seconds, peak_rss_mb()));
  context.print("Saved corpus to ", result.folder.string());
  Json figures = manifest.counts;
  figures["folder"] = result.folder.string();
  figures["seconds"] = result.seconds;
  figures["mb_per_s"] = mb / seconds;
  figures["documents_per_s"] = static_cast<double>(result.worked_documents) / seconds;
  figures["peak_rss_mb"] = peak_rss_mb();
  return context.finish(figures);
}

Result<Exit> Corpus::run(Context& context) {
  if (config_path_.empty()) {
    log_error("corpus", "needs --config; shipped ones: --config config/pretrain/corpus/tokenizer_training_mix.json and its neighbours");
    return Exit::kUsage;
  }
  LATHE_TRY(corpus::PipelineSettings settings, resolve(context));
  settings.print = [&](const std::string& line) { context.print(line); };
  context.print("settings: ", settings.mix.to_json().dump(2));
  return_freed_buffers();
  if (analyze_only_) return context.rank() == 0 ? analyze(context, settings) : Exit::kDone;
  LATHE_TRY(const std::unique_ptr<dist::Communicator> job, dist::mpi_communicator());
  settings.job = job.get();
  const StopSignals signals;
  const Result<corpus::PipelineResult> result = corpus::prepare_corpus(settings);
  if (!result.ok()) {
    if (!StopSignals::requested()) return result.error();
    log_warning("corpus", result.error().to_string());
    return Exit::kInterrupted;
  }
  return job->is_main() ? finish(context, result.value()) : Exit::kDone;
}

}  // namespace

std::unique_ptr<Verb> make_corpus() { return std::make_unique<Corpus>(); }

}  // namespace lathe::cli
