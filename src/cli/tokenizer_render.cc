// lathe tokenizer render: what a model is trained on in conversations, token by token (row C-2.30).
#include <algorithm>

#include "cli/training.h"
#include "cli/verbs.h"
#include "data/line_reader.h"
#include "tokenizer/render.h"

namespace lathe::cli {
namespace {

class TokenizerRender : public Verb {
 public:
  VerbInfo info() const override {
    return {"tokenizer render", "data", "conversations as tokens: green is trained, red is given", "lathe tokenizer render chats.jsonl --with-ids",
            "FILE", 1, 1};
  }
  void describe(SettingsTable& table) override {
    table.add("tokenizer", &path_, "folder, tokenizer.json or *.tiktoken; empty: <base>/tokenizer");
    table.add("with_ids", &with_ids_, "the id after each token");
    table.add("max_tokens", &max_tokens_, "a longer conversation is cut on the right");
  }
  Result<Exit> run(Context& context) override;

 private:
  struct Totals {
    int64_t conversations = 0, tokens = 0, trained = 0, dropped = 0;
  };
  Status render_line(Context& context, const tokenizer::Tokenizer& tokenizer, std::string_view line, Totals& totals) const;

  std::string path_;
  bool with_ids_ = false;
  int64_t max_tokens_ = tokenizer::kMaxRenderedTokens;
};

Status TokenizerRender::render_line(Context& context, const tokenizer::Tokenizer& tokenizer, std::string_view line, Totals& totals) const {
  LATHE_TRY(const Json json, parse_json(line));
  LATHE_TRY(const tokenizer::Conversation conversation, tokenizer::conversation_from_json(json));
  LATHE_TRY(const tokenizer::Rendered rendered, tokenizer::render_conversation(tokenizer, conversation, max_tokens_));
  ++totals.conversations;
  totals.tokens += static_cast<int64_t>(rendered.ids.size());
  totals.trained += std::count(rendered.mask.begin(), rendered.mask.end(), uint8_t{1});
  totals.dropped += rendered.dropped;
  context.print(tokenizer::visualize(tokenizer, rendered, with_ids_));
  return {};
}

Result<Exit> TokenizerRender::run(Context& context) {
  if (max_tokens_ < 1) return error_at("max_tokens", -1, "must be at least 1, is ", max_tokens_);
  LATHE_TRY(const fs::path path, given_or_base(context, path_, "tokenizer"));
  LATHE_TRY(const tokenizer::Tokenizer tokenizer, tokenizer::Tokenizer::load(path));
  const std::string file = context.operands()[0];
  LATHE_TRY(const auto lines, data::LineReader::open(file));
  Totals totals;
  std::string_view line;
  while (true) {
    LATHE_TRY(const bool found, lines->next(line));
    if (!found) break;
    if (trim_text(line).empty()) continue;
    if (const Status status = render_line(context, tokenizer, line, totals); !status.ok())
      return error_at(file, -1, "line ", lines->line_number(), ": ", status.error().to_string());
  }
  if (totals.conversations == 0) return error_at(file, -1, "holds no conversation; one {\"messages\": [...]} a line is needed");
  return context.finish(Json(Json::Object{{"conversations", totals.conversations},
                                          {"tokens", totals.tokens},
                                          {"trained_tokens", totals.trained},
                                          {"dropped_tokens", totals.dropped},
                                          {"sha256", tokenizer.hash()}}));
}

}  // namespace

std::unique_ptr<Verb> make_tokenizer_render() { return std::make_unique<TokenizerRender>(); }

}  // namespace lathe::cli
