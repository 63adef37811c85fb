#include "eval/compare_runs.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "core/check.h"
#include "core/text.h"
#include "eval/report_curves.h"
#include "eval/report_findings.h"
#include "eval/report_pictures.h"
#include "eval/report_tables.h"
#include "eval/stage_folders.h"
#include "plot/html_page.h"

namespace lathe::eval {
namespace {

// One figure of all runs; null where a run has none.
struct Row {
  std::string stage, name;
  std::vector<const Json*> cells;
};

const Json* member(const Json* object, const std::string& key) { return object != nullptr && object->is_object() ? object->find(key) : nullptr; }

std::vector<std::string> keys_of(const std::vector<const Json*>& objects) {
  std::vector<std::string> keys;
  for (const Json* object : objects)
    if (object != nullptr && object->is_object())
      for (const auto& [key, value] : object->as_object())
        if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
  return keys;
}

std::vector<const Json*> members(const std::vector<const Json*>& objects, const std::string& key) {
  std::vector<const Json*> out;
  for (const Json* object : objects) out.push_back(member(object, key));
  return out;
}

std::optional<double> number_of(const Json* cell) {
  if (cell == nullptr) return {};
  if (cell->is_number()) return cell->as_double();
  return cell->is_object() ? figure_value(*cell) : std::nullopt;
}

std::string cell_text(const Json* cell) {
  if (cell == nullptr) return "-";
  if (cell->is_number()) {
    const double number = cell->as_double();
    return std::abs(number) >= 1000 && std::abs(number) < 1e15 ? with_thousands(std::llround(number)) : format_text("%.4g", number);
  }
  if (!cell->is_object()) return cell->is_string() ? cell->as_string() : cell->dump();
  const std::string interval = interval_text(*cell);
  return figure_text(*cell) + (interval.empty() ? "" : " (" + interval + ")");
}

// Intervals that do not meet: more than noise, whatever the test.
bool is_apart(const Json& a, const Json& b) {
  if (!a.is_object() || !b.is_object() || !a.contains("low") || !b.contains("low")) return false;
  return a.get_double("low", 0) > b.get_double("high", 0) || b.get_double("low", 0) > a.get_double("high", 0);
}

std::string difference_text(const Row& row, size_t i) {
  const std::optional<double> first = number_of(row.cells[0]), now = number_of(row.cells[i]);
  if (!first || !now) return "";
  const bool share = row.cells[i]->is_object() && row.cells[i]->contains("accuracy");
  const std::string text = share ? format_text("%+.1f", 100 * (*now - *first)) : format_text("%+.4g", *now - *first);
  return text + (is_apart(*row.cells[0], *row.cells[i]) ? " **apart**" : "");
}

// The recorder's keys in a reader's words, with units.
std::string label_of(const std::string& key) {
  static const std::map<std::string, std::string> labels = {
      {"trained_tokens", "tokens trained on"}, {"tok_per_sec", "tokens per second"}, {"mfu", "share of the machine's limit (MFU)"},
      {"training_seconds", "training (s)"}, {"evaluation_seconds", "evaluation (s)"}};
  const auto found = labels.find(key);
  return found == labels.end() ? key : found->second;
}

std::string table_of(const std::vector<ComparedRun>& runs, const std::vector<Row>& rows) {
  if (rows.empty()) return "";
  std::string head = "| stage | figure |", rule = "|---|---|", body;
  for (size_t i = 0; i < runs.size(); ++i) {
    head += " " + runs[i].name + " |" + (i > 0 ? " difference |" : "");
    rule += i > 0 ? "---|---|" : "---|";
  }
  for (const Row& row : rows) {
    body += "| " + row.stage + " | " + label_of(row.name) + " |";
    for (size_t i = 0; i < runs.size(); ++i) body += " " + cell_text(row.cells[i]) + " |" + (i > 0 ? " " + difference_text(row, i) + " |" : "");
    body += "\n";
  }
  return head + "\n" + rule + "\n" + body + "\n";
}

Json rows_json(const std::vector<Row>& rows) {
  Json out = Json::array();
  for (const Row& row : rows) {
    Json values = Json::array(), differences = Json::array();
    const std::optional<double> first = number_of(row.cells[0]);
    for (size_t i = 0; i < row.cells.size(); ++i) {
      values.push_back(row.cells[i] != nullptr ? *row.cells[i] : Json());
      const std::optional<double> now = number_of(row.cells[i]);
      differences.push_back(first && now ? Json(*now - *first) : Json());
    }
    out.push_back(Json(Json::Object{{"stage", row.stage}, {"name", row.name}, {"values", std::move(values)}, {"differences", std::move(differences)}}));
  }
  return out;
}

std::vector<const Json*> parts_of(const std::vector<ComparedRun>& runs, const char* key) {
  std::vector<const Json*> out;
  for (const ComparedRun& run : runs) out.push_back(member(&run.report, key));
  return out;
}

// Two levels of objects: "summary" is metric, then stage.
std::vector<Row> metric_rows(const std::vector<ComparedRun>& runs) {
  std::vector<Row> rows;
  const auto summaries = parts_of(runs, "summary");
  for (const std::string& metric : keys_of(summaries)) {
    const auto values = members(summaries, metric);
    for (const std::string& stage : keys_of(values)) rows.push_back({stage, metric, members(values, stage)});
  }
  return rows;
}

std::vector<Row> score_rows(const std::vector<ComparedRun>& runs) {
  std::vector<Row> rows;
  const auto all = parts_of(runs, "evaluations");
  for (const std::string& source : keys_of(all)) {
    const auto sections = members(all, source);
    for (const std::string& section : keys_of(sections)) {
      const auto figures = members(sections, section);
      for (const std::string& name : keys_of(figures)) rows.push_back({source, evaluation_title(section) + ": " + name, members(figures, name)});
    }
  }
  return rows;
}

std::vector<Row> performance_rows(const std::vector<ComparedRun>& runs) {
  std::vector<Row> rows;
  const auto curves = parts_of(runs, "curves");
  for (const StageFolder& stage : kStageFolders) {
    const auto figures = members(members(curves, stage.stage), "performance");
    for (const char* key : {"steps", "trained_tokens", "tok_per_sec", "mfu", "training_seconds", "evaluation_seconds"}) {
      Row row{stage.stage, key, members(figures, key)};
      if (std::any_of(row.cells.begin(), row.cells.end(), [](const Json* cell) { return cell != nullptr; })) rows.push_back(std::move(row));
    }
  }
  return rows;
}

// Of no consequence for the result.
bool is_place(const std::string& key) {
  static const std::set<std::string> places = {"tag", "base_dir", "run", "log_file", "log_level", "quiet", "json", "print_config", "dashboard", "config"};
  return places.count(key) > 0;
}

std::vector<Row> setting_rows(const std::vector<ComparedRun>& runs) {
  std::vector<Row> rows;
  const auto curves = parts_of(runs, "curves");
  for (const StageFolder& stage : kStageFolders) {
    const auto settings = members(members(curves, stage.stage), "settings");
    for (const std::string& key : keys_of(settings)) {
      if (is_place(key)) continue;
      Row row{stage.stage, key, members(settings, key)};
      const Json* first = nullptr;
      bool differs = false;
      for (const Json* cell : row.cells) {
        if (cell == nullptr) continue;  // a run without the stage says nothing
        differs = differs || (first != nullptr && !(*first == *cell));
        first = cell;
      }
      if (differs) rows.push_back(std::move(row));
    }
  }
  return rows;
}

std::string settings_table(const std::vector<ComparedRun>& runs, const std::vector<Row>& rows) {
  if (rows.empty()) return "";
  std::string head = "| stage | setting |", rule = "|---|---|", body;
  for (const ComparedRun& run : runs) {
    head += " " + run.name + " |";
    rule += "---|";
  }
  for (const Row& row : rows) {
    body += "| " + row.stage + " | " + row.name + " |";
    for (const Json* cell : row.cells) body += " " + (cell == nullptr ? std::string("-") : cell->is_string() ? cell->as_string() : cell->dump()) + " |";
    body += "\n";
  }
  return head + "\n" + rule + "\n" + body + "\n";
}

std::vector<std::string> overlays(const std::vector<ComparedRun>& runs) {
  std::vector<std::string> out;
  const auto curves = parts_of(runs, "curves");
  for (const StageFolder& stage : kStageFolders) {
    std::vector<RunCurves> all;
    for (const Json* part : members(curves, stage.stage)) all.push_back(RunCurves::from_json(stage.stage, part != nullptr ? *part : Json::object()));
    const auto draw = [&](const char* metric, const std::string& title, const char* unit) {
      std::vector<NamedPoints> named;
      for (size_t i = 0; i < runs.size(); ++i) named.push_back({runs[i].name, &all[i].points(metric)});
      out.push_back(curves_picture(title + ", " + stage.stage, "step", unit, named));
    };
    const bool preference = stage.stage == std::string("dpo"), rewarded = stage.stage == std::string("rl");
    if (rewarded) {
      draw("reward", "Reward of the roll-outs", "mean reward");
      draw("pass@1", "Held-out problems solved", "share");
      continue;
    }
    draw("train/loss", "Training loss", preference ? "loss (nats per pair)" : "loss (nats per token)");
    draw("val/bpb", "Validation", "bits per byte");
  }
  return out;
}

}  // namespace

RunComparison compare_runs(const std::vector<ComparedRun>& runs, const std::string& now) {
  require(runs.size() >= 2, "[compare_runs] ", runs.size(), " runs");
  const std::vector<Row> metrics = metric_rows(runs), scores = score_rows(runs), performance = performance_rows(runs), settings = setting_rows(runs);
  RunComparison out;
  std::string title = "lathe report:";
  for (const ComparedRun& run : runs) title += (&run == &runs[0] ? " " : " and ") + run.name;
  plot::HtmlPage page(title, true);
  out.markdown = "# " + title + "\n\n";
  page.heading(1, title);
  const std::string about = "Generated " + now + ". Differences are to " + runs[0].name + "; those of shares in percentage points. **apart**: the 95 % intervals do not meet.";
  out.markdown += about + "\n\n";
  page.paragraph(about);
  const std::vector<std::string> pictures = overlays(runs);
  if (std::any_of(pictures.begin(), pictures.end(), [](const std::string& picture) { return !picture.empty(); })) {
    page.chapter("Curves");
    page.pictures(pictures);
  }
  const auto add = [&](const std::string& name, const std::string& table, const std::string& otherwise) {
    page.chapter(name);
    page.markdown(table.empty() ? otherwise : table);
    out.markdown += "## " + name + "\n\n" + (table.empty() ? otherwise + "\n\n" : table);
  };
  add("Metrics", table_of(runs, metrics), "No run has a summary.");
  add("Scores", table_of(runs, scores), "No run has results of an evaluation.");
  add("Speed and time", table_of(runs, performance), "No run has recorded its time.");
  add("Settings that differ", settings_table(runs, settings), "None.");
  out.html = page.finish();
  out.json = Json::object();
  out.json["generated"] = now;
  out.json["runs"] = Json::array();
  for (const ComparedRun& run : runs) out.json["runs"].push_back(run.name);
  out.json["metrics"] = rows_json(metrics);
  out.json["scores"] = rows_json(scores);
  out.json["performance"] = rows_json(performance);
  out.json["settings"] = rows_json(settings);
  return out;
}

}  // namespace lathe::eval
