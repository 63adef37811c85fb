#include "eval/report.h"

#include <algorithm>
#include <ctime>
#include <optional>

#include "core/text.h"
#include "eval/report_curves.h"
#include "eval/report_header.h"
#include "eval/report_section.h"
#include "plot/html_page.h"

namespace lathe::eval {
namespace {

struct Stage {
  std::string source, column, section;
  std::vector<std::string> metrics;  // read from the section, beside the built-in tasks
  bool always = true;                // a column even without figures
};
const std::vector<Stage>& stages() {
  static const std::vector<std::string> chat = {"ARC-Easy", "ARC-Challenge", "MMLU", "GSM8K", "HumanEval", "ChatCORE"};
  static const std::vector<Stage> list = {{"base", "BASE", "base-model-evaluation", {"CORE", "val bpb"}},
                                          {"mid", "MID", "chat-evaluation-mid", chat, false},
                                          {"sft", "SFT", "chat-evaluation-sft", chat},
                                          {"dpo", "DPO", "chat-evaluation-dpo", chat, false},
                                          {"rl", "RL", "chat-evaluation-rl", {"GSM8K"}}};
  return list;
}

// Everything on disk that a report is made of.
struct Findings {
  std::string tag, now, header;
  std::vector<ReportSection> sections;
  std::vector<std::string> missing;
  std::vector<RunCurves> curves;
  Json tasks = Json::object();    // by source, then by task: scores of eval/task_score.h
  Json summary = Json::object();  // by metric, then by source: numbers
  std::string wall_clock = "unknown";
};

std::optional<std::time_t> time_of(const std::string& text) {
  std::tm parts{};
  if (::strptime(text.c_str(), "%Y-%m-%d %H:%M:%S", &parts) == nullptr) return std::nullopt;
  parts.tm_isdst = -1;
  return std::mktime(&parts);
}

// From the start of the run to the last section that is not of reinforcement learning (row C-13.13).
std::string wall_clock_of(const Findings& findings) {
  const auto start = time_of(run_started_of(findings.header));
  std::optional<std::time_t> end;
  for (const ReportSection& section : findings.sections) {
    const auto time = time_of(section.timestamp);
    if (time && !section.slug.ends_with("-rl") && (!end || *time > *end)) end = time;
  }
  if (!start || !end || *end < *start) return "unknown";
  const auto minutes = static_cast<long long>(*end - *start) / 60;
  return join_text(minutes / 60, "h", minutes % 60, "m");
}

// Of the keys that contain the name the last one that holds a number.
const Json* metric_of(const Json& items, const std::string& name) {
  const Json* found = nullptr;
  for (const auto& [key, value] : items.as_object())
    if (key.find(name) != std::string::npos && value.is_number()) found = &value;
  return found;
}

Json summary_of(const Findings& findings) {
  std::vector<std::pair<std::string, Json>> rows;
  const auto add = [&](const std::string& metric, const std::string& source, const Json& value) {
    auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.first == metric; });
    if (row == rows.end()) row = rows.insert(rows.end(), {metric, Json::object()});
    row->second[source] = value;
  };
  for (const Stage& stage : stages()) {
    for (const ReportSection& section : findings.sections)
      if (section.slug == stage.section)
        for (const std::string& metric : stage.metrics)
          if (const Json* value = metric_of(section.items, metric)) add(metric, stage.source, *value);
    if (const Json* tasks = findings.tasks.find(stage.source))
      for (const auto& [task, score] : tasks->as_object()) add(task, stage.source, score.get_double("accuracy", 0));
  }
  const auto place = [](const std::string& metric) { return metric == "CORE" ? 0 : metric == "ChatCORE" ? 2 : 1; };
  std::sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
    return std::pair(place(a.first), a.first) < std::pair(place(b.first), b.first);
  });
  Json out = Json::object();
  for (auto& [metric, values] : rows) out[metric] = std::move(values);
  return out;
}

Result<Json> read_tasks(const fs::path& base, const std::string& tag) {
  Json out = Json::object();
  std::error_code code;
  for (const Stage& stage : stages()) {
    const fs::path path = base / "eval_results" / tag / stage.source / "summary.json";
    if (tag.empty() || !fs::exists(path, code)) continue;
    LATHE_TRY(const Json summary, read_json(path));
    const Json* tasks = summary.find("tasks");
    if (tasks == nullptr && summary.is_object() && summary.contains("about")) continue;  // evaluations of other kinds alone
    if (tasks == nullptr || !tasks->is_object()) return error_at(path.string(), -1, "holds no \"tasks\"; run `lathe eval tasks` again");
    for (const auto& [task, score] : tasks->as_object())
      if (!score.is_object()) return error_at(path.string(), -1, "the score of \"", task, "\" is no object; run `lathe eval tasks` again");
    if (tasks->size() > 0) out[stage.source] = *tasks;
  }
  return out;
}

Result<Findings> find_all(const fs::path& base, const std::string& tag, const std::string& now) {
  Findings findings;
  findings.tag = tag;
  findings.now = now;
  std::error_code code;
  if (fs::exists(base / "report" / "header.md", code)) {
    LATHE_TRY(findings.header, read_file(base / "report" / "header.md"));
  }
  LATHE_TRY(findings.sections, read_report_sections(base));
  for (const KnownSection& known : known_sections())
    if (known.expected && std::none_of(findings.sections.begin(), findings.sections.end(), [&](const auto& s) { return s.slug == known.slug; }))
      findings.missing.push_back(known.slug);
  LATHE_TRY(findings.curves, read_curves(base, tag));
  LATHE_TRY(findings.tasks, read_tasks(base, tag));
  findings.summary = summary_of(findings);
  findings.wall_clock = wall_clock_of(findings);
  return findings;
}

// Columns 15 and 8 wide, "-" where a stage has no figure (row C-13.11).
std::string summary_table(const Json& summary) {
  std::vector<Stage> columns;
  for (const Stage& stage : stages()) {
    const auto& rows = summary.as_object();
    const bool used = std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.second.contains(stage.source); });
    if (stage.always || used) columns.push_back(stage);
  }
  std::string head = format_text("| %-15s |", "Metric"), rule = "|" + std::string(17, '-') + "|", body;
  for (const Stage& stage : columns) {
    head += format_text(" %-8s |", stage.column.c_str());
    rule += std::string(10, '-') + "|";
  }
  for (const auto& [metric, values] : summary.as_object()) {
    body += format_text("| %-15s |", metric.c_str());
    for (const Stage& stage : columns) {
      const Json* value = values.find(stage.source);
      body += format_text(" %-8s |", value != nullptr ? format_text("%.4f", value->as_double()).c_str() : "-");
    }
    body += "\n";
  }
  return head + "\n" + rule + "\n" + body + "\n";
}

double chance_of(const Json& score) { return std::max(score.get_double("majority_baseline", 0), score.get_double("random_baseline", 0)); }

std::string task_table(const Json& scores) {
  std::string out = "| task | right | 95 % interval | chance | cases | |\n|---|---|---|---|---|---|\n";
  for (const auto& [task, score] : scores.as_object())
    out += join_text("| ", score.get_string("title", task), " | ",
                     format_text("%.1f %% | %.1f - %.1f %% | %.1f %% | %lld | ", 100 * score.get_double("accuracy", 0),
                                 100 * score.get_double("low", 0), 100 * score.get_double("high", 1), 100 * chance_of(score),
                                 static_cast<long long>(score.get_int("n", 0))),
                     score.get_string("verdict", ""), " |\n");
  return out + "\n";
}

std::string task_picture(const std::string& source, const Json& scores) {
  plot::BarChart chart;
  chart.title = "Held-out cases answered right, " + source;
  chart.value_label = "share, with its 95 % interval";
  chart.baseline_name = "chance: always the most common answer, or a guess";
  for (const auto& [task, score] : scores.as_object()) {
    const double accuracy = score.get_double("accuracy", 0);
    chart.bars.push_back({score.get_string("title", task), accuracy, plot::Range{score.get_double("low", 0), score.get_double("high", 1)},
                          chance_of(score), format_text("%.1f %%", 100 * accuracy)});
  }
  return plot::bar_chart(chart);
}

std::string summary_text(const Findings& findings) {
  std::string out = findings.summary.size() > 0 ? summary_table(findings.summary) : "";
  for (const auto& [source, scores] : findings.tasks.as_object()) out += "Tasks, " + source + ":\n\n" + task_table(scores);
  return out + "Total wall clock time: " + findings.wall_clock + "\n";
}

std::string markdown_of(const Findings& findings) {
  std::string out = findings.header;
  for (const ReportSection& section : findings.sections) out += std::string(trim_text(section.markdown)) + "\n\n\n";
  out += "## Summary\n\n";
  const std::string sources = sources_block_of(findings.header);
  out += (sources.empty() ? "[facts of the run are missing: no header]\n" : sources) + "\n";
  return out + summary_text(findings);
}

std::string html_of(const Findings& findings) {
  plot::HtmlPage page("lathe report" + (findings.tag.empty() ? "" : ", " + findings.tag));
  page.heading(1, "lathe report" + (findings.tag.empty() ? "" : ", " + findings.tag));
  page.paragraph("Generated " + findings.now + ". Total wall clock time: " + findings.wall_clock + ".");
  if (findings.summary.size() > 0) page.markdown(summary_table(findings.summary));
  for (const auto& [source, scores] : findings.tasks.as_object()) {
    page.heading(2, "Tasks, " + source);
    page.picture(task_picture(source, scores));
    page.markdown(task_table(scores));
  }
  if (!findings.curves.empty()) page.heading(2, "Training");
  for (const RunCurves& run : findings.curves) page.picture(loss_picture(run));
  page.picture(bpb_picture(findings.curves));
  for (const ReportSection& section : findings.sections) page.markdown(section.markdown);
  std::string header = findings.header;
  if (header.starts_with("# ")) header.erase(0, header.find('\n'));
  page.markdown(header);
  return page.finish();
}

Json json_of(const Findings& findings) {
  Json out = Json::object();
  out["generated"] = findings.now;
  out["tag"] = findings.tag;
  out["run_started"] = run_started_of(findings.header);
  out["wall_clock"] = findings.wall_clock;
  out["summary"] = findings.summary;
  out["tasks"] = findings.tasks;
  out["curves"] = Json::object();
  for (const RunCurves& run : findings.curves) out["curves"][run.stage] = run.to_json();
  out["sections"] = Json::object();
  for (const ReportSection& section : findings.sections)
    out["sections"][section.slug] = Json(Json::Object{{"title", section.title}, {"timestamp", section.timestamp}, {"items", section.items}});
  out["missing"] = Json(Json::Array(findings.missing.begin(), findings.missing.end()));
  return out;
}

}  // namespace

Result<Report> make_report(const fs::path& base, const std::string& tag, const std::string& now) {
  LATHE_TRY(const Findings findings, find_all(base, tag, now));
  Report report;
  if (findings.header.empty())
    report.warnings.push_back("no header.md: run `lathe report reset` at the start of a run, so that the report knows when it began");
  for (const std::string& slug : findings.missing) report.warnings.push_back("section " + slug + " is missing, skipped");
  report.markdown = markdown_of(findings);
  report.html = html_of(findings);
  report.json = json_of(findings);
  return report;
}

Status write_report(const fs::path& base, const Report& report) {
  LATHE_TRY_STATUS(write_file_atomic(base / "report" / "report.md", report.markdown));
  LATHE_TRY_STATUS(write_file_atomic(base / "report" / "report.html", report.html));
  return write_json_atomic(base / "report" / "report.json", report.json);
}

Status reset_report(const fs::path& base, const std::string& header) {
  const fs::path folder = base / "report";
  std::vector<fs::path> old = {folder / "report.md", folder / "report.html", folder / "report.json"};
  for (const KnownSection& known : known_sections())
    for (const char* ending : {".md", ".json"}) old.push_back(folder / (known.slug + ending));
  for (const fs::path& path : old) {
    std::error_code code;
    fs::remove(path, code);
    if (code) return error_at(path.string(), -1, "cannot be deleted: ", code.message());
  }
  return write_file_atomic(folder / "header.md", header);
}

}  // namespace lathe::eval
