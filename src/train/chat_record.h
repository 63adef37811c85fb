// How a model talks, by its record (rows L-10.5, L-10.7): the template of its conversations and the sampling it was made for. It
// stands in the settings of a checkpoint; of other programs' files it is put there when they are opened.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/file.h"
#include "core/json.h"
#include "train/load_model.h"

namespace lathe::train {

struct ChatRecord {
  std::string chat_template;  // a name of tokenizer/chat_template.h; empty: none is known
  std::string foreign;        // what the model's own template is, where this program cannot write it ("unknown", "phi3", ...)
  bool guessed = false;       // by the tokenizer's special tokens, for the record says nothing
  // Where the record says something. Models of the chat family have none: their settings are those of training.
  std::optional<double> temperature, top_p, repetition_penalty;
  std::optional<int64_t> top_k, max_tokens;
};

// The template's markers are in the tokenizer.
ChatRecord chat_record(const LoadedModel& loaded);

// A template in Hugging Face's language is looked at, never executed: settings["chat_template"] is its name here, or
// settings["foreign_chat_template"] what it is. Empty: nothing happens.
void note_chat_template(std::string_view jinja, const tokenizer::Tokenizer& tokenizer, Json& settings);
// The same of the files beside a model's weights: chat_template.jinja, tokenizer_config.json, and generation_config.json, which becomes
// settings["generation"]. Files that are not there or not JSON are passed over, the latter with a warning.
void note_chat_files(const fs::path& folder, const tokenizer::Tokenizer& tokenizer, Json& settings);

}  // namespace lathe::train
