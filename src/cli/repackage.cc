// lathe repackage: any document files to shuffled Parquet shards of equal size.
#include <algorithm>

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

class Repackage : public Verb {
 public:
  VerbInfo info() const override {
    return {"repackage", "data", "document files to shuffled Parquet shards of equal size", "lathe repackage downloads/ --output-dir base_data", "SOURCE...", 1'000'000, 1};
  }
  void describe(SettingsTable& table) override {
    table.group("shards");
    table.add("output_dir", &output_dir_, "folder of the shards; empty: base_data in the base folder");
    table.add("shard_chars", &shard_chars_, "a shard ends at the first full row group with that many characters");
    table.add("shuffle", &shuffle_, "in the order of NumPy's default_rng(seed).permutation(documents)");
    table.add("memory_mb", &memory_mb_, "of documents at once while shuffling");
    table.add("force", &force_, "replace another content of the folder");
  }
  Result<Exit> run(Context& context) override;

 private:
  Result<std::vector<fs::path>> sources(const std::vector<std::string>& operands) const;
  Status write(Context& context, const std::vector<fs::path>& files, const fs::path& work, Manifest& manifest) const;

  std::string output_dir_;
  int64_t shard_chars_ = 250'000'000, memory_mb_ = 1024;
  bool shuffle_ = true, force_ = false;
};

Result<std::vector<fs::path>> Repackage::sources(const std::vector<std::string>& operands) const {
  std::vector<fs::path> files;
  for (const std::string& operand : operands) {
    LATHE_TRY(const std::vector<fs::path> found, list_files(operand, data::document_endings(), true));
    files.insert(files.end(), found.begin(), found.end());
  }
  if (files.empty()) return error_at(operands.at(0), -1, "holds no .parquet, .jsonl or .txt files (the latter two also as .gz or .zst)");
  return files;
}

Status Repackage::write(Context& context, const std::vector<fs::path>& files, const fs::path& work, Manifest& manifest) const {
  LATHE_TRY(const int64_t documents, data::count_documents(files));
  if (documents == 0) return error_at(files[0].string(), -1, files.size() > 1 ? "and the other sources hold" : "holds", " no document");
  context.print(with_thousands(documents), " documents in ", files.size(), " files");
  const double begin = Clock::real().seconds();
  int64_t written = 0, characters = 0;
  Json shards = Json::array();
  data::ShardWriter writer(work, shard_chars_, [&](const data::ShardFacts& shard) {
    shards.push_back(Json(Json::Object{{"name", shard.name}, {"documents", shard.documents}, {"characters", shard.characters}}));
    characters += shard.characters;
    const double seconds = Clock::real().seconds() - begin;
    context.print(shard.name, ": ", with_thousands(shard.documents), " documents, ", format_text("%.1f", static_cast<double>(shard.characters) / kMillion),
                  format_text("M characters, %.1f s, %.1f s left", seconds, seconds / static_cast<double>(written) * static_cast<double>(documents - written)));
  });
  const auto unless_stopped = [] { return StopSignals::requested() ? Status(error("stopped by a signal")) : Status(); };
  Progress reading("read", documents, "docs");
  const data::DocumentShuffle shuffle{files, static_cast<uint64_t>(context.common().seed), shuffle_, memory_mb_ * kMegabyte, work};
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

Result<Exit> Repackage::run(Context& context) {
  if (shard_chars_ < 1) return error("--shard-chars must be positive, got ", shard_chars_);
  if (memory_mb_ < 1 || memory_mb_ > 1'000'000) return error("--memory-mb must be 1 to 1000000, got ", memory_mb_);
  Manifest manifest;
  manifest.kind = "repackage";
  manifest.started = Clock::real().local_time();
  manifest.settings = context.settings();
  manifest.seed = context.common().seed;
  const double begin = Clock::real().seconds();
  LATHE_TRY(const std::vector<fs::path> files, sources(context.operands()));
  Json decisive(Json::Object{{"shard_chars", shard_chars_}, {"shuffle", shuffle_}, {"seed", shuffle_ ? manifest.seed : 0}, {"inputs", Json::array()}});
  for (const fs::path& file : files) {
    LATHE_TRY(FileRecord record, record_file(file));
    decisive["inputs"].push_back(record.sha256);
    manifest.inputs.push_back(std::move(record));
  }
  manifest.config_sha256 = config_hash(decisive);

  fs::path folder = output_dir_;
  if (folder.empty()) {
    LATHE_TRY(const fs::path base, context.base_folder());
    folder = base / "base_data";
  }
  LATHE_TRY(OutputFolder output, OutputFolder::open(folder, manifest.config_sha256, force_));
  if (output.done()) {
    context.print("Already done: ", folder.string());
    return context.finish(Json(Json::Object{{"folder", folder.string()}, {"already_done", true}}));
  }
  const StopSignals signals;
  if (const Status written = write(context, files, output.work(), manifest); !written.ok()) {
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

}  // namespace

std::unique_ptr<Verb> make_repackage() { return std::make_unique<Repackage>(); }

}  // namespace lathe::cli
