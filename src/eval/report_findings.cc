#include "eval/report_findings.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <map>
#include <set>

#include "core/text.h"
#include "eval/report_header.h"
#include "eval/report_pictures.h"
#include "eval/results.h"

namespace lathe::eval {
namespace {

std::optional<std::time_t> time_of(const std::string& text) {
  std::tm parts{};
  if (::strptime(text.c_str(), "%Y-%m-%d %H:%M:%S", &parts) == nullptr) return std::nullopt;
  parts.tm_isdst = -1;
  return std::mktime(&parts);
}

// From the start of the run to the last section that is not of reinforcement learning (row C-13.13).
void measure_wall_clock(ReportFindings& findings) {
  const auto start = time_of(run_started_of(findings.header));
  std::optional<std::time_t> end;
  for (const ReportSection& section : findings.sections) {
    const auto time = time_of(section.timestamp);
    if (time && !section.slug.ends_with("-rl") && (!end || *time > *end)) end = time;
  }
  if (!start || !end || *end < *start) return;
  findings.wall_seconds = static_cast<double>(*end - *start);
  const auto minutes = static_cast<long long>(*end - *start) / 60;
  findings.wall_clock = join_text(minutes / 60, "h", minutes % 60, "m");
}

void read_hourly_rate(ReportFindings& findings) {
  constexpr std::string_view kRate = "- Hourly rate: $";
  const size_t at = findings.header.find(kRate);
  if (at != std::string::npos) findings.dollars_per_hour = std::strtod(findings.header.c_str() + at + kRate.size(), nullptr);
}

// Of the keys that contain the name the last one that holds a number.
const Json* metric_of(const Json& items, const std::string& name) {
  const Json* found = nullptr;
  for (const auto& [key, value] : items.as_object())
    if (key.find(name) != std::string::npos && value.is_number()) found = &value;
  return found;
}

Json summary_of(const ReportFindings& findings) {
  std::vector<std::pair<std::string, Json>> rows;
  const auto add = [&](const std::string& metric, const std::string& source, const Json& value) {
    auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.first == metric; });
    if (row == rows.end()) row = rows.insert(rows.end(), {metric, Json::object()});
    row->second[source] = value;
  };
  for (const ReportStage& stage : report_stages()) {
    for (const ReportSection& section : findings.sections)
      if (section.slug == stage.section)
        for (const std::string& metric : stage.metrics)
          if (const Json* value = metric_of(section.items, metric)) add(metric, stage.source, *value);
    const Json* sections = findings.evaluations.find(stage.source);
    const Json* tasks = sections != nullptr ? sections->find("tasks") : nullptr;
    if (tasks == nullptr) continue;
    for (const auto& [task, figure] : tasks->as_object())
      if (const std::optional<double> value = figure_value(figure)) add(task, stage.source, *value);
  }
  const auto place = [](const std::string& metric) { return metric == "CORE" ? 0 : metric == "ChatCORE" ? 2 : 1; };
  std::sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
    return std::pair(place(a.first), a.first) < std::pair(place(b.first), b.first);
  });
  Json out = Json::object();
  for (auto& [metric, values] : rows) out[metric] = std::move(values);
  return out;
}

Status read_evaluations(const fs::path& base, ReportFindings& findings) {
  std::error_code code;
  const fs::path root = base / "eval_results" / findings.tag;
  if (findings.tag.empty() || !fs::is_directory(root, code)) return {};
  std::vector<std::string> sources;
  for (const ReportStage& stage : report_stages()) sources.push_back(stage.source);
  sources.push_back("foreign");
  for (const std::string& source : sources) {
    const fs::path path = root / source / kSummaryFile;
    if (!fs::exists(path, code)) continue;
    LATHE_TRY(const Json summary, read_json(path));
    if (!summary.is_object()) return error_at(path.string(), -1, "is not an object; run the evaluation again");
    Json sections = Json::object();
    for (const auto& [name, figures] : summary.as_object()) {
      if (name == "about") continue;
      if (!figures.is_object()) return error_at(path.string(), -1, "\"", name, "\" is no object of figures; run the evaluation again");
      for (const auto& [figure, value] : figures.as_object())
        if (!value.is_object()) return error_at(path.string(), -1, "the figure \"", figure, "\" of \"", name, "\" is no object; run the evaluation again");
      if (figures.size() > 0) sections[name] = figures;
    }
    if (sections.size() > 0) findings.evaluations[source] = std::move(sections);
    if (const Json* about = summary.find("about"); about != nullptr && about->is_object()) findings.about[source] = *about;
  }
  return {};
}

bool is_of_tag(const ProvenanceNode& node, const std::string& tag) {
  if (node.kind == "report") return false;
  const bool bound = node.name.find("_checkpoints/") != std::string::npos || node.name.find("eval_results/") != std::string::npos;
  return !bound || (!tag.empty() && node.name.find("/" + tag + "/") != std::string::npos);
}

int64_t step_of(const ProvenanceNode& node) { return std::strtoll(node.folder.filename().string().substr(std::string("step_").size()).c_str(), nullptr, 10); }

// Earlier checkpoints of a run say nothing here, unless something was made from them.
std::vector<ProvenanceNode> chain_of(const Provenance& all, const std::string& tag) {
  std::map<fs::path, int64_t> last;
  std::set<fs::path> used;
  for (const ProvenanceNode& node : all.nodes) {
    if (node.kind == "checkpoint" && node.folder.filename().string().starts_with("step_")) {
      int64_t& step = last[node.folder.parent_path()];
      step = std::max(step, step_of(node));
    }
    for (const ProvenanceLink& link : node.links)
      if (link.is_input && is_of_tag(node, tag)) used.insert(link.file.parent_path());
  }
  std::vector<ProvenanceNode> out;
  for (const ProvenanceNode& node : all.nodes) {
    if (!is_of_tag(node, tag)) continue;
    const auto newest = last.find(node.folder.parent_path());
    const bool earlier = node.kind == "checkpoint" && newest != last.end() && step_of(node) != newest->second;
    if (!earlier || used.count(node.folder) > 0) out.push_back(node);
  }
  return out;
}

void read_corpora(ReportFindings& findings) {
  for (const ProvenanceNode& node : findings.chain) {
    if (node.kind != "corpus") continue;
    const Result<Manifest> manifest = read_manifest(node.folder, "corpus", "");
    if (!manifest.ok()) continue;  // it is in the chain as unreadable
    Json entry = Json::object();
    entry["folder"] = node.name;
    for (const char* key : {"name", "sources", "deduplication"})
      if (const Json* value = manifest.value().details.find(key)) entry[key] = *value;
    if (Json* sources = entry.find("sources"); sources != nullptr && sources->is_array())
      for (Json& source : sources->as_array())
        for (const DataSource& known : sources_in(manifest.value().settings))
          if (source.is_object() && source.get_string("name", "") == known.name) source["licence"] = known.licence;
    findings.corpora.push_back(std::move(entry));
  }
}

Status record_files(const fs::path& base, ReportFindings& findings) {
  std::vector<fs::path> files = {base / "report" / "header.md"};
  for (const ReportSection& section : findings.sections)
    for (const char* ending : {".md", ".json"}) files.push_back(base / "report" / (section.slug + ending));
  for (const fs::path& metrics : metrics_files(base, findings.tag)) files.push_back(metrics);
  for (const auto& [source, about] : findings.about.as_object()) files.push_back(base / "eval_results" / findings.tag / source / kSummaryFile);
  for (const ProvenanceNode& node : findings.chain)
    if (node.kind != "evaluation") files.push_back(node.folder / kManifestFile);
  std::error_code code;
  const fs::path root = fs::weakly_canonical(base, code);
  for (const fs::path& file : files) {
    if (!fs::exists(file, code)) continue;
    const fs::path whole = fs::weakly_canonical(file, code), near = whole.lexically_relative(root);
    LATHE_TRY(FileRecord record, record_file(whole, near.empty() || *near.begin() == ".." ? whole.string() : near.generic_string()));
    findings.made_from.push_back(std::move(record));
  }
  return {};
}

}  // namespace

const std::vector<ReportStage>& report_stages() {
  static const std::vector<std::string> chat = {"ARC-Easy", "ARC-Challenge", "MMLU", "GSM8K", "HumanEval", "ChatCORE"};
  static const std::vector<ReportStage> list = {{"base", "BASE", "base-model-evaluation", {"CORE", "val bpb"}},
                                                {"mid", "MID", "chat-evaluation-mid", chat, false},
                                                {"sft", "SFT", "chat-evaluation-sft", chat},
                                                {"dpo", "DPO", "chat-evaluation-dpo", chat, false},
                                                {"rl", "RL", "chat-evaluation-rl", {"GSM8K"}}};
  return list;
}

const Json* section_metric(const ReportFindings& findings, const std::string& slug, const std::string& name) {
  for (const ReportSection& section : findings.sections)
    if (section.slug == slug) return metric_of(section.items, name);
  return nullptr;
}

std::vector<DataSource> sources_in(const Json& settings) {
  std::vector<DataSource> out;
  const auto add_all = [&](const Json& part) {
    for (DataSource& source : sources_in(part)) out.push_back(std::move(source));
  };
  if (settings.is_array())
    for (const Json& part : settings.as_array()) add_all(part);
  if (!settings.is_object()) return out;
  if (settings.contains("name") && (settings.contains("licence") || settings.contains("license")))
    out.push_back({settings.get_string("name", ""), settings.get_string("licence", settings.get_string("license", ""))});
  for (const auto& [key, part] : settings.as_object()) add_all(part);
  return out;
}

std::string evaluation_title(const std::string& section) {
  for (const auto& [key, title] : {std::pair{"tasks", "Tasks"}, {"core", "CORE tasks"}, {"chatcore", "ChatCORE"}, {"boolq", "BoolQ"}, {"perplexity", "Perplexity"},
                                   {"bpb", "Bits per byte"}, {"validation", "Validation"}, {"smoke_tests", "Smoke tests"},
                                   {"generation", "Generated texts"}, {"preferences", "Preferences"}, {"samples", "Samples"}})
    if (section == key) return title;
  return section;
}

Result<ReportFindings> find_for_report(const fs::path& base, const std::string& tag, const std::string& now) {
  ReportFindings findings;
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
  LATHE_TRY_STATUS(read_evaluations(base, findings));
  findings.summary = summary_of(findings);
  measure_wall_clock(findings);
  read_hourly_rate(findings);
  if (fs::exists(base, code)) {
    LATHE_TRY(const Provenance all, collect_provenance(base));
    findings.chain = chain_of(all, tag);
  }
  read_corpora(findings);
  LATHE_TRY_STATUS(record_files(base, findings));
  return findings;
}

}  // namespace lathe::eval
