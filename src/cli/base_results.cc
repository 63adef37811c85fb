#include "cli/base_results.h"

#include <algorithm>

#include "cli/report_section.h"
#include "eval/results.h"

namespace lathe::cli {
namespace {

// A figure's number; null where it was not run.
Json value_of(const Json& section, const char* figure) {
  const Json* found = section.find(figure);
  const Json* value = found == nullptr ? nullptr : found->find("value");
  return value == nullptr ? Json() : *value;
}

}  // namespace

Result<BaseResults> BaseResults::open(const Context& context, const EvaluatedModel& evaluated, const train::LoadedModel& loaded) {
  BaseResults results;
  LATHE_TRY(results.base_, context.base_folder());
  LATHE_TRY(results.about_, evaluated.about(context, loaded));
  results.folder_ = evaluated.results_folder(results.base_, loaded);
  results.rank_ = context.rank();
  results.reported_ = !evaluated.foreign() && evaluated.source == "base";
  if (evaluated.foreign()) {
    results.name_ = results.slug_ = evaluated.hf_path;
    std::replace(results.slug_.begin(), results.slug_.end(), '/', '-');
  } else {
    results.name_ = join_text(evaluated.source, "_model (step ", loaded.meta.step, ")");
    results.slug_ = format_text("%s_model_%06lld", evaluated.source.c_str(), static_cast<long long>(loaded.meta.step));
  }
  return results;
}

Status BaseResults::keep(const std::string& section, const std::vector<std::pair<std::string, Json>>& figures) const {
  if (rank_ != 0) return {};
  LATHE_TRY_STATUS(eval::update_summary(folder_, about_, section, figures));
  return reported_ ? write_section() : Status();
}

Status BaseResults::write_section() const {
  LATHE_TRY(const Json summary, read_json(folder_ / eval::kSummaryFile));
  const auto section = [&](const char* name) { return summary.contains(name) ? summary.at(name) : Json::object(); };
  const Json core = section("core"), bpb = section("bpb"), samples = section("samples");
  Json main = Json::object(), centered = Json::object();
  main["model"] = name_;
  if (core.contains("CORE")) main["CORE metric"] = value_of(core, "CORE");
  for (const char* split : {"train", "val"})
    if (bpb.contains(split)) main[join_text(split, " bpb")] = value_of(bpb, split);
  for (const auto& [task, figure] : core.as_object())
    if (const Json* value = figure.find("centered")) centered[task] = *value;
  std::vector<Json> items = {main, centered};
  for (const auto& [kind, label] : {std::pair{"prompted", "sample"}, {"unconditioned", "unconditioned sample"}}) {
    Json texts = Json::object();
    if (const Json* figure = samples.find(kind); figure != nullptr && figure->contains("texts"))
      for (const Json& text : figure->at("texts").as_array()) texts[join_text(label, " ", texts.size())] = text;
    items.push_back(std::move(texts));
  }
  LATHE_TRY([[maybe_unused]] const fs::path written, write_report_section(base_, "Base model evaluation", items));
  return {};
}

void print_mode(Context& context, const std::string& title) {
  const std::string rule(80, '=');
  context.print(rule, '\n', title, '\n', rule);
}

}  // namespace lathe::cli
