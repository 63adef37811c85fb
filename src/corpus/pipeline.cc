#include "corpus/pipeline.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "core/clock.h"
#include "core/log.h"
#include "core/output_folder.h"
#include "core/parallel.h"
#include "core/signals.h"
#include "corpus/cluster_texts.h"
#include "corpus/corpus_facts.h"
#include "corpus/corpus_report.h"
#include "corpus/data_card.h"

namespace lathe::corpus {
namespace {

constexpr const char* kPasses = ".passes";
constexpr double kFirstSurplus = 1.05;   // of a budget, for what the search of duplicates will take
constexpr double kNextSurplus = 1.1;
constexpr int64_t kLeastMore = 1 << 20;  // characters by which a source that is short is read on

Json file_list(const std::vector<SourceFile>& files, bool times) {
  Json list = Json::array();
  for (const SourceFile& file : files) {
    Json entry = Json::object();
    entry["name"] = file.name;
    entry["bytes"] = file.bytes;
    std::error_code code;
    if (times) entry["time"] = static_cast<int64_t>(fs::last_write_time(file.path, code).time_since_epoch().count());
    list.push_back(std::move(entry));
  }
  return list;
}

Json evaluation_hashes(const Decontaminator* decontaminator) {
  Json list = Json::array();
  if (decontaminator != nullptr)
    for (const Decontaminator::Set& set : decontaminator->sets()) list.push_back(set.sha256);
  return list;
}

int64_t grown(int64_t characters, double by) {
  const double more = static_cast<double>(characters) * by + static_cast<double>(kLeastMore);
  return more >= 9e18 ? INT64_MAX : static_cast<int64_t>(more);
}

// Inputs by the names that they have in the manifest; hashed on all threads.
Result<std::vector<FileRecord>> record_files(const Prepared& prepared, const MixSettings& mix, const std::set<std::string>& wanted) {
  std::vector<std::pair<fs::path, std::string>> files;
  const auto add = [&](const fs::path& path, const std::string& name) {
    if (wanted.contains(name)) files.emplace_back(path, name);
  };
  for (size_t i = 0; i < mix.sources.size(); ++i)
    for (const SourceFile& file : prepared.files[i]) add(file.path, mix.sources[i].name + "/" + file.name);
  for (const EvaluationFile& file : prepared.evaluation_files) add(file.path, "evaluation/" + file.name);
  std::vector<std::optional<Result<FileRecord>>> found(files.size());
  parallel_for(static_cast<int64_t>(files.size()), 1, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) found[i].emplace(record_file(files[i].first, files[i].second));
  });
  std::vector<FileRecord> records;
  for (auto& record : found) {
    if (!record->ok()) return record->error();
    records.push_back(std::move(*record).value());
  }
  return records;
}

// A finished folder belongs to these settings by names and sizes; by content only when the hashes of its inputs fit, too.
Status check_inputs(const Prepared& prepared, const MixSettings& mix, const Manifest& manifest, const fs::path& folder) {
  std::set<std::string> wanted;
  for (const FileRecord& input : manifest.inputs) wanted.insert(input.path);
  LATHE_TRY(const auto now, record_files(prepared, mix, wanted));
  for (const FileRecord& input : manifest.inputs)
    if (std::find(now.begin(), now.end(), input) == now.end())
      return error_at(folder.string(), -1, "was made when ", input.path, " had other content; --force makes it again");
  return {};
}

// Whether `path` lies in `folder`, both as they are once links are followed.
bool lies_in(const fs::path& path, const fs::path& folder) {
  std::error_code code;
  const fs::path inner = fs::weakly_canonical(fs::absolute(path, code), code), outer = fs::weakly_canonical(fs::absolute(folder, code), code);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

// What a run writes must not be what the next one reads, and --force must not remove a source.
Status check_output(const fs::path& output, const std::vector<std::vector<SourceFile>>& sources) {
  std::set<fs::path> places;
  for (const std::vector<SourceFile>& files : sources)
    for (const SourceFile& file : files) places.insert(file.folder.empty() ? file.path : file.folder);
  for (const fs::path& place : places) {
    if (lies_in(output, place))
      return error_at(output.string(), -1, "lies in the source folder ", place.string(), ", which would then hold its own result; choose another --output-dir");
    if (lies_in(place, output)) return error_at(output.string(), -1, "holds the source ", place.string(), "; choose another --output-dir");
  }
  return {};
}

// A folder that holds nothing but the plan of --analyze-only is as good as empty.
Status remove_lone_plan(const fs::path& folder) {
  std::error_code code;
  if (!fs::exists(folder / "plan.json", code) || std::distance(fs::directory_iterator(folder, code), {}) != 1) return {};
  fs::remove(folder / "plan.json", code);
  if (code) return error_at((folder / "plan.json").string(), -1, "cannot remove: ", code.message());
  return {};
}

// A killed run leaves files under temporary names beside the shards.
Status remove_strays(const fs::path& work, const Manifest& manifest) {
  std::set<std::string> known = {kManifestFile};
  for (const FileRecord& output : manifest.outputs) known.insert(output.path);
  std::vector<fs::path> strays;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(work, code)) {
    const std::string name = entry.path().filename().string();
    if (!known.contains(name) && !name.starts_with('.')) strays.push_back(entry.path());
  }
  for (const fs::path& stray : strays) {
    if (!code) fs::remove_all(stray, code);
    if (code) return error_at(stray.string(), -1, "cannot remove: ", code.message());
  }
  return {};
}

// One run, from the prepared sources to the finished folder.
class Run {
 public:
  Run(const PipelineSettings& settings, const Prepared& prepared, fs::path work, dist::Communicator& job)
      : settings_(settings),
        mix_(settings.mix),
        prepared_(prepared),
        work_(std::move(work)),
        passes_(work_ / kPasses),
        job_(job) {}

  // What the ranks share.
  Status collect_all() {
    LATHE_TRY_STATUS(open_passes());
    LATHE_TRY_STATUS(collect());
    worked_ = {sum(&SourcePass::worked_bytes), sum(&SourcePass::worked_documents)};
    return job_.all_reduce(worked_.data(), 2, dist::ElementType::kInt64, dist::Reduction::kSum);
  }

  // What the main rank makes of it.
  Status write(Manifest& manifest) {
    LATHE_TRY_STATUS(check_amounts());
    LATHE_TRY_STATUS(write_shards());
    LATHE_TRY_STATUS(write_pages(manifest));
    return {};
  }

  int64_t worked_bytes() const { return worked_[0]; }
  int64_t worked_documents() const { return worked_[1]; }

 private:
  int64_t sum(int64_t (SourcePass::*figure)() const) const {
    int64_t total = 0;
    for (const auto& pass : sources_) total += ((*pass).*figure)();
    return total;
  }

  const Survivors* survivors() const { return duplicates_ ? &duplicates_->survivors : nullptr; }
  std::vector<const std::vector<Part>*> parts() const {
    std::vector<const std::vector<Part>*> list;
    for (const auto& pass : sources_) list.push_back(&pass->parts());
    return list;
  }

  Status open_passes() {
    if (mix_.deduplication.enabled)
      hasher_.emplace(MinHashSettings{mix_.deduplication.shingle_size, mix_.deduplication.num_perm});
    for (size_t i = 0; i < mix_.sources.size(); ++i) {
      const SourceSettings& source = mix_.sources[i];
      const std::vector<SourceFile>& files = prepared_.files[i];
      BlockTools tools;
      tools.mix = &mix_, tools.source = &source, tools.quality = &prepared_.quality;
      tools.decontaminator = prepared_.decontaminator.get();
      tools.hasher = hasher_ ? &*hasher_ : nullptr;
      std::optional<SourceCache> cache;
      if (settings_.use_cache) cache.emplace(settings_.base, cleaned_key(source, mix_.cleaning, files));
      // Parts of an interrupted run are taken up as long as no file was touched since.
      const std::string origin = config_hash(Json(Json::Object{{"config", prepared_.config_sha256}, {"files", file_list(files, true)}}));
      sources_.push_back(std::make_unique<SourcePass>(tools, files, passes_ / source.name, origin, std::move(cache)));
    }
    return {};
  }

  // Passes 1 and 2, until every source has its budget or its end.
  Status collect() {
    std::vector<int64_t> wanted;
    for (const SourceSettings& source : mix_.sources)
      wanted.push_back(source.token_budget == 0 ? INT64_MAX : grown(source.most_characters(), kFirstSurplus));
    while (true) {
      for (size_t i = 0; i < sources_.size(); ++i) {
        LATHE_TRY_STATUS(sources_[i]->extend(wanted[i], job_));
        int64_t documents = 0;
        for (const Part& part : sources_[i]->parts()) documents += part.documents;
        settings_.print(join_text("source ", mix_.sources[i].name, ": ", with_thousands(documents), " documents cleaned, ",
                                  with_thousands(sources_[i]->kept_characters()), " characters kept by the filters",
                                  sources_[i]->ended() ? "" : " (budget reached)"));
      }
      LATHE_TRY_STATUS(remove_duplicates());
      LATHE_TRY(selections_, select_documents(parts(), mix_.sources, survivors()));
      bool more = false;
      for (size_t i = 0; i < sources_.size(); ++i) {
        if (selections_[i].reached || sources_[i]->ended()) continue;
        const double found = static_cast<double>(std::max<int64_t>(selections_[i].available.characters, 1));
        const double part = static_cast<double>(mix_.sources[i].most_characters()) / found;
        wanted[i] = grown(sources_[i]->kept_characters(), std::clamp(part, 1.0, 16.0) * kNextSurplus);
        more = true;
      }
      if (!more) return {};
      settings_.print("duplicates took more than expected: reading on");
    }
  }

  Status remove_duplicates() {
    if (!hasher_) return {};
    std::vector<SignatureSource> list;
    for (size_t i = 0; i < sources_.size(); ++i) {
      list.push_back({mix_.sources[i].name, {}});
      for (const Part& part : sources_[i]->parts()) list.back().files.push_back(part.signatures());
    }
    DuplicateSettings settings;
    settings.minhash = hasher_->settings();
    settings.threshold = mix_.deduplication.threshold;
    settings.memory_bytes = settings_.memory_bytes;
    settings.folder = passes_ / "sort";
    LATHE_TRY(auto found, find_duplicates(list, settings, job_));
    duplicates_.emplace(std::move(found));
    if (!job_.is_main()) return {};
    const DuplicateReport& report = duplicates_->report;
    settings_.print(join_text("duplicates: ", with_thousands(report.exact), " exact, ", with_thousands(report.near), " near, of ",
                              with_thousands(report.documents), " documents (", report.bands.bands, " bands of ", report.bands.rows, " rows)"));
    return {};
  }

  // Rows L-1.25, L-2.6: nothing left, or less than a budget minus its margin.
  Status check_amounts() const {
    int64_t documents = 0;
    for (size_t i = 0; i < sources_.size(); ++i) {
      const SourceSettings& source = mix_.sources[i];
      const Amount& selected = selections_[i].selected;
      documents += selected.documents;
      const double tokens = source.tokens_of(selected.characters);
      if (selected.characters >= source.least_characters()) continue;
      const std::string found = join_text("source \"", source.name, "\": about ", with_thousands(std::llround(tokens)), " tokens of its budget of ",
                                          with_thousands(source.token_budget), " are left after cleaning, deduplication and filters");
      const int64_t unfit = selections_[i].available.documents - selected.documents;
      if (unfit > 0 && !mix_.allow_short)
        return error(found, ", and each of the other ", with_thousands(unfit), " documents is larger than what is left of it; raise token_budget or margin_ratio");
      if (!mix_.allow_short)
        return error(found, "; give it more text, lower token_budget, or set \"allow_short\": true");
      log_warning("corpus", found);
    }
    if (documents == 0)
      return error("no document is left after cleaning, deduplication and filters; see the limits of length, language and quality");
    return {};
  }

  Status write_shards() {
    LATHE_TRY(auto writer, ShardWriter::open(work_, passes_ / "shards", mix_));
    MixReader reader(parts(), mix_.sources, selections_, survivors(), static_cast<uint64_t>(mix_.seed));
    if (const auto finished = writer->shards().size(); finished > 0)
      settings_.print(join_text("going on after ", finished, " finished shards"));
    LATHE_TRY_STATUS(reader.skip(writer->finished_documents()));
    while (true) {
      MixDocument document;
      LATHE_TRY(const bool found, reader.next(document));
      if (!found) break;
      LATHE_TRY_STATUS(writer->add(std::move(document)));
      if (StopSignals::requested()) return error("stopped; the same command goes on from here");
    }
    LATHE_TRY_STATUS(writer->finish());
    facts_.shards = writer->shards();
    facts_.weights = reader.weights();
    return {};
  }

  Status gather_facts() {
    facts_.mix = &mix_, facts_.quality = &prepared_.quality, facts_.decontaminator = prepared_.decontaminator.get();
    for (const SourceSettings& source : mix_.sources)
      facts_.stood_in.push_back(settings_.source_map.contains(source.name) || settings_.source_map.contains(source.dataset_name));
    const int64_t most_examples = mix_.quality.examples;
    for (const auto& pass : sources_) {
      facts_.cleaning.emplace_back(), facts_.filtering.emplace_back();
      for (const Part& part : pass->parts()) {
        facts_.cleaning.back().add(part.cleaning, most_examples);
        facts_.filtering.back().add(part.filtering, most_examples);
      }
    }
    facts_.selections = selections_;
    if (duplicates_) {
      facts_.duplicates = duplicates_->report;
      LATHE_TRY(facts_.cluster_texts, read_cluster_texts(parts(), duplicates_->report.samples));
    }
    LATHE_TRY(facts_.sample_texts, read_first_texts(parts(), selections_, survivors()));
    return {};
  }

  Status write_pages(Manifest& manifest) {
    LATHE_TRY_STATUS(gather_facts());
    for (const std::string& warning : corpus_warnings(facts_)) log_warning("corpus", warning);
    LATHE_TRY_STATUS(write_file_atomic(work_ / "DATA_CARD.md", data_card(facts_)));
    LATHE_TRY_STATUS(write_file_atomic(work_ / "report.html", corpus_report(facts_)));

    for (const Shard& shard : facts_.shards) manifest.outputs.push_back(shard.file);
    for (const char* page : {"DATA_CARD.md", "report.html"}) {
      LATHE_TRY(FileRecord record, record_file(work_ / page, page));
      manifest.outputs.push_back(std::move(record));
    }
    LATHE_TRY(manifest.inputs, record_inputs());
    const ShardCounts total = facts_.total();
    Json sources = Json::array();
    double tokens = 0;
    for (size_t i = 0; i < sources_.size(); ++i) {
      sources.push_back(source_facts(facts_, i));
      tokens += facts_.tokens_of_source(i);
    }
    manifest.counts = total.to_json();
    manifest.counts["estimated_tokens"] = static_cast<int64_t>(std::llround(tokens));
    manifest.counts["shards"] = static_cast<int64_t>(facts_.shards.size());
    manifest.details["name"] = mix_.name;
    manifest.details["sources"] = std::move(sources);
    manifest.details["deduplication"] = duplicate_facts(facts_);
    manifest.details["decontamination"] = decontamination_facts(facts_);
    manifest.details["language_model_sha256"] = language_model_sha256();
    manifest.details["shards"] = shard_facts(facts_);
    return {};
  }

  // The files that were read, and the evaluation sets.
  Result<std::vector<FileRecord>> record_inputs() const {
    std::set<std::string> read;
    for (size_t i = 0; i < sources_.size(); ++i) {
      const int64_t files = sources_[i]->parts().empty() ? 0 : sources_[i]->parts().back().files_read;
      for (size_t f = 0; f < static_cast<size_t>(files); ++f) read.insert(mix_.sources[i].name + "/" + prepared_.files[i][f].name);
    }
    for (const EvaluationFile& file : prepared_.evaluation_files) read.insert("evaluation/" + file.name);
    return record_files(prepared_, mix_, read);
  }

  const PipelineSettings& settings_;
  const MixSettings& mix_;
  const Prepared& prepared_;
  fs::path work_, passes_;
  dist::Communicator& job_;
  std::array<int64_t, 2> worked_{};  // bytes and documents, of all ranks
  std::optional<MinHasher> hasher_;
  std::vector<std::unique_ptr<SourcePass>> sources_;
  std::optional<Duplicates> duplicates_;
  std::vector<SourceSelection> selections_;
  CorpusFacts facts_;
};

}  // namespace

ShardCounts CorpusFacts::total() const {
  ShardCounts sum;
  for (const Shard& shard : shards) sum += shard.counts;
  return sum;
}

ShardCounts CorpusFacts::of_source(size_t source) const {
  ShardCounts sum;
  for (const Shard& shard : shards) sum += shard.sources[source];
  return sum;
}

double CorpusFacts::tokens_of_source(size_t source) const {
  return mix->sources[source].tokens_of(of_source(source).characters);
}

Result<Prepared> prepare(const PipelineSettings& settings) {
  const MixSettings& mix = settings.mix;
  LATHE_TRY_STATUS(mix.check());
  LATHE_TRY(auto quality, QualityFilter::make(mix.quality));
  Prepared prepared{{}, std::move(quality), {}, nullptr, {}};
  Json files = Json::array();
  for (const SourceSettings& source : mix.sources) {
    LATHE_TRY(auto found, resolve_source(source, settings.source_map, settings.base));
    files.push_back(file_list(found, false));
    prepared.files.push_back(std::move(found));
  }
  LATHE_TRY_STATUS(check_output(settings.output, prepared.files));
  for (const auto& stand_in : settings.source_map) {
    const std::string& name = stand_in.first;
    if (std::none_of(mix.sources.begin(), mix.sources.end(), [&](const SourceSettings& s) { return s.name == name || s.dataset_name == name; }))
      return error_at("source-map", -1, "the config has no source \"", name, "\"");
  }
  if (mix.decontamination.enabled) {
    LATHE_TRY(prepared.evaluation_files, find_evaluation_files(mix.decontamination.sets, settings.base));
    if (!prepared.evaluation_files.empty()) {
      LATHE_TRY(const auto sets, read_evaluation_files(prepared.evaluation_files, mix.decontamination.ngram));
      prepared.decontaminator = std::make_unique<Decontaminator>(sets);
    }
  }
  prepared.config_sha256 = config_hash(Json(Json::Object{
      {"settings", mix.to_json()}, {"files", files}, {"evaluation", evaluation_hashes(prepared.decontaminator.get())}}));
  return prepared;
}

namespace {

// The main rank's text becomes that of all.
Status broadcast_text(dist::Communicator& job, std::string& text) {
  int64_t size = std::ssize(text);
  LATHE_TRY_STATUS(job.broadcast(&size, 1, dist::ElementType::kInt64, 0));
  text.resize(static_cast<size_t>(size));
  return job.broadcast(text.data(), size, dist::ElementType::kUInt8, 0);
}

// A rank that helps the main one: the same passes, and then the wait for its folder.
Result<PipelineResult> help(const PipelineSettings& settings, const Prepared& prepared, dist::Communicator& job) {
  PipelineResult result;
  result.folder = settings.output;
  std::string config, work;
  LATHE_TRY_STATUS(broadcast_text(job, config));
  if (config != prepared.config_sha256) return error("rank ", job.rank(), " has other settings or source files than rank 0");
  LATHE_TRY_STATUS(broadcast_text(job, work));
  result.already_done = work.empty();
  if (!result.already_done) {
    Run run(settings, prepared, work, job);
    LATHE_TRY_STATUS(run.collect_all());
  }
  LATHE_TRY_STATUS(job.barrier());
  return result;
}

}  // namespace

Result<PipelineResult> prepare_corpus(const PipelineSettings& settings) {
  const double start = Clock::real().seconds();
  const auto alone = dist::single_process();
  dist::Communicator& job = settings.job != nullptr ? *settings.job : *alone;
  PipelineResult result;
  Manifest& manifest = result.manifest;
  manifest.started = Clock::real().local_time();
  LATHE_TRY(const Prepared prepared, prepare(settings));
  if (!job.is_main()) return help(settings, prepared, job);
  LATHE_TRY_STATUS(remove_lone_plan(settings.output));
  LATHE_TRY(OutputFolder folder, OutputFolder::open(settings.output, prepared.config_sha256, settings.force));
  result.folder = folder.path();
  std::string config = prepared.config_sha256, work = folder.done() ? "" : folder.work().string();
  LATHE_TRY_STATUS(broadcast_text(job, config));
  LATHE_TRY_STATUS(broadcast_text(job, work));
  if (folder.done()) {
    LATHE_TRY(manifest, read_manifest(folder.path(), "corpus", ""));
    LATHE_TRY_STATUS(check_inputs(prepared, settings.mix, manifest, folder.path()));
    LATHE_TRY_STATUS(verify_outputs(folder.path(), manifest, "--force makes it again"));
    result.already_done = true;
    LATHE_TRY_STATUS(job.barrier());
    return result;
  }
  if (folder.continued()) settings.print("going on with the interrupted run in " + folder.work().string());
  Run run(settings, prepared, folder.work(), job);
  LATHE_TRY_STATUS(run.collect_all());
  LATHE_TRY_STATUS(run.write(manifest));
  manifest.kind = "corpus";
  manifest.settings = settings.mix.to_json();
  manifest.config_sha256 = prepared.config_sha256;
  manifest.seed = settings.mix.seed;
  manifest.ended = Clock::real().local_time();
  manifest.seconds = Clock::real().seconds() - start;
  LATHE_TRY_STATUS(write_manifest(folder.work(), manifest));
  LATHE_TRY_STATUS(remove_strays(folder.work(), manifest));
  std::error_code code;
  fs::remove_all(folder.work() / kPasses, code);
  if (code) return error_at((folder.work() / kPasses).string(), -1, "cannot remove: ", code.message());
  LATHE_TRY_STATUS(folder.commit());
  LATHE_TRY_STATUS(job.barrier());
  result.worked_bytes = run.worked_bytes();
  result.worked_documents = run.worked_documents();
  result.seconds = Clock::real().seconds() - start;
  return result;
}

}  // namespace lathe::corpus
