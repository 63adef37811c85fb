// Files of conversations: .jsonl (also .gz, .zst), .json with one array, .parquet. Everything is read and checked once when the
// set is opened, so that a damaged record stops a run before it starts; get() reads the record again (memory: 40 bytes a
// conversation, the text stays on disk). Rows C-8.23, C-8.24, L-7.8.
#pragma once

#include <memory>
#include <optional>

#include "core/file.h"
#include "tasks/conversation_form.h"

namespace lathe::tasks {

struct ConversationFileOptions {
  std::optional<ConversationForm> form;  // none: by the first record
  FormOptions options;
};

// One file, or all files of a folder with such an ending, by name. No conversation at all is an error, as is every record that
// is not of the form; it names file and line.
Result<ConversationSetPtr> open_conversations(const fs::path& path, const ConversationFileOptions& options = {});

// The identity file's form. A missing file is no error: the set is empty and `warning`, when given, receives what to tell the
// user, framed (row C-8.24).
Result<ConversationSetPtr> open_custom_json(const fs::path& path, std::string* warning);

}  // namespace lathe::tasks
