// Many prompts from a file of JSON lines, answered by continuous batching into another file, in the same order. A run that was
// stopped, even by kill -9, goes on where it was and ends with the same bytes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/file.h"
#include "core/json.h"
#include "infer/batch_engine.h"
#include "serve/model_pool.h"

namespace lathe::cli {

// A line holds {"prompt"} (a text or ids) or {"messages"}, "id", and any field of the API's completions or chat completions
// (serve/api_bodies.h) that makes sense for one answer in a file; n, stream, echo, tools and model do not.
struct BatchFileOptions {
  std::string input_name;         // for messages
  fs::path output;
  bool wrap_prompts = false;      // a "prompt" is a user's turn
  int64_t top_log_probs = -1;     // of every line; a line may ask for more
  bool skip_bad_lines = false;    // a bad line becomes {"id", "error"}; else nothing is begun when there is one
  uint64_t seed = 42;             // a line that has none draws with seed + its number in the file (from 0)
  Json settings = Json::object(); // all that the answers depend on beside the input; a run goes on only under the same
};

struct BatchFileFigures {
  int64_t lines = 0, resumed = 0, failed = 0;  // in all, found in the output, of this run that became errors
  int64_t prompt_tokens = 0, cached_tokens = 0, tokens = 0;
  double seconds = 0;
  bool interrupted = false;
};

// What stands in `input` is answered; the answers go to options.output, a line each: {"id", "text", "tokens", "finish_reason",
// "logprobs"} in this order, logprobs only where wanted; "id" is the line's, else its number in the file (from 1). Beside it
// "<output>.settings.json" says what the answers depend on. on_progress: lines done and all. Errors name file and line.
Result<BatchFileFigures> answer_file(infer::BatchEngine& engine, std::shared_ptr<serve::ServedModel> model, std::string_view input, const BatchFileOptions& options,
                                     const std::function<void(int64_t, int64_t)>& on_progress, const std::function<bool()>& is_cancelled);

}  // namespace lathe::cli
