#include "cli/training_texts.h"

#include <algorithm>

#include "core/progress.h"
#include "data/line_reader.h"

namespace lathe::cli {
namespace {

using Take = std::function<Status(const std::string& source, const std::string& text)>;

bool is_jsonl(const fs::path& path) { return path.filename().string().find(".jsonl") != std::string::npos; }

bool is_document_file(const std::string& name) {
  const auto& endings = data::document_endings();
  return std::any_of(endings.begin(), endings.end(), [&](const std::string& ending) { return name.ends_with(ending); });
}

Status read_jsonl(const fs::path& path, const Take& take) {
  LATHE_TRY(const std::unique_ptr<data::LineReader> lines, data::LineReader::open(path));
  for (std::string_view line;;) {
    LATHE_TRY(const bool found, lines->next(line));
    if (!found) return {};
    if (trim_text(line).empty()) continue;
    const auto row = parse_json(line, path.string());
    if (!row.ok()) return error_at(path.string(), -1, "line ", lines->line_number(), ": ", row.error().message);
    const Json *text = row.value().find("text"), *source = row.value().find("source");
    if (!text || !text->is_string()) return error_at(path.string(), -1, "line ", lines->line_number(), ": no field \"text\"");
    LATHE_TRY_STATUS(take(source && source->is_string() ? source->as_string() : "", text->as_string()));
  }
}

Status read_groups(const fs::path& path, const Take& take) {
  LATHE_TRY(const std::unique_ptr<data::DocumentFile> file, data::open_document_file(path));
  std::vector<std::string> texts;
  for (int64_t group = 0;; ++group) {
    LATHE_TRY(const bool found, file->read_group(group, texts));
    if (!found) return {};
    for (const std::string& text : texts) LATHE_TRY_STATUS(take("", text));
  }
}

}  // namespace

Result<TrainingTexts> TrainingTexts::open_corpus(const fs::path& folder_or_manifest, const std::string& remedy) {
  LATHE_TRY(const Manifest manifest, read_manifest(folder_or_manifest, "corpus", remedy));
  std::error_code code;
  const fs::path folder = fs::is_directory(folder_or_manifest, code) ? folder_or_manifest : folder_or_manifest.parent_path();
  LATHE_TRY_STATUS(verify_outputs(folder, manifest, remedy));
  TrainingTexts texts;
  for (const FileRecord& record : manifest.outputs) {
    if (!is_document_file(record.path) || !fs::path(record.path).filename().string().starts_with("shard_")) continue;
    texts.files_.push_back(folder / record.path);
    texts.inputs_.push_back(record);
  }
  if (texts.files_.empty()) return error_at(folder_or_manifest.string(), -1, "lists no shards; ", remedy);
  return texts;
}

Result<TrainingTexts> TrainingTexts::open_files(const fs::path& path) {
  LATHE_TRY(const auto corpus, data::Corpus::open(path, data::SplitRule::kTrainOnly));
  TrainingTexts texts;
  texts.files_ = corpus->files();
  for (const fs::path& file : texts.files_) {
    LATHE_TRY(FileRecord record, record_file(file));
    texts.inputs_.push_back(std::move(record));
  }
  return texts;
}

Status TrainingTexts::for_each(const Take& take) const {
  Progress progress("reading", static_cast<int64_t>(files_.size()), "files");
  int64_t read = 0;
  for (const fs::path& file : files_) {
    LATHE_TRY_STATUS(is_jsonl(file) ? read_jsonl(file, take) : read_groups(file, take));
    progress.update(++read);
  }
  progress.finish();
  return {};
}

}  // namespace lathe::cli
