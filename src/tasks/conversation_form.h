// The forms in which public sets of conversations are written, one record of a file each, and what becomes of them: user, assistant
// and system messages, tool calls as parts (call: python, trained; result: python_output, given). Rows C-8.23, L-7.8, L-7.9.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "tasks/conversation_set.h"

namespace lathe::tasks {

enum class ConversationForm {
  kMessages,  // {"messages": [{"role", "content"}, ...]}: ours, SmolTalk's
  kList,      // [{"role", "content"}, ...] and nothing around it: the identity file's (CustomJSON)
  kShareGpt,  // {"conversations": [{"from", "value"}, ...], "system", "tools"}; with from = function_call, observation: Glaive's
  kAlpaca,    // {"instruction", "input", "output"}; Dolly's {"instruction", "context", "response", "category"}; any named fields
  kTree,      // {"message_tree_id", "prompt": {"text", "role", "lang", "rank", "replies": [...]}}: Open Assistant's
};

// "messages", "list", "sharegpt", "alpaca", "tree"; an unknown name is an error that lists them. "dolly" is alpaca, "glaive" and
// "tools" are sharegpt, "oasst" is tree, "custom" is list.
Result<ConversationForm> find_conversation_form(std::string_view name);
const char* form_name(ConversationForm form);
// By the keys of a record; none when it is of no known form.
std::optional<ConversationForm> guess_form(const Json& record);

struct FormOptions {
  // kAlpaca: fields by name instead of the usual ones; input may be missing in a record, prompt and response not.
  std::string prompt_field, input_field, response_field;
  // kTree: only messages in this language; a branch ends where another one starts; empty: any.
  std::string language;
  // kTree: of the answers to a message those of this rank or better (0: the best alone); -1: all.
  int64_t max_rank = -1;
  // kTree: answers that people did not write are left out ("synthetic").
  bool skip_synthetic = false;
  // {{name}} and {{author}} of an identity file; empty: they stay as they are.
  std::string name, author;
};

// The conversations of a record: one, or none to many of a tree (conversation_tree.h). All pass check_turns. about: "tree" of a
// tree; "tools" where functions are described, which the system message then ends with.
Result<std::vector<Example>> examples_of(const Json& record, ConversationForm form, const FormOptions& options = {});

}  // namespace lathe::tasks
