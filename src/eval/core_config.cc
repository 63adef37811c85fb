#include "eval/core_config.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>

#include "core/text.h"

namespace lathe::eval {
namespace {

constexpr CoreKind kKinds[] = {CoreKind::kMultipleChoice, CoreKind::kSchema, CoreKind::kLanguageModelling};

std::optional<double> number_of(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != 0 || !std::isfinite(value)) return std::nullopt;
  return value;
}

// Without the mark that some editors put before UTF-8.
Result<std::string> read_marked_text(const fs::path& file) {
  LATHE_TRY(std::string text, read_file(file));
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  return text;
}

// Records of fields; quoted fields may hold commas, line ends and doubled quotes (RFC 4180).
Result<std::vector<std::vector<std::string>>> parse_csv(std::string_view text, const std::string& path) {
  std::vector<std::vector<std::string>> records;
  std::vector<std::string> record;
  std::string field;
  bool quoted = false;
  size_t opened = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : '\n';
    if (quoted && i < text.size()) {
      if (c != '"') field += c;
      else if (i + 1 < text.size() && text[i + 1] == '"') field += text[++i];
      else quoted = false;
    } else if (quoted) {
      return error_at(path, static_cast<int64_t>(opened), "a quoted field does not end");
    } else if (c == '"') {
      quoted = true;
      opened = i;
    } else if (c == ',' || c == '\n') {
      if (!field.empty() && field.back() == '\r') field.pop_back();
      record.push_back(std::exchange(field, {}));
      if (c == ',') continue;
      if (record.size() > 1 || !record[0].empty()) records.push_back(std::move(record));
      record.clear();
    } else {
      field += c;
    }
  }
  return records;
}

// One line of a list: how far it is indented, and its words without comment.
struct Line {
  int64_t number = 0;
  size_t indent = 0;
  std::string_view text;
};

class CoreYaml {
 public:
  CoreYaml(std::string_view text, std::string path) : path_(std::move(path)) {
    int64_t number = 0;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      std::string_view line = text.substr(begin, end - begin);
      ++number;
      begin = end + 1;
      const size_t first = line.find_first_not_of(' ');
      line = trim_text(line);
      if (line.empty() || line.front() == '#' || line == "---") continue;
      lines_.push_back({number, first, line});
    }
  }

  // The mappings of the list `key`, each from key to its values.
  using Item = std::vector<std::pair<std::string, std::vector<std::string>>>;
  struct Task {
    int64_t line;
    Item values;
  };
  Result<std::vector<Task>> list(std::string_view key) {
    size_t at = 0;
    while (at < lines_.size() && !(lines_[at].indent == 0 && lines_[at].text.starts_with(std::string(key) + ":"))) ++at;
    if (at == lines_.size()) return error_at(path_, -1, "no key ", key);
    std::vector<Task> out;
    std::optional<size_t> dash, column;  // of the list and of the keys of the item
    for (++at; at < lines_.size(); ++at) {
      Line line = lines_[at];
      const bool item = line.text == "-" || line.text.starts_with("- ");
      if (item && line.indent <= dash.value_or(line.indent)) {
        if (dash && line.indent < *dash) break;
        dash = line.indent;
        column.reset();
        out.push_back({line.number, {}});
        const size_t word = line.text.find_first_not_of(' ', 1);
        if (word == std::string_view::npos) continue;
        line.indent += word;
        line.text.remove_prefix(word);
      } else if (!dash || line.indent <= *dash) {
        break;  // the list's end
      }
      if (!column) column = line.indent;
      if (line.indent > *column) continue;  // inside a value that is not read
      if (line.indent < *column) return wrong(line, "a key that is not in line with the others of its task");
      LATHE_TRY_STATUS(add_key(line, out.back().values));
    }
    return out;
  }

 private:
  Error wrong(const Line& line, const std::string& what) const { return error_at(path_, -1, "line ", line.number, ": ", what); }

  Status add_key(const Line& line, Item& item) const {
    const size_t colon = line.text.find(':');
    if (colon == std::string_view::npos || (colon + 1 < line.text.size() && line.text[colon + 1] != ' ')) return wrong(line, "expected \"key: value\"");
    const std::string key(trim_text(line.text.substr(0, colon)));
    std::string_view rest = trim_text(line.text.substr(colon + 1));
    std::vector<std::string> values;
    if (rest.starts_with('[')) {
      rest.remove_prefix(1);
      while (true) {
        rest = trim_text(rest);
        if (rest.empty()) return wrong(line, "a list that does not end");
        if (rest.front() == ']') break;
        LATHE_TRY(values.emplace_back(), scalar(line, rest, ",]"));
        rest = trim_text(rest);
        if (rest.starts_with(',')) rest.remove_prefix(1);
        else if (!rest.starts_with(']')) return wrong(line, "expected , or ] in a list");
      }
      rest.remove_prefix(1);
    } else if (!rest.empty() && rest.front() != '#') {
      LATHE_TRY(values.emplace_back(), scalar(line, rest, ""));
    }
    rest = trim_text(rest);
    if (!rest.empty() && rest.front() != '#') return wrong(line, join_text("\"", rest, "\" after the value"));
    item.emplace_back(key, std::move(values));
    return {};
  }

  // Takes one value off the front of `rest`; a plain one ends before a comment or one of `ends`.
  Result<std::string> scalar(const Line& line, std::string_view& rest, std::string_view ends) const {
    const char quote = rest.front();
    if (quote != '"' && quote != '\'') {
      size_t end = std::min(rest.find(" #"), rest.size());
      if (!ends.empty()) end = std::min(end, rest.find_first_of(ends));
      std::string out(trim_text(rest.substr(0, end)));
      rest.remove_prefix(end);
      return out;
    }
    std::string out;
    for (size_t i = 1; i < rest.size(); ++i) {
      if (rest[i] == quote && quote == '\'' && i + 1 < rest.size() && rest[i + 1] == quote) {
        out += rest[i++];
      } else if (rest[i] == quote) {
        rest.remove_prefix(i + 1);
        return out;
      } else if (quote == '"' && rest[i] == '\\' && i + 1 < rest.size()) {
        constexpr std::string_view kFrom = "ntr0\\\"/ ", kTo("\n\t\r\0\\\"/ ", 8);
        const size_t which = kFrom.find(rest[++i]);
        if (which == std::string_view::npos) return wrong(line, join_text("no escape \\", rest[i], " is known; there are n t r 0 \\ \" /"));
        out += kTo[which];
      } else {
        out += rest[i];
      }
    }
    return wrong(line, "a quoted value that does not end");
  }

  std::string path_;
  std::vector<Line> lines_;
};

const std::vector<std::string>* find_value(const CoreYaml::Item& item, std::string_view key) {
  for (const auto& [name, values] : item)
    if (name == key && !values.empty()) return &values;
  return nullptr;
}

Result<CoreTask> task_of(const CoreYaml::Task& given, const std::string& path, const fs::path& data_folder,
                         const std::map<std::string, double>& baselines) {
  const auto wrong = [&](const auto&... parts) { return error_at(path, -1, "task of line ", given.line, ": ", parts...); };
  CoreTask task;
  for (const char* key : {"label", "icl_task_type", "dataset_uri", "num_fewshot"})
    if (find_value(given.values, key) == nullptr) return wrong("no ", key);
  task.label = find_value(given.values, "label")->front();
  if (task.label.empty() || task.label.find_first_of("/\\,\n") != std::string::npos || task.label.front() == '.')
    return wrong("\"", task.label, "\" is no name for a task: files are called by it");

  const std::string& kind = find_value(given.values, "icl_task_type")->front();
  const auto known = std::find_if(std::begin(kKinds), std::end(kKinds), [&](CoreKind k) { return kind == core_kind_name(k); });
  if (known == std::end(kKinds)) return wrong("icl_task_type ", kind, " is none of multiple_choice, schema, language_modeling");
  task.kind = *known;

  const std::string& uri = find_value(given.values, "dataset_uri")->front();
  task.file = data_folder / uri;
  std::error_code code;
  if (const fs::path beside = fs::path(path).parent_path() / uri; !fs::exists(task.file, code) && fs::exists(beside, code)) task.file = beside;

  const std::string& shots = find_value(given.values, "num_fewshot")->front();
  const std::optional<double> count = number_of(shots);
  if (!count || *count < 0 || *count > 10000 || *count != std::floor(*count)) return wrong("num_fewshot ", shots, " is no count");
  task.num_fewshot = static_cast<int64_t>(*count);
  if (const auto* delimiter = find_value(given.values, "continuation_delimiter")) task.delimiter = delimiter->front();

  if (const auto* own = find_value(given.values, "random_baseline")) {
    const std::optional<double> percent = number_of(own->front());
    if (!percent) return wrong("random_baseline ", own->front(), " is no number");
    task.random_baseline = *percent;
  } else if (const auto found = baselines.find(task.label); found != baselines.end()) {
    task.random_baseline = found->second;
  } else {
    return wrong(task.label, " has no random baseline; add a line for it to eval_meta_data.csv, or the key random_baseline (percent)");
  }
  if (task.random_baseline < 0 || task.random_baseline >= 100) return wrong("a random baseline of ", task.random_baseline, " percent");
  return task;
}

}  // namespace

const char* core_kind_name(CoreKind kind) {
  switch (kind) {
    case CoreKind::kMultipleChoice: return "multiple_choice";
    case CoreKind::kSchema: return "schema";
    case CoreKind::kLanguageModelling: return "language_modeling";
  }
  return "";
}

Result<std::map<std::string, double>> read_random_baselines(const fs::path& csv) {
  LATHE_TRY(const std::string text, read_marked_text(csv));
  LATHE_TRY(const auto records, parse_csv(text, csv.string()));
  if (records.empty()) return error_at(csv.string(), -1, "the table is empty");
  const auto column = [&](const char* name) {
    return static_cast<size_t>(std::find(records[0].begin(), records[0].end(), name) - records[0].begin());
  };
  const size_t task = column("Eval Task"), baseline = column("Random baseline");
  if (std::max(task, baseline) >= records[0].size()) return error_at(csv.string(), 0, "needs the columns \"Eval Task\" and \"Random baseline\"");
  std::map<std::string, double> out;
  for (size_t i = 1; i < records.size(); ++i) {
    if (std::max(task, baseline) >= records[i].size()) return error_at(csv.string(), -1, "record ", i + 1, " has ", records[i].size(), " fields");
    if (const std::optional<double> percent = number_of(records[i][baseline])) out[records[i][task]] = *percent;
  }
  return out;
}

Result<std::vector<CoreTask>> read_core_tasks(const fs::path& yaml, const fs::path& data_folder, const std::map<std::string, double>& baselines) {
  LATHE_TRY(const std::string text, read_marked_text(yaml));
  LATHE_TRY(const auto given, CoreYaml(text, yaml.string()).list("icl_tasks"));
  std::vector<CoreTask> out;
  for (const CoreYaml::Task& task : given) {
    LATHE_TRY(out.emplace_back(), task_of(task, yaml.string(), data_folder, baselines));
    for (size_t i = 0; i + 1 < out.size(); ++i)
      if (out[i].label == out.back().label) return error_at(yaml.string(), -1, "task of line ", task.line, ": ", out.back().label, " stands there twice");
  }
  if (out.empty()) return error_at(yaml.string(), -1, "icl_tasks holds no task");
  return out;
}

Result<std::vector<CoreTask>> read_core_bundle(const fs::path& folder) {
  LATHE_TRY(const auto baselines, read_random_baselines(folder / "eval_meta_data.csv"));
  return read_core_tasks(folder / "core.yaml", folder / "eval_data", baselines);
}

}  // namespace lathe::eval
