// lathe report compare: several runs beside each other.
#include "cli/verbs.h"
#include "core/clock.h"
#include "eval/compare_runs.h"
#include "eval/report.h"

namespace lathe::cli {
namespace {

class ReportCompare : public Verb {
 public:
  VerbInfo info() const override {
    return {"report compare", "judge", "runs beside each other: curves, scores, settings that differ", "lathe report compare d4 d6:/data/other report.json", "RUN RUN [...]", 16, 2};
  }
  void describe(SettingsTable& table) override {
    table.add("output_dir", &output_, "for compare.html, compare.md and compare.json; empty: <base>/compare. A RUN is a tag, tag:base-folder, or a report.json");
  }
  Result<Exit> run(Context& context) override;

 private:
  Result<eval::ComparedRun> open(const Context& context, const std::string& given) const;
  std::string output_;
};

Result<eval::ComparedRun> ReportCompare::open(const Context& context, const std::string& given) const {
  std::error_code code;
  if (fs::is_regular_file(given, code)) {
    LATHE_TRY(Json report, read_json(given));
    if (!report.is_object() || !report.contains("curves")) return error_at(given, -1, "is no report.json of `lathe report`");
    const std::string tag = report.get_string("tag", "");
    return eval::ComparedRun{tag.empty() ? fs::path(given).stem().string() : tag, std::move(report)};
  }
  const size_t colon = given.find(':');
  const std::string tag = given.substr(0, colon);
  fs::path base;
  if (colon != std::string::npos) {
    base = given.substr(colon + 1);
    if (!fs::is_directory(base, code)) return error_at(base.string(), -1, "is no base folder");
  } else {
    LATHE_TRY(base, context.base_folder());
  }
  LATHE_TRY(eval::Report report, eval::make_report(base, tag, Clock::real().local_time()));
  if (report.json.at("curves").size() == 0 && report.json.at("evaluations").size() == 0)
    return error_at(base.string(), -1, "has neither metrics nor results of a run \"", tag, "\"; name a tag, tag:base-folder or a report.json");
  return eval::ComparedRun{tag, std::move(report.json)};
}

Result<Exit> ReportCompare::run(Context& context) {
  std::vector<eval::ComparedRun> runs;
  for (const std::string& given : context.operands()) {
    LATHE_TRY(eval::ComparedRun opened, open(context, given));
    for (const eval::ComparedRun& other : runs)
      if (other.name == opened.name) opened.name = given;  // two of one tag are told apart by where they lie
    runs.push_back(std::move(opened));
  }
  fs::path folder = output_;
  if (output_.empty()) {
    LATHE_TRY(folder, context.base_folder());
    folder /= "compare";
  }
  const eval::RunComparison made = eval::compare_runs(runs, Clock::real().local_time());
  LATHE_TRY_STATUS(write_file_atomic(folder / "compare.md", made.markdown));
  LATHE_TRY_STATUS(write_file_atomic(folder / "compare.html", made.html));
  LATHE_TRY_STATUS(write_json_atomic(folder / "compare.json", made.json));
  context.print(made.markdown.substr(made.markdown.find('\n') + 2));
  context.print("Comparison: ", (folder / "compare.html").string(), ", compare.md and compare.json beside it");
  Json figures = Json::object();
  figures["comparison"] = (folder / "compare.json").string();
  figures["settings_that_differ"] = static_cast<int64_t>(made.json.at("settings").size());
  return context.finish(figures);
}

}  // namespace

std::unique_ptr<Verb> make_report_compare() { return std::make_unique<ReportCompare>(); }

}  // namespace lathe::cli
