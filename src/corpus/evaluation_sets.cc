#include "corpus/evaluation_sets.h"

#include <optional>

#include "core/json.h"
#include "core/parallel.h"
#include "data/line_reader.h"

namespace lathe::corpus {
namespace {

const std::vector<std::string>& endings() {
  static const std::vector<std::string> list = {".jsonl", ".jsonl.gz", ".jsonl.zst", ".txt", ".txt.gz", ".txt.zst"};
  return list;
}

std::string without_endings(std::string name) {
  for (const std::string_view ending : {".gz", ".zst", ".jsonl", ".txt"})
    if (name.ends_with(ending)) name.resize(name.size() - ending.size());
  return name;
}

void add_texts(const Json& value, NgramSet::Builder& builder) {
  if (value.is_string()) builder.add(value.as_string());
  if (value.is_array())
    for (const Json& item : value.as_array()) add_texts(item, builder);
  if (value.is_object())
    for (const auto& [key, item] : value.as_object()) add_texts(item, builder);
}

}  // namespace

Result<std::vector<EvaluationFile>> find_evaluation_files(const std::vector<std::string>& sets, const fs::path& base) {
  std::vector<EvaluationFile> files;
  std::error_code code;
  std::vector<std::string> places = sets;
  if (places.empty()) {
    const fs::path bundle = base / "eval_bundle";
    if (!fs::exists(bundle, code)) return files;
    places.push_back(bundle.string());
  }
  for (const fs::path place : places) {
    if (!fs::exists(place, code))
      return error_at(place.string(), -1, "evaluation set not found; get the sets with `lathe download eval-bundle`, or name others in \"decontamination\": \"sets\"");
    LATHE_TRY(const auto paths, list_files(place, endings(), true));
    if (paths.empty() && !sets.empty()) return error_at(place.string(), -1, "holds no evaluation set (.jsonl or .txt)");
    const bool folder = fs::is_directory(place, code);
    for (const fs::path& path : paths)
      files.push_back({path, without_endings((folder ? path.lexically_relative(place) : path.filename()).generic_string())});
  }
  return files;
}

Result<NgramSet> read_evaluation_file(const EvaluationFile& file, int64_t ngram) {
  NgramSet::Builder builder(file.name, ngram);
  LATHE_TRY(auto lines, data::LineReader::open(file.path));
  const bool json = file.path.filename().string().find(".jsonl") != std::string::npos;
  std::string_view line;
  while (true) {
    LATHE_TRY(const bool found, lines->next(line));
    if (!found) break;
    if (trim_text(line).empty()) continue;
    if (!json) {
      builder.add(line);
      continue;
    }
    const auto value = parse_json(line, file.path.string());
    if (!value.ok()) return error_at(file.path.string(), -1, "line ", lines->line_number(), ": ", value.error().message);
    add_texts(value.value(), builder);
  }
  return std::move(builder).finish();
}

Result<std::vector<NgramSet>> read_evaluation_files(const std::vector<EvaluationFile>& files, int64_t ngram) {
  std::vector<std::optional<Result<NgramSet>>> read(files.size());
  parallel_for(static_cast<int64_t>(files.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) read[static_cast<size_t>(i)].emplace(read_evaluation_file(files[static_cast<size_t>(i)], ngram));
  });
  std::vector<NgramSet> sets;
  for (auto& set : read) {
    if (!set->ok()) return set->error();
    sets.push_back(std::move(*set).value());
  }
  return sets;
}

}  // namespace lathe::corpus
