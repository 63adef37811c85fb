// lathe download: named resources and any address, to the base folder.
#include <algorithm>
#include <optional>

#include "cli/repackage.h"
#include "cli/verbs.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/manifest.h"
#include "core/progress_board.h"
#include "core/signals.h"
#include "core/text.h"
#include "net/fetch_all.h"
#include "net/file_lock.h"
#include "net/resources.h"

namespace lathe::cli {
namespace {

using net::FetchEvent;
constexpr double kMegabyte = 1e6;

std::string megabytes(int64_t bytes) { return bytes < 0 ? "unknown size" : format_text("%.1f MB", static_cast<double>(bytes) / kMegabyte); }

class Download : public Verb {
 public:
  VerbInfo info() const override {
    return {"download", "data", "fetch corpora, evaluation and chat sets: resumable, verified, cached", "lathe download fineweb -n 8", "[WHAT ...]", 1000};
  }
  void describe(SettingsTable& table) override {
    table.group("what");
    table.add("num_files", &plan_.num_files, "shards of fineweb; -1: all").short_flag = 'n';
    table.add("for_tokens", &for_tokens_, "as many shards of fineweb as training on N tokens needs, in cropped best-fit rows");
    table.add("from", &plan_.from, "address or folder that holds the same files");
    table.add("source_map", &source_map_, "fineweb=PATH: local text in its place, repackaged as shards");
    table.add("sha256", &plan_.sha256, "what a single file must have");
    table.group("how");
    table.add("num_workers", &workers_, "files at once").short_flag = 'w';
    table.add("output_dir", &plan_.output_dir, "folder of the files; empty: their place below the base folder");
    table.add("offline", &fetch_.offline, "only what is there; an error names what is missing");
    table.add("stall_seconds", &fetch_.stall_seconds, "without data, then the transfer is cut and taken up again");
    table.add("attempts", &attempts_, "in a row without progress, then a file is given up");
  }
  Result<Exit> run(Context& context) override;

 private:
  struct Sum {
    int64_t files = 0, fetched = 0, there = 0, bytes = 0, moved = 0;
    std::vector<std::string> failed;
  };
  Result<Exit> stand_in(Context& context, const std::vector<std::string>& wanted) const;
  Status fetch_one(Context& context, const std::string& what, const fs::path& base, Sum& sum);
  std::vector<Result<net::Fetched>> transfer(Context& context, const net::DownloadPlan& plan);
  Status write_record(const Context& context, const net::DownloadPlan& plan, const std::vector<Result<net::Fetched>>& results, const std::string& started,
                      double seconds) const;

  net::PlanOptions plan_;
  net::FetchOptions fetch_;
  std::vector<std::string> source_map_;
  double for_tokens_ = 0;
  int64_t workers_ = 4, attempts_ = fetch_.attempts;
};

// What happened to a file, for people (row C-1.6).
std::string line_of(const std::string& name, const FetchEvent& event, int64_t attempts) {
  switch (event.kind) {
    case FetchEvent::Kind::kSkipped: return name + ": skipped, it is there";
    case FetchEvent::Kind::kLocked: return name + ": another process fetches it, waiting";
    case FetchEvent::Kind::kStarted: return name + (event.done > 0 ? ": started at " + megabytes(event.done) + ", the rest of an earlier run" : ": started");
    case FetchEvent::Kind::kFailed: return join_text(name, ": attempt ", event.attempt, " of ", attempts, " failed: ", event.text);
    case FetchEvent::Kind::kWaiting: return format_text("%s: waiting %.0f s", name.c_str(), event.seconds);
    case FetchEvent::Kind::kDone: return name + ": done, " + megabytes(event.done);
    case FetchEvent::Kind::kGivenUp: return name + ": given up";
    case FetchEvent::Kind::kBytes: break;
  }
  return "";
}

std::vector<Result<net::Fetched>> Download::transfer(Context& context, const net::DownloadPlan& plan) {
  int64_t total = 0;
  for (const net::FetchRequest& file : plan.files) total = file.bytes < 0 || total < 0 ? -1 : total + file.bytes;
  ProgressBoard board(plan.what, static_cast<int64_t>(plan.files.size()), total);
  return net::fetch_all(plan.files, workers_, fetch_, [&](size_t i, const FetchEvent& event) {
    const auto key = static_cast<int64_t>(i);
    const std::string name = plan.files[i].path.lexically_relative(plan.folder).generic_string();
    if (event.kind == FetchEvent::Kind::kBytes) return board.update(key, event.done, event.total);
    if (event.kind == FetchEvent::Kind::kStarted) board.start(key, name, event.done, event.total);
    if (event.kind == FetchEvent::Kind::kDone || event.kind == FetchEvent::Kind::kSkipped) board.finish(key, true);
    if (event.kind == FetchEvent::Kind::kGivenUp) board.finish(key, false);
    board.hide();
    context.print(line_of(name, event, attempts_));
  });
}

// Joins what was fetched now to what the manifest records of earlier runs.
Status Download::write_record(const Context& context, const net::DownloadPlan& plan, const std::vector<Result<net::Fetched>>& results,
                              const std::string& started, double seconds) const {
  LATHE_TRY(const net::FileLock lock, net::FileLock::acquire(plan.manifest));
  Manifest manifest;
  std::error_code code;
  if (fs::exists(plan.manifest, code)) {
    LATHE_TRY(manifest, read_manifest(plan.manifest, "download", "choose another --output-dir, or move that output away"));
  }
  manifest.kind = "download";
  manifest.settings = context.settings();
  manifest.started = started;
  manifest.ended = Clock::real().local_time();
  manifest.seconds = seconds;
  const auto find = [](std::vector<FileRecord>& records, const std::string& name) {
    return std::find_if(records.begin(), records.end(), [&](const FileRecord& record) { return record.path == name; });
  };
  Json listing = Json::array();
  for (size_t i = 0; i < results.size(); ++i) {
    const net::FetchRequest& file = plan.files[i];
    const std::string name = file.path.lexically_relative(plan.folder).generic_string();
    listing.push_back(Json(Json::Object{{"url", file.url}, {"name", name}, {"bytes", file.bytes}, {"sha256", file.sha256}}));
    if (!results[i].ok()) continue;
    FileRecord record{name, results[i].value().bytes, results[i].value().sha256};
    const auto known = find(manifest.outputs, name);
    if (record.sha256.empty() && known != manifest.outputs.end() && known->bytes == record.bytes) continue;
    if (record.sha256.empty()) {
      LATHE_TRY(record, record_file(file.path, name));
    }
    if (known != manifest.outputs.end()) {
      *known = record;
    } else {
      manifest.outputs.push_back(record);
    }
    record.path = file.url;
    const auto origin = find(manifest.inputs, file.url);
    if (origin != manifest.inputs.end()) {
      *origin = record;
    } else {
      manifest.inputs.push_back(record);
    }
  }
  for (auto output = manifest.outputs.begin(); output != manifest.outputs.end();)
    output = fs::exists(plan.folder / output->path, code) ? output + 1 : manifest.outputs.erase(output);
  if (!plan.listing.empty()) {
    if (!manifest.details.contains("listings")) manifest.details["listings"] = Json::object();
    manifest.details["listings"][plan.listing] = std::move(listing);
  }
  int64_t bytes = 0;
  for (const FileRecord& output : manifest.outputs) bytes += output.bytes;
  manifest.counts = Json(Json::Object{{"files", static_cast<int64_t>(manifest.outputs.size())}, {"bytes", bytes}});
  return write_json_atomic(plan.manifest, manifest.to_json());
}

Status Download::fetch_one(Context& context, const std::string& what, const fs::path& base, Sum& sum) {
  const std::string started = Clock::real().local_time();
  const double begin = Clock::real().seconds();
  LATHE_TRY(const net::DownloadPlan plan, plan_download(what, base, plan_, fetch_));
  if (std::error_code code; fs::exists(plan.manifest, code)) {  // before any work is done
    LATHE_TRY(const Manifest former, read_manifest(plan.manifest, "download", "choose another --output-dir, or move that output away"));
  }
  if (!plan.unpack_to.empty() && plan.files.empty()) {
    context.print(plan.unpack_to.string(), " is there");
    return {};
  }
  context.print("Downloading ", what, ": ", plan.files.size(), " files with ", workers_, " workers");
  context.print("Target folder: ", plan.folder.string());
  const std::vector<Result<net::Fetched>> results = transfer(context, plan);
  int64_t ok = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i].ok()) {
      sum.failed.push_back(plan.files[i].path.lexically_relative(plan.folder).generic_string());
      log_error("download", results[i].error().to_string());
      continue;
    }
    const net::Fetched& file = results[i].value();
    ++ok;
    (file.was_there ? sum.there : sum.fetched) += 1;
    sum.bytes += file.bytes;
    if (!file.was_there) sum.moved += file.bytes - file.resumed_at;
  }
  sum.files += static_cast<int64_t>(results.size());
  context.print("Done: ", ok, "/", results.size(), " files of ", what, " in ", plan.folder.string());
  if (ok > 0) LATHE_TRY_STATUS(write_record(context, plan, results, started, Clock::real().seconds() - begin));
  if (plan.unpack_to.empty() || ok < static_cast<int64_t>(results.size())) return {};
  LATHE_TRY_STATUS(unpack(plan));
  context.print("Unpacked: ", plan.unpack_to.string());
  return {};
}

// `dataset -n 8 --source-map fineweb=texts/`: base_data as FineWeb's shards would be, from what is there.
Result<Exit> Download::stand_in(Context& context, const std::vector<std::string>& wanted) const {
  constexpr std::string_view kName = "fineweb=";
  RepackageOptions options;
  for (const std::string& pair : source_map_) {
    if (!pair.starts_with(kName)) return error_at("source_map", -1, "\"", pair, "\": only fineweb=PATH stands in for a download");
    options.sources.push_back(pair.substr(kName.size()));
  }
  if (wanted != std::vector<std::string>{"fineweb"}) return error_at("source_map", -1, "stands in for fineweb; fetch the others by a command of their own");
  options.folder = plan_.output_dir;
  if (options.folder.empty()) {
    LATHE_TRY(const fs::path base, context.base_folder());
    options.folder = base / "base_data";
  }
  options.most_shards = std::max<int64_t>(plan_.num_files, 0);
  return repackage(context, options);
}

Result<Exit> Download::run(Context& context) {
  if (workers_ < 1 || workers_ > 256) return error("--num-workers must be 1 to 256, got ", workers_);
  if (attempts_ < 1 || attempts_ > 1000) return error("--attempts must be 1 to 1000, got ", attempts_);
  if (!(fetch_.stall_seconds >= 1 && fetch_.stall_seconds <= 86400)) return error("--stall-seconds must be 1 to 86400, got ", fetch_.stall_seconds);
  if (!(for_tokens_ >= 0 && for_tokens_ <= 1e15)) return error("--for-tokens must be 0 to 1e15, got ", for_tokens_);
  fetch_.attempts = static_cast<int>(attempts_);
  std::vector<std::string> wanted = context.operands();
  if (wanted.empty() && (context.program() == "dataset" || context.given("num_files") || for_tokens_ > 0)) wanted = {"fineweb"};
  if (wanted.empty()) {
    context.print("What to fetch? An address (https://, s3://, hf://datasets/ORG/NAME/PATH, file://, a path), or one of:");
    for (const net::Resource& resource : net::resources()) context.print(format_text("  %-14s", resource.name.c_str()), resource.help);
    return Exit::kUsage;
  }
  if (!source_map_.empty()) return stand_in(context, wanted);
  if (for_tokens_ > 0) {
    constexpr double kKept = 0.65;
    const int64_t training = net::fineweb_shards_for(for_tokens_, kKept);
    plan_.num_files = std::min(training + 1, net::kFineWebShards);
    context.print(format_text("%.3g", for_tokens_), " tokens need ", training, " shards for training (4.8 characters a token, 250M characters a shard, ",
                  "35 % cropped away) and one for validation");
    if (training + 1 > net::kFineWebShards) log_warning("download", "all ", net::kFineWebShards, " shards are fewer: the run will see text twice");
  }
  LATHE_TRY(const fs::path base, context.base_folder());
  const StopSignals signals;
  const double begin = Clock::real().seconds();
  Sum sum;
  for (const std::string& what : wanted) {
    LATHE_TRY_STATUS(fetch_one(context, what, base, sum));
    if (StopSignals::requested()) break;
  }
  const double seconds = Clock::real().seconds() - begin;
  Json failed = Json::array();
  std::string names;
  for (const std::string& name : sum.failed) {
    failed.push_back(name);
    names += (names.empty() ? "" : ", ") + name;
  }
  const Json figures(Json::Object{{"files", sum.files}, {"fetched", sum.fetched}, {"there", sum.there}, {"failed", failed}, {"bytes", sum.bytes},
                                  {"seconds", seconds}, {"mb_per_s", static_cast<double>(sum.moved) / kMegabyte / std::max(seconds, 1e-9)}});
  if (StopSignals::requested()) {
    context.print("Stopped by a signal; the same command goes on where it stopped");
    return context.finish(figures, Exit::kInterrupted);
  }
  if (!sum.failed.empty()) {
    context.print("Failed: ", names, "; the same command tries again and goes on where it stopped");
    return context.finish(figures, Exit::kBadInput);
  }
  return context.finish(figures);
}

}  // namespace

std::unique_ptr<Verb> make_download() { return std::make_unique<Download>(); }

}  // namespace lathe::cli
