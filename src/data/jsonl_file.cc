#include "core/json.h"
#include "data/text_document_file.h"

namespace lathe::data {
namespace {

std::string key_list(const Json& object) {
  std::string names;
  for (const auto& [key, value] : object.as_object()) {
    if (names.size() > 200) return names + ", ...";
    names += (names.empty() ? "" : ", ") + key;
  }
  return names.empty() ? "none" : names;
}

class JsonlFile : public TextDocumentFile {
 public:
  using TextDocumentFile::TextDocumentFile;

 private:
  Result<bool> next_document(LineReader& lines, std::string* text) override {
    std::string_view line;
    do {
      LATHE_TRY(const bool found, lines.next(line));
      if (!found) return false;
    } while (trim_text(line).empty());
    if (text == nullptr) return true;

    const std::string where = join_text("line ", lines.line_number());
    if (const int64_t bad = first_invalid_utf8(line); bad >= 0)
      return error_at(path().string(), -1, where, ": invalid UTF-8 at byte ", bad,
                      " of the line; a .jsonl file must be UTF-8 (repair it with iconv -c -t UTF-8)");
    auto parsed = parse_json(line, path().string());
    if (!parsed.ok())
      return error_at(path().string(), -1, where, ", byte ", parsed.error().offset,
                      ": ", parsed.error().message,
                      "; mend or remove that line, or get the file again if it was cut short");
    Json& row = parsed.value();
    if (!row.is_object())
      return error_at(path().string(), -1, where, ": expected an object with a field \"text\", got ", row.type_name());
    Json* field = row.find("text");
    if (field == nullptr) field = row.find("content");
    if (field == nullptr)
      return error_at(path().string(), -1, where,
                      ": no field \"text\" or \"content\"; its fields are: ", key_list(row));
    if (!field->is_string())
      return error_at(path().string(), -1, where, ": the field \"text\" must be text, not ", field->type_name());
    *text = field->as_string();
    return true;
  }
};

}  // namespace

Result<std::unique_ptr<DocumentFile>> open_jsonl(const fs::path& path, int64_t group_documents) {
  return std::unique_ptr<DocumentFile>(std::make_unique<JsonlFile>(path, group_documents));
}

}  // namespace lathe::data
