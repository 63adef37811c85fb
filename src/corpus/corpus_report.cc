#include "corpus/corpus_report.h"

#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "corpus/corpus_facts.h"
#include "plot/charts.h"
#include "plot/html_page.h"

namespace lathe::corpus {
namespace {

std::string percent(double share) { return format_text("%.2f %%", 100 * share); }

// The documents that each stage leaves of a source.
void add_funnel(const CorpusFacts& facts, size_t source, plot::HtmlPage& page) {
  const SourceSelection& selection = facts.selections[source];
  const int64_t read = facts.cleaning[source].count("read.documents");
  plot::BarChart chart;
  chart.title = "Documents of " + facts.mix->sources[source].name;
  chart.value_label = "documents";
  chart.range = {0, std::max(1.0, static_cast<double>(read))};
  const auto bar = [&](const char* label, int64_t value) {
    chart.bars.push_back({label, static_cast<double>(value), std::nullopt, std::nullopt, with_thousands(value)});
  };
  bar("read", read);
  bar("cleaned", selection.cleaned.documents);
  bar("without duplicates", selection.unique.documents);
  bar("kept by the filters", selection.available.documents);
  bar("within the budget", selection.selected.documents);
  page.picture(plot::bar_chart(chart));

  std::vector<std::vector<std::string>> rows;
  const Json funnel = filter_funnel(facts, source);
  for (const Json& line : funnel.as_array())
    rows.push_back({line.at("filter").as_string(), with_thousands(line.at("seen").as_int()), with_thousands(line.at("removed").as_int()),
                    with_thousands(line.at("kept").as_int()), percent(line.at("share").as_double()), with_thousands(line.at("removed_characters").as_int())});
  page.table({"filter", "seen", "removed", "kept", "share removed", "characters removed"}, rows);
}

void add_histograms(const CorpusFacts& facts, plot::HtmlPage& page) {
  struct Figure {
    const char *title, *label;
    double (*value)(const Sample&);
  };
  const Figure figures[] = {
      {"Length", "characters, logarithm to base 10", [](const Sample& s) { return std::log10(std::max(s.characters, 1.0)); }},
      {"Alphabetic characters", "share of the visible ones", [](const Sample& s) { return s.alphabetic_share; }},
      {"Mean word length", "characters", [](const Sample& s) { return s.mean_word_length; }},
      {"English", "probability", [](const Sample& s) { return s.english; }},
  };
  size_t samples = 0;
  for (const Tally& tally : facts.filtering) samples += tally.samples.size();
  page.paragraph(join_text("Of ", with_thousands(static_cast<int64_t>(samples)),
                           " documents: the first four of every block of half a mebibyte that the filters of language and length let through."));
  for (const Figure& figure : figures) {
    plot::Histogram histogram;
    histogram.title = figure.title, histogram.x_label = figure.label, histogram.y_label = "documents";
    for (const Tally& tally : facts.filtering)
      for (const Sample& sample : tally.samples) histogram.values.push_back(figure.value(sample));
    page.picture(plot::histogram(histogram));
  }
}

void add_examples(const CorpusFacts& facts, plot::HtmlPage& page) {
  for (size_t i = 0; i < facts.mix->sources.size(); ++i) {
    std::vector<std::vector<std::string>> rows;
    for (const auto* tally : {&facts.cleaning[i], &facts.filtering[i]})
      for (const auto& [name, list] : tally->examples) {
        if (name.starts_with("evaluation_set.")) continue;
        for (const Json& example : list)
          if (example.is_string()) rows.push_back({name.starts_with("rule.") ? name.substr(5) : name, example.as_string()});
      }
    if (rows.empty()) continue;
    page.heading(3, facts.mix->sources[i].name);
    page.table({"removed by", "begins"}, rows);
  }
}

void add_duplicates(const CorpusFacts& facts, plot::HtmlPage& page) {
  const DuplicateReport& report = *facts.duplicates;
  page.paragraph(join_text(with_thousands(report.exact), " exact and ", with_thousands(report.near), " near-duplicates of ",
                           with_thousands(report.documents), " documents were removed, in ", with_thousands(report.clusters), " clusters. ",
                           report.bands.bands, " bands of ", report.bands.rows, " rows; ", with_thousands(report.compared), " pairs compared, ",
                           with_thousands(report.confirmed), " confirmed."));
  std::vector<std::vector<std::string>> rows;
  for (const SourceDuplicates& source : report.sources)
    rows.push_back({source.name, with_thousands(source.documents), with_thousands(source.exact), with_thousands(source.near), with_thousands(source.too_short)});
  page.table({"source", "documents", "exact", "near", "shorter than a shingle"}, rows);
  for (size_t i = 0; i < report.samples.size(); ++i) {
    const ClusterSample& sample = report.samples[i];
    page.heading(3, join_text("A cluster of ", with_thousands(sample.documents), " documents"));
    std::vector<std::vector<std::string>> members;
    for (size_t j = 0; j < sample.members.size(); ++j) {
      const ClusterMember& member = sample.members[j];
      const std::string& text = facts.cluster_texts[i][j];
      members.push_back({facts.mix->sources[static_cast<size_t>(member.source)].name, std::to_string(member.document),
                         j == 0 ? "stays" : member.exact ? "exact" : "near", format_text("%.3f", member.similarity),
                         text.empty() ? "(not kept by the filters)" : text});
    }
    page.table({"source", "document", "", "similarity", "begins"}, members);
  }
}

}  // namespace

std::string corpus_report(const CorpusFacts& facts) {
  const ShardCounts total = facts.total();
  plot::HtmlPage page("Corpus " + facts.mix->name);
  page.heading(1, "Corpus " + facts.mix->name);
  page.paragraph(facts.mix->description);
  page.paragraph(join_text(with_thousands(total.documents), " documents, ", with_thousands(total.characters), " characters, ", with_thousands(total.bytes),
                           " bytes in ", with_thousands(static_cast<int64_t>(facts.shards.size())), facts.shards.size() == 1 ? " shard." : " shards."));
  for (const std::string& warning : corpus_warnings(facts)) page.paragraph("Warning: " + warning + (warning.ends_with("?") ? "" : "."));
  page.heading(2, "From source to corpus");
  std::vector<std::vector<std::string>> rows;
  for (size_t i = 0; i < facts.mix->sources.size(); ++i) {
    const ShardCounts counts = facts.of_source(i);
    rows.push_back({facts.mix->sources[i].name, with_thousands(counts.documents), with_thousands(counts.characters),
                    with_thousands(std::llround(facts.tokens_of_source(i))), percent(facts.weights[i])});
  }
  page.table({"source", "documents", "characters", "estimated tokens", "share of the mix"}, rows);
  for (size_t i = 0; i < facts.mix->sources.size(); ++i) {
    page.heading(3, facts.mix->sources[i].name);
    add_funnel(facts, i, page);
  }
  page.heading(2, "Lengths and qualities");
  add_histograms(facts, page);
  if (facts.duplicates) {
    page.heading(2, "Duplicates");
    add_duplicates(facts, page);
  }
  const Json decontamination = decontamination_facts(facts);
  page.heading(2, "Evaluation texts");
  if (facts.decontaminator == nullptr) page.paragraph("Not looked for.");
  rows.clear();
  for (const Json& set : decontamination.at("sets").as_array()) {
    std::string example;
    if (const Json& samples = set.at("samples"); samples.size() > 0) example = samples.at(size_t{0}).at("ngram").as_string();
    rows.push_back({set.at("name").as_string(), with_thousands(set.at("texts").as_int()), with_thousands(set.at("ngrams").as_int()),
                    with_thousands(set.at("documents").as_int()), example});
  }
  if (!rows.empty()) page.table({"set", "texts", "n-grams", "documents that hold some", "example"}, rows);
  page.heading(2, "Removed texts");
  page.paragraph("The first ones of each rule, duplicates included.");
  add_examples(facts, page);
  return page.finish();
}

}  // namespace lathe::corpus
