#include "eval/answer_file.h"

#include <algorithm>
#include <set>

#include "core/text.h"
#include "eval/results.h"

namespace lathe::eval {
namespace {

struct Named {
  std::string file;
  Json data;
};

// The answers' files that the summary of a folder names.
std::vector<Named> named_by_summary(const fs::path& folder) {
  std::vector<Named> out;
  const Result<Json> summary = read_json(folder / kSummaryFile);
  if (!summary.ok() || !summary.value().is_object()) return out;
  for (const auto& [section, figures] : summary.value().as_object()) {
    if (section == "about" || !figures.is_object()) continue;
    for (const auto& [name, figure] : figures.as_object()) {
      const std::string file = figure.is_object() ? figure.get_string("answers", "") : "";
      if (file.empty()) continue;
      const Json* data = figure.find("data");
      out.push_back({file, data != nullptr ? *data : Json()});
    }
  }
  return out;
}

Json data_of_summary(const fs::path& file) {
  for (const Named& named : named_by_summary(file.parent_path()))
    if (named.file == file.filename().string()) return named.data;
  return {};
}

std::string plain(std::string_view text) {
  std::string out;
  for (const char c : repair_utf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\t')
      out += "    ";
    else if ((byte < 0x20 && c != '\n') || byte == 0x7f)
      out += format_text("\\x%02x", byte);
    else
      out += c;
  }
  return out;
}

// Lines of at most `columns` code points, broken at blanks where there are any.
std::vector<std::string> wrap(const std::string& text, size_t columns) {
  std::vector<std::string> lines;
  for (const std::string& line : split_text(text, '\n')) {
    std::string rest = line;
    for (;;) {
      size_t bytes = 0, count = 0, blank = 0;
      while (bytes < rest.size() && count < columns) {
        if (rest[bytes] == ' ') blank = bytes;
        do ++bytes;
        while (bytes < rest.size() && (static_cast<unsigned char>(rest[bytes]) & 0xc0) == 0x80);
        ++count;
      }
      if (bytes == rest.size()) break;
      if (rest[bytes] == ' ') blank = bytes;
      const size_t end = blank > 0 ? blank : bytes;
      lines.push_back(rest.substr(0, end));
      rest.erase(0, blank > 0 ? end + 1 : end);
    }
    lines.push_back(rest);
  }
  return lines;
}

std::string text_of(const Json& value) {
  if (value.is_string()) return value.as_string();
  if (value.is_null()) return "";
  return value.dump();
}

class Page {
 public:
  explicit Page(size_t width) : width_(width) {}
  void rule(const std::string& left, const std::string& right) {
    const size_t used = count(left) + count(right) + 10;
    text_ += "--- " + left + " " + std::string(used < width_ ? width_ - used : 1, '-') + (right.empty() ? "----" : " " + right + " ---") + "\n";
  }
  void field(const std::string& name, const std::string& value) {
    bool first = true;
    const size_t begin = value.find_first_not_of("\r\n"), end = value.find_last_not_of("\r\n \t");
    if (begin == std::string::npos || end == std::string::npos || begin > end) return;
    for (const std::string& line : wrap(plain(std::string_view(value).substr(begin, end + 1 - begin)), width_ - kIndent)) {
      std::string start = first ? "  " + name : "";
      start.resize(std::max(kIndent, start.size() + 1), ' ');
      text_ += std::string(trim_right(start + line)) + "\n";
      first = false;
    }
  }
  std::string take() { return std::move(text_); }

 private:
  static constexpr size_t kIndent = 12;
  static size_t count(const std::string& text) { return static_cast<size_t>(count_code_points(text)); }
  static std::string_view trim_right(std::string_view text) {
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
  }
  size_t width_;
  std::string text_;
};

std::string verdict_of(const Json& answer) {
  const std::optional<bool> correct = is_correct(answer);
  return !correct ? "" : *correct ? "right" : "WRONG";
}

const Json* sample_of(const Json& answer, const char* key, size_t i) {
  const Json* list = answer.find(key);
  return list != nullptr && list->is_array() && i < list->size() ? &list->at(i) : nullptr;
}

void add_samples(const Json& answer, const Json& outputs, Page& page) {
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Json *right = sample_of(answer, "right", i), *judged = sample_of(answer, "answer", i), *note = sample_of(answer, "note", i);
    const bool is_right = right != nullptr && right->is_bool() && right->as_bool();
    page.field(join_text("output ", i + 1), text_of(outputs.at(i)));
    page.field("", join_text("-> ", judged != nullptr ? text_of(*judged) : "", right == nullptr ? "" : is_right ? "  (right)" : "  (wrong)",
                             note != nullptr && !text_of(*note).empty() ? ": " + text_of(*note) : ""));
  }
}

// The options of a question, each with the mean loss that decided.
void add_options(const Json& options, const Json& losses, Page& page) {
  for (size_t i = 0; i < options.size(); ++i) {
    const Json* loss = i < losses.size() ? &losses.at(i) : nullptr;
    page.field(i == 0 ? "options" : "", join_text(loss != nullptr && loss->is_number() ? format_text("%8.4f", loss->as_double()) : "       -", "  ", text_of(options.at(i))));
  }
}

}  // namespace

std::optional<bool> is_correct(const Json& answer) {
  const Json* value = answer.find("correct");
  return value != nullptr && value->is_bool() ? std::optional(value->as_bool()) : std::nullopt;
}

std::optional<double> score_of(const Json& answer) {
  const Json* value = answer.find("score");
  return value != nullptr && value->is_number() ? std::optional(value->as_double()) : std::nullopt;
}

Result<AnswerFile> read_answer_file(const fs::path& file) {
  AnswerFile out{file.stem().string(), file, {}, data_of_summary(file)};
  LATHE_TRY(const std::string text, read_file(file));
  std::set<int64_t> seen;
  int64_t number = 0;
  for (const std::string& line : split_text(text, '\n')) {
    ++number;
    if (trim_text(line).empty()) continue;
    LATHE_TRY(Json answer, parse_json(line, file.string() + " line " + std::to_string(number)));
    const Json* index = answer.is_object() ? answer.find("index") : nullptr;
    if (index == nullptr || !index->is_int()) return error_at(file.string(), -1, "line ", number, ": an answer must be an object with an \"index\"; run the evaluation again");
    if (!seen.insert(index->as_int()).second) return error_at(file.string(), -1, "line ", number, ": index ", index->as_int(), " stands twice");
    out.answers.push_back(std::move(answer));
  }
  std::stable_sort(out.answers.begin(), out.answers.end(), [](const Json& a, const Json& b) { return a.at("index").as_int() < b.at("index").as_int(); });
  return out;
}

Result<std::vector<AnswerFile>> read_answer_files(const fs::path& path) {
  std::error_code code;
  std::vector<fs::path> files;
  if (!fs::is_directory(path, code)) {
    files.push_back(path);
  } else {
    for (const Named& named : named_by_summary(path))
      if (named.file.ends_with(".jsonl") && named.file.find('/') == std::string::npos) files.push_back(path / named.file);
    if (const Result<Json> summary = read_json(path / kSummaryFile); files.empty() && fs::exists(path / kSummaryFile, code) && !summary.ok())
      return error(summary.error().to_string(), "; run the evaluation again, or name an answers' file itself");
    std::sort(files.begin(), files.end());
    files.erase(std::unique(files.begin(), files.end()), files.end());
    if (files.empty()) return error_at(path.string(), -1, "has no " + std::string(kSummaryFile) + " that names answers; `lathe eval chat`, `eval tasks` or `eval core` writes them");
  }
  std::vector<AnswerFile> out;
  for (const fs::path& file : files) {
    LATHE_TRY(AnswerFile answers, read_answer_file(file));
    out.push_back(std::move(answers));
  }
  return out;
}

std::string answer_text(const std::string& task, const Json& answer, size_t width) {
  Page page(width);
  const std::string kind = plain(answer.get_string("kind", ""));
  page.rule(join_text(task, ", item ", answer.get_int("index", -1), kind.empty() ? "" : " (" + kind + ")"), verdict_of(answer));
  const auto field = [&](const char* name, const char* key) {
    if (const Json* value = answer.find(key); value != nullptr && !text_of(*value).empty()) page.field(name, text_of(*value));
  };
  field("question", "prompt");
  const Json* outputs = answer.find("output");
  if (outputs != nullptr && outputs->is_array()) {
    add_samples(answer, *outputs, page);
  } else {
    const Json *options = answer.find("options"), *losses = answer.find("losses");
    const bool chosen = options != nullptr && options->is_array() && losses != nullptr && losses->is_array();
    if (chosen) add_options(*options, *losses, page);
    field("output", "output");
    if (!chosen && (outputs == nullptr || answer.find("answer") == nullptr || *outputs != answer.at("answer"))) field("judged", "answer");
    field("note", "note");
  }
  field("expected", "expected");
  if (const Json* letters = answer.find("letters"); letters != nullptr && letters->is_object()) {
    std::string line;
    for (const auto& [letter, logit] : letters->as_object()) line += join_text(line.empty() ? "" : "  ", letter, " ", logit.is_number() ? format_text("%.3f", logit.as_double()) : "");
    page.field("logits", line);
  }
  if (const std::optional<double> score = score_of(answer)) page.field("score", format_text("%.4f", *score));
  if (const Json* finished = answer.find("finished"); finished != nullptr && finished->is_bool() && !finished->as_bool()) page.field("", "(cut off at the limit of new tokens)");
  if (answer.get_bool("cut", false)) page.field("", "(the question was too long and lost its end)");
  return page.take();
}

}  // namespace lathe::eval
