// CORE items as prompts, tokens and scored spans (rows C-7.9 to C-7.15, C-7.18).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eval/core_config.h"
#include "eval/likelihood.h"

namespace lathe::eval {

struct CoreItem {
  std::string context;               // multiple choice: the query; schema: none
  std::vector<std::string> options;  // choices, or a schema's contexts; language modelling: none
  std::string continuation;          // not in multiple choice
  int64_t gold = 0;                  // of the options
  int64_t row = 0;                   // in the task's file
};

// All rows of the task's file (.jsonl, also .gz and .zst). An error names file, line and key.
Result<std::vector<CoreItem>> read_core_items(const CoreTask& task);

// In the order of Python's random.Random(1337).shuffle; the first max_per_task of them, all when that is below 1.
std::vector<CoreItem> draw_core_items(std::vector<CoreItem> items, int64_t max_per_task);

// Which items are the examples of item `index`, in draw order: Python's random.Random(1234 + index).sample over all others. An
// error when there are fewer than k others (trap L8).
Result<std::vector<int64_t>> few_shot_examples(int64_t items, int64_t index, int64_t k);

// Python's str.strip(): Unicode white space and U+001C to U+001F at both ends. The text must be UTF-8.
std::string_view strip_python(std::string_view text);

// The texts of an item: one for each option; in language modelling without, then with the continuation.
std::vector<std::string> core_prompts(const CoreTask& task, std::span<const CoreItem* const> examples, const CoreItem& item);

// Tokens of core_prompts(), BOS in front, to what is scored: one span for each option, one in language modelling. An error when
// the tokens without the continuation do not begin those with it.
Result<std::vector<ScoredSpan>> core_spans(CoreKind kind, std::vector<std::vector<int32_t>> tokens);

// Keeps the last max_tokens tokens. False when not all scored tokens keep one before them.
bool crop_left(ScoredSpan& span, int64_t max_tokens);

}  // namespace lathe::eval
