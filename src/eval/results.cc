#include "eval/results.h"

#include "core/sha256.h"

namespace lathe::eval {

Status update_summary(const fs::path& folder, const Json& about, const std::string& section,
                      std::span<const std::pair<std::string, Json>> figures) {
  Json summary = Json::object();
  if (const Result<Json> before = read_json(folder / kSummaryFile); before.ok() && before.value().is_object())
    if (const Json* same = before.value().find("about"); same != nullptr && *same == about) summary = before.value();
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

Json not_run(const std::string& why) {
  Json out = Json::object();
  out["not_run"] = why;
  return out;
}

}  // namespace lathe::eval
