// The built-in synthetic corpus (`lathe synth`): base text, conversations for fine-tuning and held-out evaluation
// sets, all from one seed. Every document is a pure function of (seed, kind, index), so the bytes do not depend on
// threads, and memory does not depend on the size. What is held out, and how: docs/notes/004-synth.md.
//
//   base_data/shard_00000.jsonl ...   {"text": ...}; the last shard is the validation split
//   sft/train.jsonl, val.jsonl   {"messages": [...]}; assistant content is a string or a list of parts (row C-2.22)
//   sft/first.jsonl              easy multiple choice, to be learned before the rest
//   eval/NAME.jsonl              cases of the tasks of task.h
//   manifest.json
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/json.h"
#include "core/settings.h"
#include "tasks/synth_problem.h"
#include "tasks/task.h"

namespace lathe::tasks {

struct SynthSettings {
  int64_t size_mb = 30;            // base text, validation included, in units of 10^6 bytes of text
  int64_t conversations = 60'000;  // for fine-tuning; an eighth more for the first course, one in a hundred for validation
  int64_t eval_cases = 500;        // a task
  int64_t seed = 1;
};

void describe(SettingsTable& table, SynthSettings* settings);  // all but the seed, which every verb has

// Writes the corpus into `folder` (made when missing; files of the same names are replaced, each atomically, the
// manifest last; base shards with higher numbers, left by a larger corpus, are removed). `manifest`, when given, receives
// what manifest.json holds. `progress` is told, between documents, the bytes of base text or, after those, the
// conversations written so far; the other one is 0.
using SynthProgress = std::function<void(int64_t text_bytes, int64_t conversations)>;
Status write_corpus(const SynthSettings& settings, const fs::path& folder, Json* manifest,
                    const SynthProgress& progress = nullptr);

// Kinds of base documents and conversations, in the order of the counts in the manifest.
enum class PageKind { kStory, kDescription, kFacts, kReading, kChoices, kSums, kSpelling, kDialogue, kGames };
enum class ChatKind { kSums, kSpelling, kCounting, kReading, kChoices, kDialogue, kStory, kRepeating };
std::string page_kind_name(PageKind kind);
std::string chat_kind_name(ChatKind kind);
constexpr int kPageKinds = 9, kChatKinds = 8;

// Document `index` of the base corpus and conversation `index`.
struct Page {
  PageKind kind;
  std::string text;
};
struct Chat {
  ChatKind kind;
  Conversation conversation;
  std::string key;  // of a problem; empty for free dialogues
};
Page base_page(uint64_t seed, uint64_t index);
Chat chat(uint64_t seed, uint64_t index);
Chat first_chat(uint64_t seed, uint64_t index);  // of the first course

// `count` different cases, by their questions, of a task of task.h: those of eval/ are of the split kTest. The splits share no
// problem, so what is learned on kTrain is measured on kTest. count is bounded by the words there are for spelling: 1 to 4000.
std::vector<TaskCase> synth_cases(const std::string& task, Split split, int64_t count, uint64_t seed);

}  // namespace lathe::tasks
