// Conversations by number: what every set of them looks like to mixtures, rendering, packing and preparation, whatever file or
// generator it comes from. Rows C-2.22, C-2.35, C-8.5 to C-8.7.
//   conversation_file.h   files of all known forms (conversation_form.h)
//   hosted_tasks.h        SmolTalk, MMLU, ARC, GSM8K as hosted
//   spelling.h            generated: SpellingBee, SimpleSpelling
//   mixture.h             sets of sets; mixture_config.h: by a JSON file
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/json.h"
#include "core/result.h"
#include "tokenizer/conversation.h"

namespace lathe::tasks {

struct Example {
  tokenizer::Conversation conversation;
  // What is not said but belongs to it, an object: "letters", "subject" (multiple choice), "tree" (what a split must keep on one
  // side, row L-7.12), "tools", ... The renderer never looks at it (row C-2.35).
  Json about = Json::object();
  size_t part = 0;  // of a mixture: the place of its set in the list
};

class ConversationSet {
 public:
  virtual ~ConversationSet() = default;
  virtual int64_t size() const = 0;
  // Conversation 0 <= index < size(), the same at every call; another index is wrong use and throws. Thread-safe. Errors name
  // the file and the line (row) that the conversation comes from.
  virtual Result<Example> get(int64_t index) const = 0;
};
using ConversationSetPtr = std::shared_ptr<const ConversationSet>;

// tokenizer::check_order, and at least one answer (rows C-2.25, C-2.26, C-8.22).
Status check_turns(const tokenizer::Conversation& conversation);

}  // namespace lathe::tasks
