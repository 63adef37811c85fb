#include "data/record_reader.h"

#include "core/json.h"

namespace lathe::data {
namespace {

constexpr int64_t kSmallGroup = 64;  // documents of a text file taken at a time

bool is_json_lines(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.ends_with(".jsonl") || name.ends_with(".jsonl.gz") || name.ends_with(".jsonl.zst");
}

std::string relative_name(const fs::path& file, const fs::path& root) {
  const fs::path relative = file.lexically_relative(root);
  return relative.empty() || relative == "." || *relative.begin() == ".." ? file.filename().string()
                                                                          : relative.generic_string();
}

// A name may be a string, or a whole number that becomes its text; anything else is as if it were missing.
std::string name_of(const Json& record, const char* key) {
  const Json* value = record.find(key);
  if (value == nullptr) return "";
  return value->is_string() ? value->as_string() : value->is_int() ? std::to_string(value->as_int()) : "";
}

Status decode_line(std::string_view line, Record& record) {
  JsonLimits limits;
  limits.allow_comments = limits.allow_bare_words = false;
  Result<Json> parsed = parse_json(line, "", limits);
  if (!parsed.ok()) return error("is not JSON: ", parsed.error().message);
  Json& json = parsed.value();
  if (!json.is_object()) return error("is not a JSON object");
  Json* text = json.find("text");
  if (text == nullptr) text = json.find("content");
  if (text == nullptr) return error("has neither \"text\" nor \"content\"");
  if (!text->is_string()) return error("has a text that is not a string");
  record = {text->as_string(), name_of(json, "source"), name_of(json, "id")};
  return {};
}

}  // namespace

Result<bool> RecordReader::next(RecordBlock& block, int64_t bytes) {
  for (; file_ < files_.size(); ++file_) {
    block.file = relative_name(files_[file_], root_);
    block.lines.clear();
    block.records.clear();
    LATHE_TRY(const bool found, is_json_lines(files_[file_]) ? next_lines(block, bytes) : next_group(block));
    if (found) return true;
    lines_.reset();
    documents_.reset();
  }
  return false;
}

Result<bool> RecordReader::next_lines(RecordBlock& block, int64_t bytes) {
  if (lines_ == nullptr) {
    LATHE_TRY(lines_, LineReader::open(files_[file_]));
  }
  block.first_line = lines_->line_number() + 1;
  std::string_view line;
  while (static_cast<int64_t>(block.lines.size()) < bytes) {
    LATHE_TRY(const bool found, lines_->next(line));
    if (!found) break;
    block.lines.append(line);
    block.lines += '\n';
  }
  return !block.lines.empty();
}

Result<bool> RecordReader::next_group(RecordBlock& block) {
  if (documents_ == nullptr) {
    LATHE_TRY(documents_, open_document_file(files_[file_], kSmallGroup));
    group_ = document_ = 0;
  }
  LATHE_TRY(const bool found, documents_->read_group(group_++, texts_));
  if (!found) return false;
  for (std::string& text : texts_) {
    const int64_t number = document_++;
    if (!text.empty()) block.records.push_back({std::move(text), block.file, join_text(block.file, '#', number)});
  }
  return true;
}

Status decode(RecordBlock& block) {
  if (block.lines.empty()) return {};
  block.records.clear();
  int64_t number = block.first_line;
  const std::string_view all = block.lines;
  for (size_t begin = 0; begin < all.size(); ++number) {
    const size_t end = all.find('\n', begin);
    const std::string_view line = all.substr(begin, end - begin);
    begin = end + 1;
    if (trim_text(line).empty()) continue;
    Record record;
    if (const Status status = decode_line(line, record); !status.ok())
      return error_at(block.file, number, "line ", number, " ", status.error().message);
    if (record.text.empty()) continue;
    if (record.source.empty()) record.source = block.file;
    if (record.id.empty()) record.id = join_text(block.file, '#', number);
    block.records.push_back(std::move(record));
  }
  return {};
}

}  // namespace lathe::data
