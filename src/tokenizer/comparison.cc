#include "tokenizer/comparison.h"

#include "core/text.h"

namespace lathe::tokenizer {
namespace {

constexpr const char* kGreen = "\033[92m";
constexpr const char* kRed = "\033[91m";
constexpr const char* kPlain = "\033[0m";
constexpr int kWidth = 89;  // of the table's rules

// `figures` in the colour of a side whose winner() is `won`: its own sign is +1.
std::string coloured(const std::string& figures, int won) {
  if (won == 0) return figures;
  return join_text(won > 0 ? kGreen : kRed, figures, kPlain);
}

std::string figures_of(const Compression& side) {
  return format_text("%-9lld %-7.2f", static_cast<long long>(side.tokens), side.ratio());
}

}  // namespace

double Compression::ratio() const { return tokens == 0 ? 0.0 : static_cast<double>(bytes) / static_cast<double>(tokens); }

Result<std::vector<Compression>> measure_compression(const Tokenizer& tokenizer, const std::string& name,
                                                     std::span<const NamedText> texts) {
  std::vector<Compression> measured;
  for (const NamedText& text : texts) {
    const std::vector<int32_t> ids = tokenizer.encode(text.text);
    if (tokenizer.decode_bytes(ids) != text.text)
      return error("the tokenizer ", name, " does not give the text \"", text.name, "\" back as it was");
    measured.push_back({static_cast<int64_t>(text.text.size()), static_cast<int64_t>(ids.size())});
  }
  return measured;
}

double Comparison::relative_difference(size_t i) const {
  if (theirs[i].tokens == 0) return 0;
  return static_cast<double>(theirs[i].tokens - ours[i].tokens) / static_cast<double>(theirs[i].tokens) * 100;
}

int Comparison::winner(size_t i) const {
  const double their_ratio = theirs[i].ratio(), our_ratio = ours[i].ratio();
  return our_ratio > their_ratio ? 1 : our_ratio < their_ratio ? -1 : 0;
}

std::string comparison_table(const Comparison& comparison) {
  const std::string& baseline = comparison.baseline;
  const std::string rule(kWidth, '=');
  std::string table = join_text("Comparison with ", baseline, ":\n", rule, '\n');
  table += format_text("%-10s %-12s %-17s %-17s %-12s %s\n", "text", "bytes", baseline.c_str(), "ours", "difference", "better");
  table += format_text("%-10s %-12s %-9s %-7s %-9s %-7s\n", "", "", "tokens", "ratio", "tokens", "ratio");
  table += std::string(kWidth, '-') + '\n';
  for (size_t i = 0; i < comparison.texts.size(); ++i) {
    const int won = comparison.winner(i);
    const std::string difference = format_text("%-12s", format_text("%+.1f%%", comparison.relative_difference(i)).c_str());
    const std::string better = won == 0 ? "Tie" : won > 0 ? "ours" : baseline;
    table += format_text("%-10s %-12lld ", comparison.texts[i].name.c_str(), static_cast<long long>(comparison.ours[i].bytes));
    table += join_text(coloured(figures_of(comparison.theirs[i]), -won), ' ', coloured(figures_of(comparison.ours[i]), won), ' ',
                       coloured(difference, won), ' ', won == 0 ? better : coloured(better, 1), '\n');
  }
  return table;
}

std::string comparison_markdown(const Comparison& comparison) {
  const std::string& baseline = comparison.baseline;
  std::string table = join_text("### Comparison with ", baseline, "\n\n| Text Type | Bytes | ", baseline, " Tokens | ", baseline,
                                " Ratio | Ours Tokens | Ours Ratio | Relative Diff % |\n|---|---|---|---|---|---|---|\n");
  for (size_t i = 0; i < comparison.texts.size(); ++i) {
    const Compression &theirs = comparison.theirs[i], &ours = comparison.ours[i];
    table += format_text("| %s | %lld | %lld | %.2f | %lld | %.2f | %+.1f%% |\n", comparison.texts[i].name.c_str(),
                         static_cast<long long>(ours.bytes), static_cast<long long>(theirs.tokens), theirs.ratio(),
                         static_cast<long long>(ours.tokens), ours.ratio(), comparison.relative_difference(i));
  }
  return table + '\n';
}

Json comparison_json(const Comparison& comparison) {
  Json rows = Json::array();
  for (size_t i = 0; i < comparison.texts.size(); ++i)
    rows.push_back(Json(Json::Object{{"text", comparison.texts[i].name},
                                     {"bytes", comparison.ours[i].bytes},
                                     {"baseline_tokens", comparison.theirs[i].tokens},
                                     {"tokens", comparison.ours[i].tokens},
                                     {"baseline_ratio", comparison.theirs[i].ratio()},
                                     {"ratio", comparison.ours[i].ratio()},
                                     {"relative_difference", comparison.relative_difference(i)}}));
  return rows;
}

}  // namespace lathe::tokenizer
