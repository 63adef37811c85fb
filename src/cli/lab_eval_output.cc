#include "cli/lab_eval_output.h"

#include <functional>

#include "core/text.h"

namespace lathe::cli {
namespace {

bool is_figure(const Json& json) { return json.is_object() && (json.contains("value") || json.contains("accuracy") || json.contains("not_run")); }

// take(name, figure) for every figure, those inside sections by "section.name".
void each_figure(const Json& metrics, const std::string& prefix, const std::function<void(const std::string&, const Json&)>& take) {
  for (const auto& [name, json] : metrics.as_object()) {
    if (!json.is_object() || name == "settings" || name == "data") continue;
    if (is_figure(json)) take(prefix + name, json);
    if (!is_figure(json)) each_figure(json, prefix + name + ".", take);
    for (const char* inner : {"categories"})
      if (const Json* more = json.find(inner); more != nullptr && is_figure(json)) each_figure(*more, prefix + name + ".", take);
  }
}

std::string number(const Json* value, bool share) {
  if (value == nullptr || !value->is_number()) return "";
  return share ? format_text("%.2f %%", 100 * value->as_double()) : format_text("%.4g", value->as_double());
}

std::string value_of(const Json& figure) {
  const bool share = figure.contains("accuracy");
  return number(figure.find(share ? "accuracy" : "value"), share);
}

std::string note_of(const Json& figure) {
  std::string note;
  const auto add = [&](const std::string& text) { note += (note.empty() ? "" : "; ") + text; };
  if (const std::string form = figure.get_string("form", ""); !form.empty()) add(form);
  if (const Json* bpb = figure.find("bits_per_byte"); bpb != nullptr && bpb->is_number()) add(format_text("%.4f bits per byte", bpb->as_double()));
  if (const Json* words = figure.find("word_perplexity"); words != nullptr && words->is_number()) add(format_text("%.4g per word", words->as_double()));
  if (const Json* majority = figure.find("majority_baseline")) add("more common answer " + number(majority, true));
  if (const std::string verdict = figure.get_string("verdict", ""); !verdict.empty()) add(verdict);
  return note;
}

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n") == text.npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

void rows_of(const Json& metrics, const std::string& model, std::string& csv) {
  each_figure(metrics, "", [&](const std::string& name, const Json& figure) {
    const auto cell = [&](const char* key) {
      const Json* value = figure.find(key);
      return value == nullptr || !value->is_number() ? std::string() : value->dump();
    };
    const std::string why = figure.get_string("not_run", "");
    csv += join_text(quoted(model), ",", quoted(name), ",", figure.contains("accuracy") ? cell("accuracy") : cell("value"), ",", cell("low"), ",", cell("high"), ",", cell("n"),
                     ",", quoted(why.empty() ? note_of(figure) : "not run: " + why), "\n");
  });
}

}  // namespace

bool anything_ran(const Json& metrics) {
  for (const auto& [name, figure] : metrics.as_object())
    if (!figure.contains("not_run")) return true;
  return false;
}

std::string results_markdown(const Json& results) {
  const Json& about = results.at("about");
  std::string out = join_text("# Evaluation, stage ", results.get_string("stage", ""), "\n\nModel: `", about.get_string("model_path", ""), "`, step ", about.get_int("step", 0), ", ",
                              about.get_string("dtype", ""), "\n\n| metric | value | 95 % interval | n | remarks |\n|---|---|---|---|---|\n");
  each_figure(results.at("metrics"), "", [&](const std::string& name, const Json& figure) {
    if (const std::string why = figure.get_string("not_run", ""); !why.empty()) {
      out += join_text("| ", name, " | not run | | | ", why, " |\n");
      return;
    }
    const bool share = figure.contains("accuracy");
    const Json* low = figure.find("low");
    out += join_text("| ", name, " | ", value_of(figure), " | ", low == nullptr ? "" : number(low, share) + " to " + number(figure.find("high"), share), " | ",
                     figure.contains("n") ? with_thousands(figure.get_int("n", 0)) : "", " | ", note_of(figure), " |\n");
  });
  for (const Json& baseline : results.at("baselines").as_array()) {
    out += join_text("\n## Beside ", baseline.get_string("name", ""), "\n\n| metric | ", baseline.get_string("name", ""),
                     " | model | difference | 95 % interval | p | |\n|---|---|---|---|---|---|---|\n");
    for (const auto& [name, d] : baseline.at("differences").as_object()) {
      const bool tested = d.contains("p_value");
      out += join_text("| ", name, " | ", number(d.find("baseline"), false), " | ", number(d.find("model"), false), " | ", number(d.find("difference"), false), " | ",
                       tested ? number(d.find("low"), false) + " to " + number(d.find("high"), false) : "", " | ", number(d.find("p_value"), false), " | ",
                       !tested ? "" : d.get_bool("differs", false) ? "differs" : "not distinguishable", " |\n");
    }
  }
  if (const std::string why = results.get_string("no_baseline", ""); !why.empty()) out += "\nNo baseline: " + why + "\n";
  return out;
}

std::string results_csv(const Json& results) {
  std::string out = "model,metric,value,low,high,n,note\n";
  rows_of(results.at("metrics"), "model", out);
  for (const Json& baseline : results.at("baselines").as_array()) rows_of(baseline.at("metrics"), baseline.get_string("name", ""), out);
  return out;
}

}  // namespace lathe::cli
