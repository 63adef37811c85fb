#include "eval/report.h"

#include "core/manifest.h"
#include "core/text.h"
#include "eval/report_findings.h"
#include "eval/report_header.h"
#include "eval/report_page.h"
#include "eval/report_tables.h"

namespace lathe::eval {
namespace {

std::string summary_text(const ReportFindings& findings) {
  std::string out = findings.summary.size() > 0 ? summary_table(findings.summary) : "";
  for (const auto& [source, sections] : findings.evaluations.as_object())
    for (const auto& [name, figures] : sections.as_object())
      if (const std::string table = scores_table(figures); !table.empty()) out += evaluation_title(name) + ", " + source + ":\n\n" + table;
  if (const std::string stages = stages_table(findings.curves); !stages.empty()) out += "Stages:\n\n" + stages;
  out += "Total wall clock time: " + findings.wall_clock + "\n\n" + cost_line(findings) + "\n";
  if (const std::string chain = provenance_table(findings.chain); !chain.empty()) out += "\n## Provenance\n\n" + chain;
  return out;
}

std::string markdown_of(const ReportFindings& findings) {
  std::string out = findings.header;
  for (const ReportSection& section : findings.sections) out += std::string(trim_text(section.markdown)) + "\n\n\n";
  out += "## Summary\n\n";
  const std::string sources = sources_block_of(findings.header);
  out += (sources.empty() ? "[facts of the run are missing: no header]\n" : sources) + "\n";
  return out + summary_text(findings);
}

Json files_json(const std::vector<FileRecord>& records) {
  Json out = Json::array();
  for (const FileRecord& record : records)
    out.push_back(Json(Json::Object{{"path", record.path}, {"bytes", record.bytes}, {"sha256", record.sha256}}));
  return out;
}

Json json_of(const ReportFindings& findings) {
  Json out = Json::object();
  out["generated"] = findings.now;
  out["tag"] = findings.tag;
  out["run_started"] = run_started_of(findings.header);
  out["wall_clock"] = findings.wall_clock;
  out["cost"] = Json::object();
  out["cost"]["dollars_per_hour"] = findings.dollars_per_hour ? Json(*findings.dollars_per_hour) : Json();
  out["cost"]["dollars"] = findings.dollars_per_hour && findings.wall_seconds ? Json(*findings.dollars_per_hour * *findings.wall_seconds / 3600) : Json();
  out["summary"] = findings.summary;
  out["tasks"] = Json::object();
  for (const auto& [source, sections] : findings.evaluations.as_object())
    if (const Json* tasks = sections.find("tasks")) out["tasks"][source] = *tasks;
  out["evaluations"] = findings.evaluations;
  out["about"] = findings.about;
  out["corpora"] = findings.corpora;
  out["curves"] = Json::object();
  for (const RunCurves& run : findings.curves) out["curves"][run.stage] = run.to_json();
  out["sections"] = Json::object();
  for (const ReportSection& section : findings.sections)
    out["sections"][section.slug] =
        Json(Json::Object{{"title", section.title}, {"timestamp", section.timestamp}, {"items", section.items}, {"figures", section.figures}});
  out["missing"] = Json(Json::Array(findings.missing.begin(), findings.missing.end()));
  Provenance chain;
  chain.nodes = findings.chain;
  out["provenance"] = chain.to_json();
  out["made_from"] = files_json(findings.made_from);
  return out;
}

}  // namespace

Result<Report> make_report(const fs::path& base, const std::string& tag, const std::string& now) {
  LATHE_TRY(const ReportFindings findings, find_for_report(base, tag, now));
  Report report;
  if (findings.header.empty())
    report.warnings.push_back("no header.md: run `lathe report reset` at the start of a run, so that the report knows when it began");
  for (const std::string& slug : findings.missing) report.warnings.push_back("section " + slug + " is missing, skipped");
  report.markdown = markdown_of(findings);
  report.html = report_page(findings);
  report.json = json_of(findings);
  report.made_from = findings.made_from;
  return report;
}

Status write_report(const fs::path& base, const Report& report) {
  const fs::path folder = base / "report";
  LATHE_TRY_STATUS(write_file_atomic(folder / "report.md", report.markdown));
  LATHE_TRY_STATUS(write_file_atomic(folder / "report.html", report.html));
  LATHE_TRY_STATUS(write_json_atomic(folder / "report.json", report.json));
  Manifest manifest;
  manifest.kind = "report";
  manifest.settings = Json(Json::Object{{"tag", report.json.get_string("tag", "")}});
  manifest.config_sha256 = config_hash(manifest.settings);
  for (FileRecord record : report.made_from) {
    if (fs::path(record.path).is_relative()) record.path = "../" + record.path;
    manifest.inputs.push_back(std::move(record));
  }
  for (const char* name : {"report.md", "report.html", "report.json"}) {
    LATHE_TRY(FileRecord record, record_file(folder / name, name));
    manifest.outputs.push_back(std::move(record));
  }
  return write_manifest(folder, manifest);
}

Status reset_report(const fs::path& base, const std::string& header) {
  const fs::path folder = base / "report";
  std::vector<fs::path> old = {folder / "report.md", folder / "report.html", folder / "report.json", folder / kManifestFile};
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
