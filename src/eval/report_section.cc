#include "eval/report_section.h"

#include <algorithm>

#include "core/text.h"

namespace lathe::eval {
namespace {

// The text after `key` at the start of a line.
std::string line_after(const std::string& text, const std::string& key) {
  for (const std::string& line : split_text(text, '\n'))
    if (line.starts_with(key)) return std::string(trim_text(line.substr(key.size())));
  return "";
}

Result<ReportSection> read_section(const fs::path& markdown) {
  ReportSection section;
  section.slug = markdown.stem().string();
  LATHE_TRY(section.markdown, read_file(markdown));
  section.title = line_after(section.markdown, "## ");
  section.timestamp = line_after(section.markdown, "timestamp:");
  section.items = Json::object();
  section.figures = Json::object();
  fs::path twin = markdown;
  twin.replace_extension(".json");
  std::error_code code;
  if (!fs::exists(twin, code)) return section;
  LATHE_TRY(const Json json, read_json(twin));
  if (const Json* figures = json.find("figures"); figures != nullptr && figures->is_object()) section.figures = *figures;
  const Json* items = json.find("items");
  if (items == nullptr || !items->is_array()) return error_at(twin.string(), -1, "holds no list \"items\"");
  for (const Json& item : items->as_array())
    if (item.is_object())
      for (const auto& [key, value] : item.as_object()) section.items[key] = value;
  return section;
}

}  // namespace

const std::vector<KnownSection>& known_sections() {
  static const std::vector<KnownSection> list = {{"tokenizer-training"},
                                                 {"tokenizer-evaluation"},
                                                 {"base-model-training"},
                                                 {"base-model-evaluation"},
                                                 {"chat-evaluation-base", false},
                                                 {"midtraining", false},
                                                 {"chat-evaluation-mid", false},
                                                 {"sft"},
                                                 {"chat-evaluation-sft"},
                                                 {"chat-dpo", false},
                                                 {"chat-evaluation-dpo", false},
                                                 {"chat-rl"},
                                                 {"chat-evaluation-rl"}};
  return list;
}

Result<std::vector<ReportSection>> read_report_sections(const fs::path& base) {
  std::vector<ReportSection> found;
  std::error_code code;
  if (!fs::is_directory(base / "report", code)) return found;
  LATHE_TRY(const std::vector<fs::path> files, list_files(base / "report", {".md"}, false));
  for (const fs::path& file : files) {
    if (file.filename() == "header.md" || file.filename() == "report.md") continue;
    LATHE_TRY(ReportSection section, read_section(file));
    found.push_back(std::move(section));
  }
  const auto& order = known_sections();
  const auto place = [&](const ReportSection& section) {
    return std::find_if(order.begin(), order.end(), [&](const KnownSection& known) { return known.slug == section.slug; }) - order.begin();
  };
  std::stable_sort(found.begin(), found.end(), [&](const auto& a, const auto& b) { return place(a) < place(b); });
  return found;
}

}  // namespace lathe::eval
