#include "eval/results.h"

#include "core/folder_lock.h"
#include "core/log.h"
#include "core/sha256.h"
#include "eval/statistics.h"

namespace lathe::eval {
namespace {

constexpr double kLockSeconds = 60;  // an update takes milliseconds
constexpr const char* kDamaged = "summary.damaged.json";

// The summary that stands, if it is of `about`; else an empty one. What cannot be parsed is set aside: figures that took hours are
// not refused for it, and nothing is thrown away.
Result<Json> summary_to_continue(const fs::path& folder, const Json& about) {
  const fs::path file = folder / kSummaryFile;
  std::error_code code;
  if (!fs::exists(file, code)) return Json::object();
  LATHE_TRY(const std::string text, read_file(file));
  Result<Json> before = parse_json(text, file.string());
  if (!before.ok() || !before.value().is_object()) {
    fs::rename(file, folder / kDamaged, code);
    if (code) return error_at(file.string(), -1, "is damaged and cannot be renamed: ", code.message());
    log_warning("eval", file.string(), " is damaged and now called ", kDamaged, "; a new one is begun");
    return Json::object();
  }
  const Json* same = before.value().find("about");
  if (same != nullptr && *same == about) return before;
  log_info("eval", file.string(), " was of another checkpoint or precision (", same != nullptr ? same->dump() : "unnamed", "); a new one is begun");
  return Json::object();
}

}  // namespace

Status update_summary(const fs::path& folder, const Json& about, const std::string& section,
                      std::span<const std::pair<std::string, Json>> figures) {
  LATHE_TRY_STATUS(make_folders(folder));
  LATHE_TRY(const FolderLock lock, FolderLock::wait(folder, kLockSeconds));
  LATHE_TRY(Json summary, summary_to_continue(folder, about));
  summary["about"] = about;
  if (const Json* there = summary.find(section); there == nullptr || !there->is_object()) summary[section] = Json::object();
  for (const auto& [name, figure] : figures) {
    summary[section][name] = figure;
    const std::string answers = figure.is_object() ? figure.get_string("answers", "") : "";
    if (answers.empty()) continue;
    if (Result<std::string> hash = sha256_file(folder / answers); hash.ok()) summary[section][name]["answers_sha256"] = std::move(hash.value());
  }
  return write_json_atomic(folder / kSummaryFile, summary);
}

Status write_answers(const fs::path& file, std::span<const Json> answers) {
  std::string lines;
  for (const Json& answer : answers) lines += answer.dump() + "\n";
  return write_file_atomic(file, lines);
}

Result<Json> data_of(std::span<const fs::path> files) {
  Json out = Json::array();
  for (const fs::path& file : files) {
    LATHE_TRY(std::string hash, sha256_file(file));
    Json entry = Json::object();
    entry["file"] = file.filename().string();
    entry["sha256"] = std::move(hash);
    out.push_back(std::move(entry));
  }
  return out;
}

void add_share(Json& figure, const Share& share) {
  figure["accuracy"] = share.accuracy;
  figure["n"] = share.n;
  figure["correct"] = share.correct;
  figure["low"] = share.interval.low;
  figure["high"] = share.interval.high;
  figure["majority_baseline"] = share.majority;
  figure["random_baseline"] = share.random;
  figure["verdict"] = chance_verdict(share.interval, share.random, share.majority, share.n);
}

Json not_run(const std::string& why) {
  Json out = Json::object();
  out["not_run"] = why;
  return out;
}

}  // namespace lathe::eval
