// The public sets that are read as they are hosted, each row one conversation, in the shuffled order of data::HostedSet.
// Rows C-1.17, C-1.18, C-7.32 to C-7.34, C-7.45, C-8.5, C-8.22.
//   smoltalk  {"messages": [...]}; checked when it is read
//   mmlu      {"question", "subject", "choices" (4), "answer" (0 to 3)}, also below a key "train" (auxiliary_train)
//   arc       {"question", "choices": {"text", "label"}, "answerKey"}
//   gsm8k     {"question", "answer"}; <<a=b>> in the answer becomes a call of the calculator and its result
//   humaneval {"prompt", "canonical_solution", "entry_point", "test"}
// about of multiple choice: "letters", and "subject" (mmlu); of humaneval "entry_point" and "test".
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "tasks/conversation_set.h"

namespace lathe::tasks {

enum class HostedTask { kSmolTalk, kMmlu, kArc, kGsm8k, kHumanEval };

// "smoltalk", "mmlu", "arc", "gsm8k", "humaneval".
std::optional<HostedTask> find_hosted_task(std::string_view name);

// Where a split lies: `folder` as `lathe download` leaves it (empty: <base>/hosted/NAME), subset all, auxiliary_train, ARC-Easy,
// main ... (empty: the set's usual one). auxiliary_train has the split train alone.
Result<std::vector<fs::path>> hosted_task_files(HostedTask task, const fs::path& base, const fs::path& folder, std::string subset,
                                                const std::string& split);
Result<ConversationSetPtr> open_hosted_task(HostedTask task, const std::vector<fs::path>& files);

// One row. `row` is of the set's form.
Result<Example> hosted_example(HostedTask task, const Json& row);

// "It takes 2/2=<<2/2=1>>1": text, python "2/2", python_output "1", text. The result stands behind the last "="; without one it is
// empty. Texts before, between and behind may be empty too.
std::vector<tokenizer::Part> calculator_parts(std::string_view answer);

}  // namespace lathe::tasks
