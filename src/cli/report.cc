// lathe report [generate|reset]: what a whole run came to (rows C-13.1 to C-13.14, C-13.20).
#include "eval/report.h"

#include <algorithm>
#include <string>
#include <vector>

#include "cli/verbs.h"
#include "cli/version.h"
#include "core/log.h"
#include "eval/report_header.h"
#include "train/load_model.h"

namespace lathe::cli {
namespace {

class ReportVerb : public Verb {
 public:
  VerbInfo info() const override {
    return {"report", "judge", "the report of a run: report.md, report.html, report.json", "lathe report --tag d6", "[generate|reset]", 1};
  }
  void describe(SettingsTable& table) override {
    table.add("copy", &copy_, "report.md also into the current folder");
  }
  Result<Exit> run(Context& context) override;

 private:
  bool copy_ = true;
};

// The model whose curves and scores the report shows; none is not an error.
std::string tag_of(const Context& context, const fs::path& base) {
  if (!context.common().tag.empty()) return context.common().tag;
  const Result<std::string> guess = train::guess_tag(base / "base_checkpoints");
  return guess.ok() ? guess.value() : "";
}

// A tag that somebody named has left something below the base folder.
Status check_tag(const fs::path& base, const std::string& tag) {
  std::vector<std::string> known;
  std::error_code code;
  for (const auto& root : fs::directory_iterator(base, code)) {
    const std::string name = root.path().filename().string();
    std::error_code problem;
    if (name != "eval_results" && !name.ends_with("_checkpoints")) continue;
    if (fs::is_directory(root.path() / tag, problem)) return {};
    for (const auto& entry : fs::directory_iterator(root.path(), problem))
      if (const std::string other = entry.path().filename().string(); entry.is_directory(problem) && !other.starts_with('.')) known.push_back(other);
  }
  std::sort(known.begin(), known.end());
  known.erase(std::unique(known.begin(), known.end()), known.end());
  std::string list;
  for (const std::string& other : known) list += (list.empty() ? "" : ", ") + other;
  return error_at("tag", -1, "no run of the tag \"", tag, "\" in ", base.string(), "; ", known.empty() ? "there is none at all" : "there are " + list);
}

Result<Exit> ReportVerb::run(Context& context) {
  const std::string command = context.operands().empty() ? "generate" : context.operands()[0];
  if (command != "generate" && command != "reset") return error("\"", command, "\" is neither generate nor reset");
  if (context.rank() > 0) return Exit::kDone;
  LATHE_TRY(const fs::path base, context.base_folder());
  std::error_code code;
  const fs::path here = fs::current_path(code);
  if (command == "reset") {
    LATHE_TRY_STATUS(eval::reset_report(base, eval::report_header(here, version_text())));
    context.print("Reset the report, header in ", (base / "report" / "header.md").string());
    return context.finish(Json::object());
  }
  if (!context.common().tag.empty()) LATHE_TRY_STATUS(check_tag(base, context.common().tag));
  LATHE_TRY(const eval::Report report, eval::make_report(base, tag_of(context, base), Clock::real().local_time()));
  for (const std::string& warning : report.warnings) log_warning("report", warning);
  LATHE_TRY_STATUS(eval::write_report(base, report));
  context.print("Report: ", (base / "report" / "report.html").string(), ", report.md and report.json beside it");
  if (copy_) {
    if (const Status copied = write_file_atomic(here / "report.md", report.markdown); copied.ok())
      context.print("Copied report.md to ", here.string());
    else
      log_warning("report", "not copied to the current folder: ", copied.error().to_string());
  }
  Json figures = Json::object();
  for (const char* key : {"tag", "wall_clock", "summary", "missing"}) figures[key] = report.json.at(key);
  figures["report"] = (base / "report" / "report.json").string();
  return context.finish(figures);
}

}  // namespace

std::unique_ptr<Verb> make_report() { return std::make_unique<ReportVerb>(); }

}  // namespace lathe::cli
