#include "cli/report_section.h"

#include <algorithm>
#include <cctype>
#include <cmath>

namespace lathe::cli {
namespace {

constexpr int64_t kThousandsFrom = 10'000;
constexpr int kSchema = 1;

bool is_empty(const Json& item) {
  if (item.is_null()) return true;
  if (item.is_bool()) return !item.as_bool();
  if (item.is_number()) return item.as_double() == 0;
  if (item.is_string()) return item.as_string().empty();
  return item.size() == 0;
}

std::string to_markdown(const std::string& section, const std::string& time, const std::vector<Json>& items) {
  std::string text = join_text("## ", section, "\ntimestamp: ", time, "\n\n");
  for (const Json& item : items) {
    if (is_empty(item)) continue;
    if (!item.is_object()) {
      text += report_value(item);
      continue;
    }
    for (const auto& [key, value] : item.as_object()) text += join_text("- ", key, ": ", report_value(value), '\n');
  }
  return text + "\n";
}

}  // namespace

std::string report_slug(const std::string& section) {
  std::string slug = section;
  for (char& c : slug) c = c == ' ' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return slug;
}

std::string report_value(const Json& value) {
  if (value.is_null()) return "None";
  if (value.is_bool()) return value.as_bool() ? "True" : "False";
  if (value.is_string()) return value.as_string();
  if (value.is_int()) return value.as_int() >= kThousandsFrom ? with_thousands(value.as_int()) : value.dump();
  if (!value.is_number()) return value.dump();
  const double number = value.as_double();
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  return format_text("%.4f", number);
}

Result<fs::path> write_report_section(const fs::path& base, const std::string& section, const std::vector<Json>& items,
                                      const Clock& clock, const Json& figures) {
  const std::string time = clock.local_time();
  const fs::path folder = base / "report", markdown = folder / (report_slug(section) + ".md");
  Json twin = Json::object();
  twin["schema"] = kSchema;
  twin["section"] = section;
  twin["timestamp"] = time;
  twin["items"] = Json(items);
  if (figures.is_object()) twin["figures"] = figures;
  LATHE_TRY_STATUS(write_json_atomic(folder / (report_slug(section) + ".json"), twin));
  LATHE_TRY_STATUS(write_file_atomic(markdown, to_markdown(section, time, items)));
  return markdown;
}

}  // namespace lathe::cli
