// lathe tokenizer eval: how far our tokenizer compresses texts of several kinds beside GPT-2's and GPT-4's (rows C-2.31,
// C-2.32), and its quality figures on the corpus (row L-3.8).
#include <array>

#include "cli/report_section.h"
#include "cli/training.h"
#include "cli/verbs.h"
#include "data/corpus.h"
#include "tokenizer/comparison.h"
#include "tokenizer/quality_report.h"

namespace lathe::cli {
namespace {

using tokenizer::Compression;
using tokenizer::NamedText;

// A tokenizer to compare with, and where it may lie below <base>/tokenizers.
struct Baseline {
  const char* name;
  const char* flag;
  std::array<const char*, 5> places;
};
constexpr Baseline kGpt2 = {"GPT-2", "gpt2", {"gpt2.tiktoken", "r50k_base.tiktoken", "gpt2", "gpt2.tiktoken.zst", "r50k_base.tiktoken.zst"}};
constexpr Baseline kGpt4 = {"GPT-4", "gpt4", {"cl100k_base.tiktoken", "cl100k_base", "gpt4", "cl100k_base.tiktoken.zst", "gpt-4"}};

// The given file, else the first of the places that is there, else nothing.
fs::path find_baseline(const fs::path& base, const Baseline& baseline, const std::string& given) {
  if (!given.empty()) return given;
  for (const char* place : baseline.places)
    if (const fs::path path = base / "tokenizers" / place; fs::exists(path)) return path;
  return {};
}

std::string join_lines(const std::vector<std::string>& texts) {
  std::string joined;
  for (size_t i = 0; i < texts.size(); ++i) joined += (i == 0 ? "" : "\n") + texts[i];
  return joined;
}

class TokenizerEval : public Verb {
 public:
  VerbInfo info() const override {
    return {"tokenizer eval", "data", "compression beside GPT-2 and GPT-4, and quality figures", "lathe tokenizer eval --gpt4 cl100k_base.tiktoken", "", 0};
  }
  void describe(SettingsTable& table) override {
    table.add("tokenizer", &path_, "folder, tokenizer.json or *.tiktoken; empty: <base>/tokenizer");
    table.add("data", &data_, "corpus whose first groups are compared too; empty: <base>/base_data, where it is there");
    table.add("gpt2", &gpt2_, "file or folder of GPT-2's tokenizer; empty: gpt2.tiktoken, r50k_base.tiktoken or gpt2/ in <base>/tokenizers");
    table.add("gpt4", &gpt4_, "file of GPT-4's tokenizer; empty: cl100k_base.tiktoken in <base>/tokenizers");
    table.add("top", &top_, "most frequent pieces shown");
  }
  Result<Exit> run(Context& context) override;

 private:
  Status add_corpus(Context& context, const fs::path& base, std::vector<NamedText>& texts, tokenizer::QualityMeter& quality) const;

  std::string path_, data_, gpt2_, gpt4_;
  int64_t top_ = 10;
};

// The first group of each split: its documents joined by line ends are one text.
Status TokenizerEval::add_corpus(Context& context, const fs::path& base, std::vector<NamedText>& texts, tokenizer::QualityMeter& quality) const {
  if (data_.empty() && !fs::exists(base / "base_data")) {
    context.print("The corpus is not compared: there is no ", (base / "base_data").string(), "; give one with --data");
    return {};
  }
  LATHE_TRY(const fs::path path, given_or_base(context, data_, "base_data"));
  LATHE_TRY(const auto corpus, data::Corpus::open(path));
  for (const auto& [name, split] : {std::pair{"fwe-train", data::Split::kTrain}, {"fwe-val", data::Split::kValidation}}) {
    std::vector<std::string> documents;
    data::GroupReader reader(corpus, split);
    LATHE_TRY([[maybe_unused]] const bool found, reader.next_group(documents));
    std::string joined = join_lines(documents);
    if (joined.empty()) continue;
    quality.add(name, documents);
    texts.push_back({name, std::move(joined)});
  }
  return {};
}

Result<Exit> TokenizerEval::run(Context& context) {
  if (top_ < 0) return error("top must be 0 or more, got ", top_);
  LATHE_TRY(const fs::path base, context.base_folder());
  LATHE_TRY(const fs::path path, given_or_base(context, path_, "tokenizer"));
  LATHE_TRY(const tokenizer::Tokenizer ours, tokenizer::Tokenizer::load(path));
  tokenizer::QualityMeter quality(ours);
  std::vector<NamedText> texts = tokenizer::comparison_texts();
  for (const NamedText& text : texts) quality.add(text.name, std::vector<std::string>{text.text});
  LATHE_TRY_STATUS(add_corpus(context, base, texts, quality));
  LATHE_TRY(const std::vector<Compression> measured, tokenizer::measure_compression(ours, "ours", texts));

  Json sizes = Json::object(), comparisons = Json::object(), skipped = Json::array();
  std::vector<std::string> tables, sections;
  for (const auto& [baseline, given] : {std::pair{&kGpt2, &gpt2_}, {&kGpt4, &gpt4_}}) {
    const fs::path file = find_baseline(base, *baseline, *given);
    if (file.empty()) {
      const std::string note = join_text("Comparison with ", baseline->name, ": not run, no file of its tokenizer in ",
                                         (base / "tokenizers").string(), "; give one with --", baseline->flag);
      tables.push_back(note + '\n');
      sections.push_back(join_text("### Comparison with ", baseline->name, "\n\nNot run: no file of its tokenizer was given.\n\n"));
      skipped.push_back(Json(baseline->name));
      continue;
    }
    LATHE_TRY(const tokenizer::Tokenizer other, tokenizer::Tokenizer::load(file));
    LATHE_TRY(const std::vector<Compression> theirs, tokenizer::measure_compression(other, baseline->name, texts));
    const tokenizer::Comparison comparison{baseline->name, texts, theirs, measured};
    sizes[baseline->name] = other.vocab_size();
    tables.push_back(tokenizer::comparison_table(comparison));
    sections.push_back(tokenizer::comparison_markdown(comparison));
    comparisons[baseline->name] = tokenizer::comparison_json(comparison);
  }
  sizes["ours"] = ours.vocab_size();

  context.print("Vocabulary sizes:");
  for (const auto& [name, size] : sizes.as_object()) context.print("  ", name, ": ", size.as_int());
  for (const std::string& table : tables) context.print("\n", table);
  context.print("Quality of ours:\n\n", tokenizer::quality_markdown(quality, static_cast<size_t>(top_)));
  Json own = Json::array();
  for (size_t i = 0; i < texts.size(); ++i)
    own.push_back(Json(Json::Object{{"text", texts[i].name}, {"bytes", measured[i].bytes}, {"tokens", measured[i].tokens}, {"ratio", measured[i].ratio()}}));
  const Json pictured(Json::Object{{"ours", std::move(own)}, {"comparisons", comparisons}, {"vocab_sizes", sizes}});
  LATHE_TRY(const fs::path report,
            write_report_section(base, "Tokenizer evaluation", {sections.begin(), sections.end()}, Clock::real(), pictured));
  context.print("Saved report section to ", report.string());
  return context.finish(Json(Json::Object{{"vocab_size", ours.vocab_size()},
                                          {"sha256", ours.hash()},
                                          {"vocab_sizes", std::move(sizes)},
                                          {"comparisons", std::move(comparisons)},
                                          {"not_run", std::move(skipped)},
                                          {"quality", tokenizer::quality_json(quality, static_cast<size_t>(top_))}}));
}

}  // namespace

std::unique_ptr<Verb> make_tokenizer_eval() { return std::make_unique<TokenizerEval>(); }

}  // namespace lathe::cli
