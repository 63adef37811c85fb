// Everything on disk that a report is made of, and what follows from it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/manifest.h"
#include "eval/provenance.h"
#include "eval/report_curves.h"
#include "eval/report_section.h"

namespace lathe::eval {

struct ReportFindings {
  std::string tag, now, header;
  std::vector<ReportSection> sections;
  std::vector<std::string> missing;          // slugs of expected sections
  std::vector<RunCurves> curves;
  Json evaluations = Json::object();         // by source ("sft"), by section ("tasks"), by name: figures of docs/formats/report.md
  Json about = Json::object();               // by source: which weights were judged
  Json corpora = Json::array();              // manifests of kind "corpus" that the run was made from: name and sources
  Json summary = Json::object();             // by metric, then by source: numbers
  std::string wall_clock = "unknown";        // row C-13.13
  std::optional<double> wall_seconds;
  std::optional<double> dollars_per_hour;    // row C-13.7; none without GPU
  std::vector<ProvenanceNode> chain;         // of the tag: data, tokenizer, the last checkpoint of each run, evaluations
  std::vector<FileRecord> made_from;         // files that were read, below the base folder
};

// A stage's columns in the summary.
struct ReportStage {
  std::string source, column, section;
  std::vector<std::string> metrics;  // read from the section, beside the built-in tasks
  bool always = true;                // a column even without figures
};
const std::vector<ReportStage>& report_stages();

Result<ReportFindings> find_for_report(const fs::path& base, const std::string& tag, const std::string& now);

// Of the section's items whose key contains `name` the last number; null when there is none.
const Json* section_metric(const ReportFindings& findings, const std::string& slug, const std::string& name);

// Names and licences of the sets that settings of a corpus name, at any depth; a set without a licence has "".
struct DataSource {
  std::string name, licence;
};
std::vector<DataSource> sources_in(const Json& settings);

// "tasks" -> "Tasks".
std::string evaluation_title(const std::string& section);

}  // namespace lathe::eval
