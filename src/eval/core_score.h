// The score of a model on CORE tasks (rows C-7.15 to C-7.21, C-7.47).
//
// Of multiple choice and schema the option with the lowest mean loss is the answer, the first on ties; in language modelling all
// tokens of the continuation must be the most likely ones. An option without a token of its own has no mean: as in the origin it
// is the answer when it stands first and is passed over elsewhere; such items are counted.
//
// The origin's rules are kept where they differ from the published harness: on SQuAD they give about 31 % where that harness has
// 37 % (row C-7.22).
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"
#include "dist/communicator.h"
#include "eval/core_prompt.h"
#include "tasks/interval.h"
#include "tokenizer/tokenizer.h"

namespace lathe::eval {

struct CoreOptions {
  int64_t max_tokens = 0;       // longer prompts are cropped on the left; 0: what the model has positions for
  LikelihoodOptions likelihood;
  bool answers = true;          // wanted in CoreScore::answers
};

struct CoreScore {
  std::string label;
  CoreKind kind = CoreKind::kMultipleChoice;
  int64_t num_fewshot = 0, n = 0, correct = 0;
  double accuracy = 0;        // float32's, as the origin has it
  double random_baseline = 0; // a share
  double majority = 0;        // of the most frequent right answer among the items
  double centered = 0;        // (accuracy - random) / (1 - random)
  double low = 0, high = 1;   // Wilson, 95 %
  int64_t undecided = 0;      // items with an option that has no token of its own
  int64_t cropped = 0;        // items with a cropped prompt
  int64_t tokens = 0;         // of all prompts
  double seconds = 0;
  // In the items' order, on rank 0: see write_answers(), with "row", "examples" (rows), "options", "losses".
  std::vector<Json> answers;

  // Accuracy, interval and centred value; the baseline in percent.
  void set_result(int64_t right, int64_t items, double random_percent);
  std::string verdict() const;
  Json figure() const;        // of summary.json (eval/results.h)
  std::string line() const;   // for people
};

// One item as tokens, for the tests as for the score.
struct CorePrompt {
  std::vector<int64_t> examples;  // places in the list of items
  std::vector<ScoredSpan> spans;
  bool cropped = false;
};
// Items are scored as they come (draw_core_items() orders them); every one has its examples among the others.
Result<std::vector<CorePrompt>> core_item_prompts(const tokenizer::Tokenizer& tokenizer, const CoreTask& task, std::span<const CoreItem> items,
                                                  std::span<const int64_t> which, int64_t max_tokens);

// What the losses of an item's spans say. choice: the option, -1 in language modelling.
struct CoreVerdict {
  int64_t choice = -1;
  bool correct = false, undecided = false;
};
CoreVerdict judge_core_item(const CoreTask& task, const CoreItem& item, std::span<const SpanLosses> losses);

// Rank r of the world takes items r, r + W, ...; all ranks get the score. Errors: few-shot pools that are too small, prompts that
// cannot be told apart from their continuation or do not fit, those of score_spans().
Result<CoreScore> score_core_task(model::Transformer& model, ops::Context& ctx, const tokenizer::Tokenizer& tokenizer, const CoreTask& task,
                                  std::span<const CoreItem> items, dist::Communicator& world, const CoreOptions& options = {});

// The mean of the tasks' centred values; 0 without tasks.
double core_metric(std::span<const CoreScore> scores);

// 95 % interval of the metric: percentile bootstrap over the items of each task, draws of a fixed seed.
tasks::Interval core_interval(std::span<const CoreScore> scores, int64_t resamples = 1000);

// Row C-7.21.
std::string core_csv(std::span<const CoreScore> scores);

}  // namespace lathe::eval
