// lathe repackage: any document files to shuffled Parquet shards of equal size.
#include <algorithm>

#include "cli/repackage.h"
#include "cli/verbs.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/manifest.h"
#include "core/output_folder.h"
#include "core/progress.h"
#include "core/signals.h"
#include "data/document_file.h"
#include "data/document_shuffle.h"
#include "data/shard_writer.h"

namespace lathe::cli {
namespace {

constexpr double kMillion = 1e6;
constexpr int64_t kMegabyte = 1'000'000;

Result<std::vector<fs::path>> source_files(const std::vector<std::string>& sources) {
  std::vector<fs::path> files;
  for (const std::string& source : sources) {
    LATHE_TRY(const std::vector<fs::path> found, list_files(source, data::document_endings(), true));
    files.insert(files.end(), found.begin(), found.end());
  }
  if (files.empty()) return error_at(sources.at(0), -1, "holds no .parquet, .jsonl or .txt files (the latter two also as .gz or .zst)");
  return files;
}

Status write_shards(Context& context, const RepackageOptions& options, const std::vector<fs::path>& files, const fs::path& work, Manifest& manifest) {
  LATHE_TRY(const int64_t documents, data::count_documents(files));
  if (documents == 0) return error_at(files[0].string(), -1, files.size() > 1 ? "and the other sources hold" : "holds", " no document");
  context.print(with_thousands(documents), " documents in ", files.size(), " files");
  const double begin = Clock::real().seconds();
  int64_t written = 0, characters = 0;
  Json shards = Json::array();
  data::ShardWriter writer(work, options.shard_chars, [&](const data::ShardFacts& shard) {
    shards.push_back(Json(Json::Object{{"name", shard.name}, {"documents", shard.documents}, {"characters", shard.characters}}));
    characters += shard.characters;
    const double seconds = Clock::real().seconds() - begin;
    context.print(shard.name, ": ", with_thousands(shard.documents), " documents, ", format_text("%.1f", static_cast<double>(shard.characters) / kMillion),
                  format_text("M characters, %.1f s, %.1f s left", seconds, seconds / static_cast<double>(written) * static_cast<double>(documents - written)));
  });
  const auto unless_stopped = [] { return StopSignals::requested() ? Status(error("stopped by a signal")) : Status(); };
  Progress reading("read", documents, "docs");
  const data::DocumentShuffle shuffle{files, static_cast<uint64_t>(context.common().seed), options.shuffle, options.memory_mb * kMegabyte, work};
  LATHE_TRY_STATUS(data::shuffle_documents(
      shuffle, documents,
      [&](int64_t done) {
        reading.update(done);
        return unless_stopped();
      },
      [&](std::string_view text) -> Status {
        ++written;
        LATHE_TRY_STATUS(unless_stopped());
        return writer.add(text);
      }));
  LATHE_TRY_STATUS(writer.finish());
  for (const Json& shard : shards.as_array()) {
    const std::string& name = shard.at("name").as_string();
    LATHE_TRY(FileRecord record, record_file(work / name, name));
    manifest.outputs.push_back(std::move(record));
  }
  manifest.counts = Json(Json::Object{{"documents", documents}, {"characters", characters}, {"shards", writer.shards()}});
  manifest.details["shards"] = std::move(shards);
  return {};
}

Result<int64_t> count_characters(const std::vector<fs::path>& files) {
  int64_t characters = 0;
  std::vector<std::string> texts;
  for (const fs::path& path : files) {
    LATHE_TRY(const auto file, data::open_document_file(path));
    for (int64_t group = 0;; ++group) {
      LATHE_TRY(const bool found, file->read_group(group, texts));
      if (!found) break;
      for (const std::string& text : texts) characters += count_code_points(text);
    }
  }
  return characters;
}

}  // namespace

Result<Exit> repackage(Context& context, const RepackageOptions& wanted) {
  RepackageOptions options = wanted;
  if (options.shard_chars < 1) return error("--shard-chars must be positive, got ", options.shard_chars);
  if (options.memory_mb < 1 || options.memory_mb > 1'000'000) return error("--memory-mb must be 1 to 1000000, got ", options.memory_mb);
  Manifest manifest;
  manifest.kind = "repackage";
  manifest.started = Clock::real().local_time();
  manifest.settings = context.settings();
  manifest.seed = context.common().seed;
  const double begin = Clock::real().seconds();
  LATHE_TRY(const std::vector<fs::path> files, source_files(options.sources));
  if (options.most_shards > 0) {
    LATHE_TRY(const int64_t characters, count_characters(files));
    options.shard_chars = characters / options.most_shards + 1;
  }
  Json decisive(Json::Object{{"shard_chars", options.shard_chars}, {"shuffle", options.shuffle}, {"seed", options.shuffle ? manifest.seed : 0}, {"inputs", Json::array()}});
  for (const fs::path& file : files) {
    LATHE_TRY(FileRecord record, record_file(file));
    decisive["inputs"].push_back(record.sha256);
    manifest.inputs.push_back(std::move(record));
  }
  manifest.config_sha256 = config_hash(decisive);

  const fs::path& folder = options.folder;
  LATHE_TRY(OutputFolder output, OutputFolder::open(folder, manifest.config_sha256, options.force));
  if (output.done()) {
    context.print("Already done: ", folder.string());
    return context.finish(Json(Json::Object{{"folder", folder.string()}, {"already_done", true}}));
  }
  const StopSignals signals;
  if (const Status written = write_shards(context, options, files, output.work(), manifest); !written.ok()) {
    if (!StopSignals::requested()) return written.error();
    context.print("Stopped by a signal; ", folder.string(), " is as it was");
    return Exit::kInterrupted;
  }
  manifest.ended = Clock::real().local_time();
  manifest.seconds = Clock::real().seconds() - begin;
  LATHE_TRY_STATUS(write_manifest(output.work(), manifest));
  LATHE_TRY_STATUS(output.commit());
  context.print("Done: ", manifest.outputs.size(), " shards in ", folder.string());
  Json figures = manifest.counts;
  figures["folder"] = folder.string();
  figures["seconds"] = manifest.seconds;
  return context.finish(figures);
}

namespace {

class Repackage : public Verb {
 public:
  VerbInfo info() const override {
    return {"repackage", "data", "document files to shuffled Parquet shards of equal size", "lathe repackage downloads/ --output-dir base_data", "SOURCE...", 1'000'000, 1};
  }
  void describe(SettingsTable& table) override {
    table.group("shards");
    table.add("output_dir", &output_dir_, "folder of the shards; empty: base_data in the base folder");
    table.add("shard_chars", &options_.shard_chars, "a shard ends at the first full row group with that many characters");
    table.add("shuffle", &options_.shuffle, "in the order of NumPy's default_rng(seed).permutation(documents)");
    table.add("memory_mb", &options_.memory_mb, "of documents at once while shuffling");
    table.add("force", &options_.force, "replace another content of the folder");
  }
  Result<Exit> run(Context& context) override {
    options_.sources = context.operands();
    options_.folder = output_dir_;
    if (output_dir_.empty()) {
      LATHE_TRY(const fs::path base, context.base_folder());
      options_.folder = base / "base_data";
    }
    return repackage(context, options_);
  }

 private:
  std::string output_dir_;
  RepackageOptions options_;
};

}  // namespace

std::unique_ptr<Verb> make_repackage() { return std::make_unique<Repackage>(); }

}  // namespace lathe::cli
