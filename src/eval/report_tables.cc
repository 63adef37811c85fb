#include "eval/report_tables.h"

#include <algorithm>

#include "core/text.h"
#include "eval/report_pictures.h"

namespace lathe::eval {
namespace {

constexpr size_t kShortHash = 12;

// What would end a cell early.
std::string cell(std::string text) {
  for (char& c : text)
    if (c == '|' || c == '\n') c = c == '|' ? '/' : ' ';
  return text;
}

}  // namespace

std::string figure_text(const Json& figure) {
  if (const Json* why = figure.find("not_run")) return "not run: " + (why->is_string() ? why->as_string() : std::string("no reason given"));
  const std::optional<double> value = figure_value(figure);
  if (!value) return "not run";
  return figure.contains("accuracy") ? format_text("%.1f %%", 100 * *value) : format_text("%.4f", *value);
}

std::string interval_text(const Json& figure) {
  if (!figure_value(figure) || !figure.contains("low") || !figure.contains("high")) return "";
  const double low = figure.get_double("low", 0), high = figure.get_double("high", 0);
  return figure.contains("accuracy") ? format_text("%.1f - %.1f %%", 100 * low, 100 * high) : format_text("%.4f - %.4f", low, high);
}

std::string duration_text(double seconds) {
  if (seconds < 90) return format_text("%.1f s", seconds);
  return seconds < 5400 ? format_text("%.1f min", seconds / 60) : format_text("%.1f h", seconds / 3600);
}

// Columns 15 and 8 wide, "-" where a stage has no figure (row C-13.11).
std::string summary_table(const Json& summary) {
  std::vector<ReportStage> columns;
  for (const ReportStage& stage : report_stages()) {
    const auto& rows = summary.as_object();
    const bool used = std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row.second.contains(stage.source); });
    if (stage.always || used) columns.push_back(stage);
  }
  std::string head = format_text("| %-15s |", "Metric"), rule = "|" + std::string(17, '-') + "|", body;
  for (const ReportStage& stage : columns) {
    head += format_text(" %-8s |", stage.column.c_str());
    rule += std::string(10, '-') + "|";
  }
  for (const auto& [metric, values] : summary.as_object()) {
    body += format_text("| %-15s |", cell(metric).c_str());
    for (const ReportStage& stage : columns) {
      const Json* value = values.find(stage.source);
      body += format_text(" %-8s |", value != nullptr ? format_text("%.4f", value->as_double()).c_str() : "-");
    }
    body += "\n";
  }
  return head + "\n" + rule + "\n" + body + "\n";
}

std::string scores_table(const Json& figures) {
  std::string rows;
  for (const auto& [name, figure] : figures.as_object()) {
    if (!figure_value(figure) && !figure.contains("not_run")) continue;  // texts, or facts beside the figures
    const std::optional<double> chance = baseline_of(figure);
    const std::string centred = figure.contains("centered") ? format_text(", centred %.4f", figure.get_double("centered", 0)) : "";
    rows += join_text("| ", cell(figure.get_string("title", name)), " | ", cell(figure_text(figure)), centred, " | ", interval_text(figure), " | ",
                     chance ? format_text("%.1f %%", 100 * *chance) : "", " | ", figure.contains("n") ? with_thousands(figure.get_int("n", 0)) : "", " | ",
                     cell(figure.get_string("verdict", "")), " |\n");
  }
  return rows.empty() ? rows : "| task | score | 95 % interval | chance | cases | |\n|---|---|---|---|---|---|\n" + rows + "\n";
}

std::string stages_table(const std::vector<RunCurves>& runs) {
  std::string out;
  for (const RunCurves& run : runs) {
    const Json& p = run.performance;
    if (p.size() == 0) continue;
    if (out.empty()) out = "| stage | steps | tokens | tokens / s | MFU | steps took | evaluation | saving |\n|---|---|---|---|---|---|---|---|\n";
    const double mfu = p.get_double("mfu", 0);
    out += join_text("| ", run.stage, " | ", with_thousands(static_cast<int64_t>(p.get_double("steps", 0))), " | ",
                     with_thousands(static_cast<int64_t>(p.get_double("trained_tokens", 0))), " | ",
                     with_thousands(static_cast<int64_t>(p.get_double("tok_per_sec", 0))), " | ", mfu > 0 ? format_text("%.1f %%", 100 * mfu) : "", " | ",
                     duration_text(p.get_double("training_seconds", 0)), " | ", duration_text(p.get_double("evaluation_seconds", 0)), " | ",
                     duration_text(p.get_double("saving_seconds", 0)), " |\n");
  }
  return out.empty() ? out : out + "\n";
}

std::string cost_line(const ReportFindings& findings) {
  if (!findings.dollars_per_hour) return "Cost: this machine has no GPU, so no hourly rate applies.";
  const std::string rate = format_text("$%.2f an hour", *findings.dollars_per_hour);
  if (!findings.wall_seconds) return "Cost: " + rate + "; the run's length is not known.";
  return "Cost: " + format_text("$%.2f", *findings.dollars_per_hour * *findings.wall_seconds / 3600) + " at " + rate + ".";
}

std::string provenance_table(const std::vector<ProvenanceNode>& chain) {
  std::string out;
  for (const ProvenanceNode& node : chain) {
    std::string made, files;
    int64_t inputs = 0, others = 0;
    for (const ProvenanceLink& link : node.links) {
      if (link.is_input && ++inputs <= 4) made += join_text(made.empty() ? "" : "; ", link.path, link.recorded.empty() ? " (not recorded)" : "");
      if (link.is_input) continue;
      const bool weights = link.path.ends_with(".safetensors") && !link.path.starts_with("optimizer");
      if (files.empty() && (weights || node.kind != "checkpoint")) {
        files = join_text(link.path, " ", link.recorded.empty() ? "not recorded" : "`" + link.recorded.substr(0, kShortHash) + "`");
      } else {
        ++others;
      }
    }
    if (inputs > 4) made += join_text("; ", inputs - 4, " more");
    if (!node.problem.empty()) files = "cannot be read";
    if (out.empty()) out = "| what | where | SHA-256 | made from |\n|---|---|---|---|\n";
    out += join_text("| ", cell(node.kind), " | ", cell(node.name), " | ", cell(files), others > 0 ? join_text(", ", others, " more") : "", " | ", cell(made), " |\n");
  }
  return out.empty() ? out : out + "\n";
}

}  // namespace lathe::eval
