// lathe tokenizer render: what a model is trained on in conversations, token by token, in any template (rows C-2.30, L-7.1,
// L-7.16).
#include <algorithm>

#include "cli/training.h"
#include "cli/verbs.h"
#include "core/log.h"
#include "core/manifest.h"
#include "data/line_reader.h"
#include "tokenizer/chat_template.h"

namespace lathe::cli {
namespace {

class TokenizerRender : public Verb {
 public:
  VerbInfo info() const override {
    return {"tokenizer render", "data", "conversations as tokens: green is trained, red is given", "lathe tokenizer render chats.jsonl --with-ids",
            "[FILE or FOLDER]", 1, 0};
  }
  void describe(SettingsTable& table) override {
    table.add("tokenizer", &path_, "folder, tokenizer.json or *.tiktoken; empty: <base>/tokenizer");
    table.add("template", &template_, "empty: the folder's, else chat").choices = tokenizer::ChatTemplate::all_names();
    table.add("message", &message_, "a question typed here, instead of a file: what the model is given");
    table.add("answer", &answer_, "and the answer to it");
    table.add("system", &system_, "and the system's text");
    table.add("loss_on", &loss_on_, "what is trained").choices = {"assistant", "all"};
    table.add("limit", &limit_, "conversations shown; 0: all");
    table.add("with_ids", &with_ids_, "the id after each token");
    table.add("max_tokens", &max_tokens_, "a longer conversation is cut on the right");
  }
  Result<Exit> run(Context& context) override;

 private:
  struct Totals {
    int64_t conversations = 0, tokens = 0, trained = 0, dropped = 0;
  };
  using Template = tokenizer::ChatTemplate;
  void show(Context& context, const tokenizer::Tokenizer& tokenizer, tokenizer::Rendered rendered, Totals& totals) const;
  Status render_file(Context& context, const tokenizer::Tokenizer& tokenizer, const Template& form, const fs::path& file, Totals& totals) const;
  Status render_typed(Context& context, const tokenizer::Tokenizer& tokenizer, const Template& form, Totals& totals) const;
  bool full(const Totals& totals) const { return limit_ > 0 && totals.conversations >= limit_; }
  tokenizer::LossOn loss_on() const { return loss_on_ == "all" ? tokenizer::LossOn::kAll : tokenizer::LossOn::kAssistant; }

  std::string path_, template_, message_, answer_, system_, loss_on_ = "assistant";
  bool with_ids_ = false;
  int64_t max_tokens_ = tokenizer::kMaxRenderedTokens, limit_ = 0;
};

void TokenizerRender::show(Context& context, const tokenizer::Tokenizer& tokenizer, tokenizer::Rendered rendered, Totals& totals) const {
  const auto kept = std::min(rendered.ids.size(), static_cast<size_t>(max_tokens_));
  totals.dropped += static_cast<int64_t>(rendered.ids.size() - kept);
  rendered.ids.resize(kept), rendered.mask.resize(kept);
  ++totals.conversations;
  totals.tokens += static_cast<int64_t>(kept);
  totals.trained += std::count(rendered.mask.begin(), rendered.mask.end(), uint8_t{1});
  context.print(tokenizer::visualize(tokenizer, rendered, with_ids_));
}

Status TokenizerRender::render_file(Context& context, const tokenizer::Tokenizer& tokenizer, const Template& form, const fs::path& file,
                                    Totals& totals) const {
  LATHE_TRY(const auto lines, data::LineReader::open(file));
  const auto render = [&](std::string_view line) -> Result<tokenizer::Rendered> {
    LATHE_TRY(const Json json, parse_json(line));
    LATHE_TRY(const tokenizer::Conversation conversation, tokenizer::conversation_from_json(json));
    return form.render(tokenizer, conversation, loss_on());
  };
  std::string_view line;
  while (!full(totals)) {
    LATHE_TRY(const bool found, lines->next(line));
    if (!found) break;
    if (trim_text(line).empty()) continue;
    Result<tokenizer::Rendered> rendered = render(line);
    if (!rendered.ok()) return error_at(file.string(), -1, "line ", lines->line_number(), ": ", rendered.error().to_string());
    show(context, tokenizer, std::move(rendered).value(), totals);
  }
  return {};
}

Status TokenizerRender::render_typed(Context& context, const tokenizer::Tokenizer& tokenizer, const Template& form, Totals& totals) const {
  tokenizer::Conversation conversation;
  if (!system_.empty()) conversation.messages.push_back({tokenizer::Role::kSystem, system_});
  conversation.messages.push_back({tokenizer::Role::kUser, message_});
  if (context.given("answer")) {
    conversation.messages.push_back({tokenizer::Role::kAssistant, answer_});
    LATHE_TRY(tokenizer::Rendered rendered, form.render(tokenizer, conversation, loss_on()));
    show(context, tokenizer, std::move(rendered), totals);
    return {};
  }
  LATHE_TRY(std::vector<int32_t> prompt, form.prompt(tokenizer, conversation));
  std::vector<uint8_t> mask(prompt.size(), 0);
  show(context, tokenizer, {std::move(prompt), std::move(mask), 0}, totals);
  return {};
}

Result<Exit> TokenizerRender::run(Context& context) {
  if (max_tokens_ < 1) return error_at("max_tokens", -1, "must be at least 1, is ", max_tokens_);
  const bool typed = context.given("message");
  if (typed != context.operands().empty()) {
    log_error("render", "needs a FILE, a folder of lathe corpus sft, or --message");
    return Exit::kUsage;
  }
  LATHE_TRY(const fs::path path, given_or_base(context, path_, "tokenizer"));
  LATHE_TRY(const tokenizer::Tokenizer tokenizer, tokenizer::Tokenizer::load(path));
  std::vector<fs::path> files;
  std::string name = template_;
  std::error_code code;
  if (!typed) {
    const fs::path source = context.operands()[0];
    if (fs::is_directory(source, code)) {
      LATHE_TRY(const Manifest manifest, read_manifest(source, "sft", "a folder must be one that lathe corpus sft wrote"));
      if (name.empty()) name = manifest.details.get_string("template", "");
      for (const FileRecord& output : manifest.outputs)
        if (output.path.ends_with(".jsonl")) files.push_back(source / output.path);
    } else {
      files.push_back(source);
    }
  }
  LATHE_TRY(const Template form, Template::find(name.empty() ? "chat" : name));
  Totals totals;
  if (typed) LATHE_TRY_STATUS(render_typed(context, tokenizer, form, totals));
  for (const fs::path& file : files)
    if (!full(totals)) LATHE_TRY_STATUS(render_file(context, tokenizer, form, file, totals));
  if (totals.conversations == 0) return error_at(context.operands()[0], -1, "holds no conversation; one {\"messages\": [...]} a line is needed");
  return context.finish(Json(Json::Object{{"template", form.name()},
                                          {"conversations", totals.conversations},
                                          {"tokens", totals.tokens},
                                          {"trained_tokens", totals.trained},
                                          {"dropped_tokens", totals.dropped},
                                          {"sha256", tokenizer.hash()}}));
}

}  // namespace

std::unique_ptr<Verb> make_tokenizer_render() { return std::make_unique<TokenizerRender>(); }

}  // namespace lathe::cli
