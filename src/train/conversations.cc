#include "train/conversations.h"

#include "core/json.h"
#include "tokenizer/render.h"

namespace lathe::train {

Result<std::unique_ptr<ConversationFile>> ConversationFile::open(const fs::path& path, tokenizer::Tokenizer tokenizer, int64_t max_tokens) {
  LATHE_TRY(MappedFile file, MappedFile::open(path));
  std::unique_ptr<ConversationFile> out(new ConversationFile(path, std::move(file), std::move(tokenizer), max_tokens));
  const std::string_view text = out->file_.view();
  int64_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    ++number;
    if (!trim_text(text.substr(begin, end - begin)).empty())
      out->lines_.push_back({static_cast<int64_t>(begin), static_cast<int64_t>(end - begin), number});
    begin = end + 1;
  }
  if (out->lines_.empty()) return error_at(path.string(), -1, "holds no conversation; one JSON object {\"messages\": [...]} a line is needed");
  // The first one shows whether the file has the right form at all, before a model is built.
  data::RenderedConversation first;
  LATHE_TRY_STATUS(out->get(0, first));
  return out;
}

Status ConversationFile::get(int64_t index, data::RenderedConversation& conversation) {
  const Line& line = lines_.at(static_cast<size_t>(index));
  const std::string_view text = file_.view().substr(static_cast<size_t>(line.offset), static_cast<size_t>(line.bytes));
  const auto at_line = [&](const Error& e) { return error_at(path_.string(), line.offset, "line ", line.number, ": ", e.message); };
  const Result<Json> json = parse_json(text);
  if (!json.ok()) return at_line(json.error());
  const Result<tokenizer::Conversation> parsed = tokenizer::conversation_from_json(json.value());
  if (!parsed.ok()) return at_line(parsed.error());
  Result<tokenizer::Rendered> rendered = tokenizer::render_conversation(tokenizer_, parsed.value(), max_tokens_);
  if (!rendered.ok()) return at_line(rendered.error());
  conversation.ids = std::move(rendered.value().ids);
  conversation.mask = std::move(rendered.value().mask);
  return {};
}

}  // namespace lathe::train
