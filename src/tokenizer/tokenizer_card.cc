#include "tokenizer/tokenizer_card.h"

#include "core/text.h"

namespace lathe::tokenizer {

std::string tokenizer_card(const CardFacts& facts, const Tokenizer& tokenizer, const QualityMeter& meter) {
  const QualityFigures total = meter.total();
  std::string card = join_text("# Tokenizer ", facts.title, "\n\n", facts.kind, ", ", with_thousands(tokenizer.vocab_size()),
                               " tokens, ", tokenizer.special_tokens().size(), " of them special. Made by ", facts.created_by, ".\n\n");
  card += join_text("- SHA-256: `", tokenizer.hash(), "`\n- corpus: `", facts.corpus, "`\n- trained on ",
                    with_thousands(facts.sentences_used), " texts (", with_thousands(facts.bytes_used), " bytes) drawn from ",
                    with_thousands(facts.sentences_seen), " (", with_thousands(facts.bytes_seen), " bytes)\n\n");
  card += join_text("It is frozen: every data set, checkpoint and adapter made with it names its hash, and any other tokenizer is refused, "
                    "also one of the same size.\n\n## Fit\n\n",
                    format_text("%.2f characters a token, %.2f tokens a word, %.2f %% of the characters covered, %.4f %% unknown tokens.\n\n",
                                total.chars_per_token(), total.fertility(), 100 * total.coverage(), 100 * total.unknown_rate()),
                    "Measured on a sample of the training corpus.\n\n", quality_markdown(meter));
  card += "\n## Special tokens\n\n| id | token |\n|---|---|\n";
  for (const AddedToken& token : tokenizer.added_tokens()) {
    std::string name;
    for (const char c : token.text) name += c == '|' ? "\\|" : std::string(1, c);
    card += join_text("| ", token.id, " | `", name, "` |\n");
  }
  card += "\n## Settings\n\n| key | value |\n|---|---|\n";
  for (const auto& [key, value] : facts.settings.as_object())
    if (key != "control_symbols") card += join_text("| ", key, " | `", value.dump(), "` |\n");
  return card;
}

}  // namespace lathe::tokenizer
