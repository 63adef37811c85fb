#include "cli/chat_format_choice.h"

#include "core/log.h"

namespace lathe::cli {

Result<infer::ChatFormat> chat_format_of(const train::LoadedModel& loaded, const train::ChatRecord& record, const std::string& asked) {
  if (!asked.empty()) {
    if (asked != record.chat_template)
      log_warning("model", loaded.tag, ": --template ", asked, " instead of ",
                  record.chat_template.empty() ? "none" : record.chat_template, record.guessed ? " (by its special tokens)" : " of its record",
                  "; a model answers badly in a template that it was not trained with");
    return infer::ChatFormat::find(asked, loaded.tokenizer);
  }
  if (record.chat_template.empty())
    return error(loaded.tag, ": the model has no chat template that this program writes",
                 record.foreign.empty() || record.foreign == "unknown" ? "" : join_text(" (its own is ", record.foreign, ")"),
                 ", and its tokenizer cannot mark the turns of a chat; it continues texts (lathe generate), or name a template with --template");
  if (record.guessed && record.chat_template != "chat")
    log_warning("model", loaded.tag, ": the record names no template; ", record.chat_template, " is taken, by the tokenizer's special tokens");
  return infer::ChatFormat::find(record.chat_template, loaded.tokenizer);
}

}  // namespace lathe::cli
