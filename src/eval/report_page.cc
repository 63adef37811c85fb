#include "eval/report_page.h"

#include <algorithm>
#include <tuple>

#include "core/text.h"
#include "eval/report_pictures.h"
#include "eval/report_tables.h"
#include "plot/html_page.h"

namespace lathe::eval {
namespace {

constexpr std::string_view kArrow = " \u2192 ";  // between prompt and answer in the samples of the chat stages

const RunCurves* run_of(const ReportFindings& findings, const std::string& stage) {
  const auto found = std::find_if(findings.curves.begin(), findings.curves.end(), [&](const RunCurves& run) { return run.stage == stage; });
  return found == findings.curves.end() ? nullptr : &*found;
}

bool any(const std::vector<std::string>& pictures) {
  return std::any_of(pictures.begin(), pictures.end(), [](const std::string& picture) { return !picture.empty(); });
}

std::string large_number(double value) {
  for (const auto& [size, letter] : {std::pair{1e9, "G"}, {1e6, "M"}, {1e3, "k"}})
    if (value >= size) return format_text("%.3g %s", value / size, letter);
  return format_text("%.3g", value);
}

void add_overview(const ReportFindings& findings, plot::HtmlPage& page) {
  std::vector<std::pair<std::string, std::string>> cards;
  const auto card = [&](const char* slug, const char* metric, const char* name, const auto& form) {
    if (const Json* value = section_metric(findings, slug, metric)) cards.emplace_back(name, form(value->as_double()));
  };
  const auto plain = [](double v) { return format_text("%.4f", v); };
  card("base-model-training", "Number of parameters", "parameters", large_number);
  card("base-model-training", "Number of training tokens", "tokens of base training", large_number);
  card("base-model-training", "Final validation bpb", "bits per byte, validation", plain);
  card("base-model-evaluation", "CORE", "CORE metric", plain);
  for (const char* source : {"sft", "dpo", "rl"})
    card(("chat-evaluation-" + std::string(source)).c_str(), "ChatCORE", ("ChatCORE, " + std::string(source)).c_str(), plain);
  if (findings.wall_seconds) cards.emplace_back("wall clock", duration_text(*findings.wall_seconds));
  if (findings.dollars_per_hour && findings.wall_seconds)
    cards.emplace_back("US dollars", format_text("%.2f", *findings.dollars_per_hour * *findings.wall_seconds / 3600));
  page.cards(cards);
  if (findings.summary.size() > 0) page.markdown(summary_table(findings.summary));
}

void add_data(const ReportFindings& findings, plot::HtmlPage& page, std::vector<std::string>& absent) {
  if (findings.corpora.size() == 0) {
    absent.push_back("Data funnel: the run was not made from a corpus of `lathe corpus`.");
    return;
  }
  page.chapter("Data");
  std::vector<std::string> pictures;
  std::string rows;
  for (const Json& corpus : findings.corpora.as_array()) {
    const Json* sources = corpus.find("sources");
    if (sources == nullptr || !sources->is_array()) continue;
    for (const Json& source : sources->as_array()) {
      if (!source.is_object()) continue;
      pictures.push_back(funnel_picture(source));
      rows += join_text("| ", source.get_string("name", ""), " | ", with_thousands(source.get_int("documents", 0)), " | ",
                        with_thousands(source.get_int("characters", 0)), " | ", with_thousands(source.get_int("estimated_tokens", 0)), " | ",
                        source.get_string("licence", ""), " |\n");
    }
  }
  page.pictures(pictures);
  if (!rows.empty()) page.markdown("| source | documents | characters | tokens, estimated | licence |\n|---|---|---|---|---|\n" + rows);
}

void add_tokenizer(const ReportFindings& findings, plot::HtmlPage& page, std::vector<std::string>& absent) {
  const auto section = std::find_if(findings.sections.begin(), findings.sections.end(), [](const auto& s) { return s.slug == "tokenizer-evaluation"; });
  std::vector<std::string> pictures;
  if (section != findings.sections.end()) {
    const Json *comparisons = section->figures.find("comparisons"), *ours = section->figures.find("ours");
    if (comparisons != nullptr && comparisons->is_object())
      for (const auto& [baseline, rows] : comparisons->as_object())
        if (rows.is_array()) pictures.push_back(tokenizer_picture(baseline, rows));
    if (!any(pictures) && ours != nullptr && ours->is_array()) pictures.push_back(tokenizer_picture("", *ours));
  }
  if (!any(pictures)) {
    absent.push_back("Tokenizer comparison: `lathe tokenizer eval` was not run.");
    return;
  }
  page.chapter("Tokenizer");
  page.pictures(pictures);
}

void add_training(const ReportFindings& findings, plot::HtmlPage& page, std::vector<std::string>& absent) {
  if (findings.curves.empty()) {
    absent.push_back("Training curves: no run of this tag has a metrics.jsonl.");
    return;
  }
  page.chapter("Training");
  page.pictures(training_pictures(findings.curves));
  const std::string bpb = "val/bpb";
  if (std::all_of(findings.curves.begin(), findings.curves.end(), [&](const RunCurves& run) { return run.points(bpb).empty(); }))
    absent.push_back("Bits per byte: no stage was validated.");
  page.chapter("Speed and time");
  std::vector<std::string> pictures = throughput_pictures(findings.curves);
  pictures.push_back(time_picture(findings.curves));
  page.pictures(pictures);
  page.markdown(stages_table(findings.curves));
  page.paragraph(cost_line(findings) + " Total wall clock time: " + findings.wall_clock + ".");
  for (const auto& [stage, title, draw] : {std::tuple{"dpo", "Preferences", &preference_pictures}, {"rl", "Reinforcement learning", &reward_pictures}}) {
    const RunCurves* run = run_of(findings, stage);
    const std::vector<std::string> drawn = run != nullptr ? draw(*run) : std::vector<std::string>();
    if (!any(drawn)) {
      absent.push_back(join_text(title, ": no such stage of this tag."));
      continue;
    }
    page.chapter(title);
    page.pictures(drawn);
  }
}

void add_evaluations(const ReportFindings& findings, plot::HtmlPage& page, std::vector<std::string>& absent) {
  if (findings.evaluations.size() == 0) {
    absent.push_back("Evaluation: no results of this tag.");
    return;
  }
  page.chapter("Evaluation");
  for (const auto& [source, sections] : findings.evaluations.as_object()) {
    std::vector<std::string> pictures;
    for (const auto& [name, figures] : sections.as_object()) pictures.push_back(scores_picture(evaluation_title(name) + ", " + source, figures));
    page.pictures(pictures);
    for (const auto& [name, figures] : sections.as_object()) {
      const std::string table = scores_table(figures);
      if (table.empty()) continue;
      page.heading(3, evaluation_title(name) + ", " + source);
      page.markdown(table);
    }
  }
}

void add_samples(const ReportFindings& findings, plot::HtmlPage& page, std::vector<std::string>& absent) {
  bool begun = false;
  for (const auto& [source, sections] : findings.evaluations.as_object())
    for (const auto& [section, figures] : sections.as_object())
      for (const auto& [name, figure] : figures.as_object()) {
        const Json* texts = figure.find("texts");
        if (texts == nullptr || !texts->is_array() || texts->size() == 0) continue;
        if (!begun) page.chapter("Samples");
        begun = true;
        page.open_fold(join_text(source, ", ", name));
        for (const Json& text : texts->as_array()) page.quote("of the model", text.is_string() ? text.as_string() : text.dump());
        page.close_fold();
      }
  for (const RunCurves& run : findings.curves) {
    if (run.samples.empty()) continue;
    if (!begun) page.chapter("Samples");
    begun = true;
    page.open_fold(join_text(run.stage, ", step ", run.samples_step));
    for (const std::string& sample : run.samples) {
      const size_t arrow = sample.find(kArrow);
      if (arrow == std::string::npos) {
        page.quote("continued by the model", sample);
      } else {
        page.quote(sample.substr(0, arrow), sample.substr(arrow + kArrow.size()));
      }
    }
    page.close_fold();
  }
  if (!begun) absent.push_back("Samples: no stage recorded any.");
}

}  // namespace

std::string report_page(const ReportFindings& findings) {
  const std::string title = "lathe report" + (findings.tag.empty() ? "" : ", " + findings.tag);
  plot::HtmlPage page(title, true);
  std::vector<std::string> absent;
  page.heading(1, title);
  page.paragraph("Generated " + findings.now + ". Total wall clock time: " + findings.wall_clock + ".");
  add_overview(findings, page);
  add_data(findings, page, absent);
  add_tokenizer(findings, page, absent);
  add_training(findings, page, absent);
  add_evaluations(findings, page, absent);
  add_samples(findings, page, absent);
  if (!findings.header.empty()) {
    page.chapter("Environment");
    std::string header = findings.header;
    if (header.starts_with("# ")) header.erase(0, header.find('\n'));
    constexpr std::string_view kSameTitle = "\n## Environment\n";
    if (const size_t at = header.find(kSameTitle); at != std::string::npos) header.erase(at, kSameTitle.size());
    page.markdown(header);
  }
  if (!findings.chain.empty()) {
    page.chapter("Provenance");
    page.paragraph("`lathe inspect --verify` computes these hashes anew and names what has changed.");
    page.markdown(provenance_table(findings.chain));
  }
  if (!findings.sections.empty()) {
    page.chapter("Records of the stages");
    for (const ReportSection& section : findings.sections) {
      page.open_fold(section.title.empty() ? section.slug : section.title);
      page.markdown(section.markdown);
      page.close_fold();
    }
  }
  for (const std::string& slug : findings.missing) absent.push_back("Section " + slug + ".");
  if (!absent.empty()) {
    page.chapter("Not in this report");
    std::string list;
    for (const std::string& sentence : absent) list += "- " + sentence + "\n";
    page.markdown(list);
  }
  return page.finish();
}

}  // namespace lathe::eval
