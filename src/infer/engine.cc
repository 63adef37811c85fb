#include "infer/engine.h"

#include <algorithm>
#include <utility>

#include "core/check.h"

namespace lathe::infer {
namespace {

// Prompts are read in pieces: activations stay small and a cancelled request is noticed in between.
constexpr int64_t kPrefillPiece = 512;

tasks::ToolTokens find_tool_tokens(const tokenizer::Tokenizer& tokenizer) {
  const auto id = [&](const char* name) { return tokenizer.find_special(name).value_or(-1); };
  tasks::ToolTokens tokens;
  tokens.bos = tokenizer.find_bos().value_or(-1);
  tokens.assistant_end = id(tokenizer::kAssistantEnd);
  tokens.python_start = id(tokenizer::kPythonStart);
  tokens.python_end = id(tokenizer::kPythonEnd);
  tokens.output_start = id(tokenizer::kOutputStart);
  tokens.output_end = id(tokenizer::kOutputEnd);
  return tokens;
}

}  // namespace

Engine::Engine(LanguageModel& model, tokenizer::Tokenizer tokenizer)
    : model_(model),
      tokenizer_(std::move(tokenizer)),
      tool_tokens_(find_tool_tokens(tokenizer_)),
      vocab_size_(std::min(model.vocab_size(), tokenizer_.vocab_size())) {
  tool_text_.decode = [t = tokenizer_](const std::vector<int32_t>& ids) { return t.decode(ids); };
  tool_text_.encode = [t = tokenizer_](std::string_view text) { return t.encode(text); };
}

bool Engine::is_terminal(int32_t token, const GenerateOptions& options) const {
  return token == tool_tokens_.assistant_end || token == tool_tokens_.bos ||
         std::find(options.stop_ids.begin(), options.stop_ids.end(), token) != options.stop_ids.end();
}

Status Engine::check(std::span<const int32_t> prompt, const GenerateOptions& options) const {
  if (prompt.empty()) return error("the prompt holds no token");
  for (const int32_t id : prompt)
    if (id < 0 || id >= model_.vocab_size())
      return error("token ", id, " of the prompt is outside the vocabulary of ", model_.vocab_size());
  const int64_t length = static_cast<int64_t>(prompt.size());
  if (length > model_.context_limit() && options.overflow == Overflow::kStop)
    return error("the text has ", length, " tokens, more than the ", model_.context_limit(),
                 " positions of the model; shorten it");
  if (options.num_samples < 1) return error("num_samples must be 1 or more, not ", options.num_samples);
  if (options.max_tokens && *options.max_tokens < 0)
    return error("max_tokens must be 0 or more, not ", *options.max_tokens);
  if (options.overflow == Overflow::kSlide && !options.max_tokens) return error("a text that slides on needs max_tokens");
  return options.sampling.validate();
}

int64_t Engine::capacity_for(int64_t prompt_length, const GenerateOptions& options) const {
  const bool slides = options.overflow == Overflow::kSlide;
  if (!options.max_tokens) return std::max(prompt_length, std::min(model_.sequence_len(), model_.context_limit()));
  return prompt_length + std::min(*options.max_tokens, (slides ? model_.slide_length() : model_.context_limit()) - prompt_length);
}

std::span<const int32_t> Engine::visible(std::span<const int32_t> prompt, const GenerateOptions& options) const {
  const auto most = static_cast<size_t>(model_.slide_length());
  return options.overflow == Overflow::kSlide && prompt.size() > most ? prompt.last(most) : prompt;
}

// The logits after the prompts, (rows, V); empty when cancelled.
Tensor Engine::prefill(const Prompts& prompts, model::KvCache& cache, const IsCancelled& is_cancelled) {
  const size_t length = prompts[0].size(), piece = std::max<size_t>(kPrefillPiece / prompts.size(), 16);
  Tensor logits;
  std::vector<int32_t> ids;
  for (size_t begin = 0; begin < length; begin += piece) {
    if (is_cancelled && is_cancelled()) return {};
    const size_t count = std::min(piece, length - begin);
    ids.clear();
    for (const std::span<const int32_t> prompt : prompts) {
      const std::span<const int32_t> part = prompt.subspan(begin, count);
      ids.insert(ids.end(), part.begin(), part.end());
    }
    logits = {};
    logits = model_.forward(ids, cache);
  }
  return logits;
}

Result<StopReason> Engine::generate(std::span<const int32_t> prompt, const GenerateOptions& options,
                                    const OnColumn& on_column, const IsCancelled& is_cancelled) {
  LATHE_TRY_STATUS(check(prompt, options));
  if (options.max_tokens == 0) return StopReason::kMaxTokens;
  const std::span<const int32_t> read = visible(prompt, options);
  const int64_t length = static_cast<int64_t>(read.size());
  model::KvCache cache = model_.new_cache(options.num_samples, capacity_for(length, options));
  Tensor logits;  // (1, V)
  if (options.num_samples == 1) {
    logits = prefill({read}, cache, is_cancelled);
  } else {
    model::KvCache once = model_.new_cache(1, length);
    logits = prefill({read}, once, is_cancelled);
    if (logits) cache.copy_prefill(once);
  }
  if (!logits) return StopReason::kCancelled;
  return decode(Prompts(static_cast<size_t>(options.num_samples), prompt), std::move(logits), cache, options, on_column,
                is_cancelled);
}

// From the logits after the prompts: (1, V) for all rows together, or (rows, V).
Result<StopReason> Engine::decode(const Prompts& prompts, Tensor logits, model::KvCache& cache,
                                  const GenerateOptions& options, const OnColumn& on_column,
                                  const IsCancelled& is_cancelled) {
  const size_t rows = prompts.size();
  const int64_t length = cache.length();
  Sampler sampler(options.sampling, vocab_size_, static_cast<int64_t>(rows));
  std::vector<tasks::ToolMachine> machines(rows, tasks::ToolMachine(tool_tokens_, tool_text_, options.calculator));
  std::vector<uint8_t> completed(rows, 0), mask(rows);
  std::vector<int32_t> column(rows);
  for (size_t row = 0; row < rows; ++row)
    for (const int32_t id : prompts[row]) sampler.observe(static_cast<int64_t>(row), id);
  const bool slides = options.overflow == Overflow::kSlide;
  std::vector<std::vector<int32_t>> texts;  // of all rows, when they may have to be read again
  if (slides)
    for (const std::span<const int32_t> prompt : prompts) texts.emplace_back(prompt.begin(), prompt.end());

  for (int64_t step = 0;; ++step) {
    if (is_cancelled && is_cancelled()) return StopReason::kCancelled;
    for (size_t row = 0; row < rows; ++row) {
      // After one prefill for all, every row draws from the same logits, but draws for itself (row C-10.3).
      const int64_t source = logits.dim(0) == 1 ? 0 : static_cast<int64_t>(row);
      const std::span<const float> scores(logits.data<float>() + source * logits.dim(1),
                                          static_cast<size_t>(vocab_size_));
      const int32_t drawn = sampler.draw(scores, static_cast<int64_t>(row), step);
      if (drawn < 0)
        return error("the model gave logits that are not finite after ", length + step,
                     " tokens; its weights are damaged");
      const tasks::ToolMachine::Step taken = machines[row].advance(drawn);
      column[row] = taken.token;
      mask[row] = taken.sampled;
      sampler.observe(static_cast<int64_t>(row), taken.token);
      if (slides) texts[row].push_back(taken.token);
      if (is_terminal(taken.token, options)) completed[row] = 1;
    }
    if (!on_column({column, mask})) return StopReason::kCancelled;
    // No forward pass after the last column (row C-10.28).
    if (std::find(completed.begin(), completed.end(), 0) == completed.end()) return StopReason::kCompleted;
    if (step + 1 == options.max_tokens) return StopReason::kMaxTokens;
    const bool full = cache.length() == cache.capacity();
    if (full && !slides) return StopReason::kContextFull;
    logits = {};  // back to the arena before the next step asks for the same
    if (!full) {
      logits = model_.forward(column, cache);
      continue;
    }
    cache.reset();
    Prompts ends;
    for (const std::vector<int32_t>& text : texts) ends.push_back(visible(text, options).last(static_cast<size_t>(cache.capacity())));
    logits = prefill(ends, cache, is_cancelled);
    if (!logits) return StopReason::kCancelled;
  }
}

// Fills `result` with the prompts, then column by column with what the rows say until they are complete.
OnColumn Engine::collector(const Prompts& prompts, const GenerateOptions& options, Generated& result) const {
  for (const std::span<const int32_t> prompt : prompts) {
    result.tokens.emplace_back(prompt.begin(), prompt.end());
    result.mask.emplace_back(prompt.size(), uint8_t{0});
    result.completed.push_back(0);
  }
  return [&](const Column& column) {
    for (size_t row = 0; row < column.tokens.size(); ++row) {
      if (is_terminal(column.tokens[row], options)) result.completed[row] = 1;
      if (result.completed[row]) continue;
      result.tokens[row].push_back(column.tokens[row]);
      result.mask[row].push_back(column.mask[row]);
    }
    return true;
  };
}

Result<Generated> Engine::generate_batch(std::span<const int32_t> prompt, const GenerateOptions& options,
                                         const IsCancelled& is_cancelled) {
  Generated result;
  const OnColumn collect =
      collector(Prompts(static_cast<size_t>(std::max<int64_t>(options.num_samples, 0)), prompt), options, result);
  LATHE_TRY(result.reason, generate(prompt, options, collect, is_cancelled));
  return result;
}

Result<Generated> Engine::generate_each(std::span<const std::vector<int32_t>> prompts, const GenerateOptions& options,
                                        const IsCancelled& is_cancelled) {
  require(options.num_samples == 1, "[engine] one row a prompt, not ", options.num_samples);
  Generated result;
  if (prompts.empty()) return result;
  const Prompts rows(prompts.begin(), prompts.end());
  for (const std::span<const int32_t> prompt : rows) {
    require(prompt.size() == rows[0].size(), "[engine] prompts of ", rows[0].size(), " and ", prompt.size(),
            " tokens together");
    LATHE_TRY_STATUS(check(prompt, options));
  }
  const OnColumn collect = collector(rows, options, result);
  result.reason = StopReason::kMaxTokens;
  if (options.max_tokens == 0) return result;
  Prompts read;
  for (const std::span<const int32_t> prompt : rows) read.push_back(visible(prompt, options));
  model::KvCache cache =
      model_.new_cache(static_cast<int64_t>(rows.size()), capacity_for(static_cast<int64_t>(read[0].size()), options));
  Tensor logits = prefill(read, cache, is_cancelled);
  result.reason = StopReason::kCancelled;
  if (!logits) return result;
  LATHE_TRY(result.reason, decode(rows, std::move(logits), cache, options, collect, is_cancelled));
  return result;
}

}  // namespace lathe::infer
