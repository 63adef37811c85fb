#include "corpus/data_card.h"

#include <cmath>

#include "core/text.h"
#include "corpus/corpus_facts.h"

namespace lathe::corpus {
namespace {

// Text of others within a line or a table cell: no markup, no line ends.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\r') out += ' ';
    else if (std::string_view("\\`*_{}[]<>#|").find(c) != std::string_view::npos) (out += '\\') += c;
    else out += c;
  }
  return out;
}

std::string or_not_stated(const std::string& text) { return text.empty() ? "not stated" : plain(text); }
std::string percent(double share) { return format_text("%.2f %%", 100 * share); }
std::string whole(double value) { return with_thousands(std::llround(value)); }

std::string origin_of(const SourceSettings& source, bool stood_in) {
  if (source.dataset_name.empty()) return "local files";
  return (stood_in ? "local files (named in the manifest) in the place of " : "") + source.dataset_name + (source.subset.empty() ? "" : ", subset " + source.subset) + ", split " + source.split +
         ", revision " + (source.revision.empty() ? "not fixed" : source.revision);
}

void add_sources(const CorpusFacts& facts, std::string& card) {
  card += "## Sources\n\n| source | documents | characters | bytes | estimated tokens | share of the mix |\n|---|--:|--:|--:|--:|--:|\n";
  for (size_t i = 0; i < facts.mix->sources.size(); ++i) {
    const ShardCounts counts = facts.of_source(i);
    card += join_text("| ", plain(facts.mix->sources[i].name), " | ", with_thousands(counts.documents), " | ", with_thousands(counts.characters), " | ",
                      with_thousands(counts.bytes), " | ", whole(facts.tokens_of_source(i)), " | ", percent(facts.weights[i]), " |\n");
  }
  card += "\nTokens are estimates: characters divided by the characters per token that the settings state. No tokenizer was used.\n";
  for (size_t i = 0; i < facts.mix->sources.size(); ++i) {
    const SourceSettings& source = facts.mix->sources[i];
    card += join_text("\n### ", plain(source.name), "\n\n", source.description.empty() ? "" : plain(source.description) + "\n\n", "- origin: ",
                      plain(origin_of(source, i < facts.stood_in.size() && facts.stood_in[i])), "\n- licence: ", or_not_stated(source.licence), "\n- category: ", or_not_stated(source.category),
                      "\n- token budget: ", source.token_budget == 0 ? "none" : with_thousands(source.token_budget), ", ", shortest_double(source.chars_per_token),
                      " characters counted as a token\n- length: ", source.length.min_length, " to ",
                      source.length.max_length == 0 ? "any number of" : std::to_string(source.length.max_length), " characters; language: ",
                      source.language.require_english ? "English only" : "any", "\n");
  }
}

void add_steps(const CorpusFacts& facts, std::string& card) {
  card += "\n## What was removed\n\nIn this order: cleaning, exact duplicates, near-duplicates, filters.\n\n";
  if (facts.duplicates) {
    const DuplicateReport& report = *facts.duplicates;
    card += join_text("Duplicates over all sources: ", with_thousands(report.exact), " exact and ", with_thousands(report.near), " near, of ",
                      with_thousands(report.documents), " documents, in ", with_thousands(report.clusters), " clusters (MinHash of ",
                      facts.mix->deduplication.num_perm, " permutations over ", facts.mix->deduplication.shingle_size, " words, similarity at least ",
                      shortest_double(facts.mix->deduplication.threshold), ", ", report.bands.bands, " bands of ", report.bands.rows,
                      " rows). The first document of a cluster stays.\n");
  } else {
    card += "Duplicates were not looked for.\n";
  }
  for (size_t i = 0; i < facts.mix->sources.size(); ++i) {
    card += join_text("\n### Filters of ", plain(facts.mix->sources[i].name), "\n\n| filter | seen | removed | kept | share removed |\n|---|--:|--:|--:|--:|\n");
    const Json funnel = filter_funnel(facts, i);
    for (const Json& line : funnel.as_array())
      card += join_text("| ", line.at("filter").as_string(), " | ", with_thousands(line.at("seen").as_int()), " | ",
                        with_thousands(line.at("removed").as_int()), " | ", with_thousands(line.at("kept").as_int()), " | ",
                        percent(line.at("share").as_double()), " |\n");
  }
  const Json decontamination = decontamination_facts(facts);
  card += "\n### Evaluation texts\n\n";
  if (!facts.mix->decontamination.enabled) {
    card += "Not looked for.\n";
  } else if (facts.decontaminator == nullptr) {
    card += "No evaluation set was at hand: none of their texts were removed.\n";
  } else {
    card += join_text(with_thousands(decontamination.at("contaminated").as_int()), " documents share ", facts.mix->decontamination.ngram,
                      " words in a row with an evaluation set; they were ", facts.mix->decontamination.action == "remove" ? "removed" : "kept and flagged",
                      ".\n\n| set | documents | SHA-256 of its n-grams |\n|---|--:|---|\n");
    for (const Json& set : decontamination.at("sets").as_array())
      card += join_text("| ", plain(set.at("name").as_string()), " | ", with_thousands(set.at("documents").as_int()), " | ",
                        set.at("sha256").as_string().substr(0, 16), " |\n");
  }
}

}  // namespace

std::string data_card(const CorpusFacts& facts) {
  const MixSettings& mix = *facts.mix;
  const ShardCounts total = facts.total();
  double tokens = 0;
  for (size_t i = 0; i < mix.sources.size(); ++i) tokens += facts.tokens_of_source(i);
  std::string card = join_text("# ", plain(mix.name), "\n\n", mix.description.empty() ? "" : plain(mix.description) + "\n\n", "Version ", plain(mix.version), ". ",
                               with_thousands(total.documents), " documents, ", with_thousands(total.characters), " characters, ", with_thousands(total.bytes),
                               " bytes, about ", whole(tokens), " tokens, in ", with_thousands(static_cast<int64_t>(facts.shards.size())),
                               " shards. Written by `lathe corpus`; `manifest.json` holds every setting and hash.\n\n");
  add_sources(facts, card);
  add_steps(facts, card);
  card += "\n## Samples\n";
  for (size_t i = 0; i < mix.sources.size(); ++i)
    if (!facts.sample_texts[i].empty()) card += join_text("\nThe first document of ", plain(mix.sources[i].name), " begins:\n\n> ", plain(facts.sample_texts[i]), "\n");
  card += "\n## Known limits\n\n"
          "- The language filter is meant for documents of some sentences; short ones may go wrong.\n"
          "- Near-duplicates are found by probability: a pair at the threshold may stay.\n"
          "- Personal data and harmful content are not looked for.\n"
          "- The licences are those that the source settings state; nobody checked them.\n";
  for (const std::string& warning : corpus_warnings(facts)) card += "- " + plain(warning) + "\n";
  return card;
}

}  // namespace lathe::corpus
