#include "infer/engine.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

#include "core/check.h"
#include "core/parallel.h"
#include "infer/log_softmax.h"

namespace lathe::infer {
namespace {

// Prompts are read in pieces: activations stay small and a cancelled request is noticed in between.
constexpr int64_t kPrefillPiece = 512;

}  // namespace

Engine::Engine(LanguageModel& model, tokenizer::Tokenizer tokenizer) : model_(model), rules_(model, tokenizer) {}

bool Engine::is_terminal(int32_t token, const GenerateOptions& options) const { return rules_.is_terminal(token, options.stop_ids); }

Status Engine::check(std::span<const int32_t> prompt, const GenerateOptions& options) const {
  LATHE_TRY_STATUS(rules_.check_ids(prompt));
  if (options.overflow == Overflow::kStop) LATHE_TRY_STATUS(rules_.check_length(static_cast<int64_t>(prompt.size())));
  if (options.num_samples < 1) return error("num_samples must be 1 or more, not ", options.num_samples);
  if (options.max_tokens && *options.max_tokens < 0)
    return error("max_tokens must be 0 or more, not ", *options.max_tokens);
  if (options.overflow == Overflow::kSlide && !options.max_tokens) return error("a text that slides on needs max_tokens");
  return options.sampling.validate();
}

int64_t Engine::capacity_for(size_t prompt_length, const GenerateOptions& options) const {
  const auto length = static_cast<int64_t>(prompt_length);
  if (options.overflow == Overflow::kStop || !options.max_tokens) return rules_.positions(length, options.max_tokens);
  return length + std::min(*options.max_tokens, model_.slide_length() - length);
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
  model::KvCache cache = model_.new_cache(options.num_samples, capacity_for(read.size(), options));
  Tensor logits;  // (1, V)
  if (options.num_samples == 1) {
    logits = prefill({read}, cache, is_cancelled);
  } else {
    model::KvCache once = model_.new_cache(1, length);
    logits = prefill({read}, once, is_cancelled);
    if (logits) cache.copy_prefill(once);
  }
  if (!logits) return StopReason::kCancelled;
  return decode(Prompts(static_cast<size_t>(options.num_samples), prompt), std::move(logits), cache, options, false,
                on_column, is_cancelled);
}

Tensor Engine::prefill_rows(const Prompts& prompts, int64_t samples, model::KvCache& cache,
                            const IsCancelled& is_cancelled) {
  std::map<size_t, std::vector<size_t>> by_length;
  for (size_t p = 0; p < prompts.size(); ++p) by_length[prompts[p].size()].push_back(p);
  const Tensor out = Tensor::empty({static_cast<int64_t>(prompts.size()) * samples, model_.vocab_size()}, DType::kFloat32);
  for (const auto& [length, group] : by_length) {
    Prompts together;
    for (const size_t p : group) together.push_back(prompts[p]);
    model::KvCache once = model_.new_cache(static_cast<int64_t>(group.size()), static_cast<int64_t>(length));
    const Tensor logits = prefill(together, once, is_cancelled);  // (prompts of the group, V)
    if (!logits) return {};
    for (size_t i = 0; i < group.size(); ++i)
      for (int64_t s = 0; s < samples; ++s) {
        const int64_t row = static_cast<int64_t>(group[i]) * samples + s, from = static_cast<int64_t>(i);
        cache.set_row(row, once, from);
        out.rows(row, row + 1).copy_from(logits.rows(from, from + 1));
      }
  }
  return out;
}

namespace {

// Of each row's token; logits (1, V) for all rows together, or (rows, V).
void add_log_probs(ops::Context& ctx, const Tensor& logits, std::span<const int32_t> tokens, std::span<float> out) {
  LogSoftmax softmax;
  for (size_t row = 0; row < tokens.size(); ++row) {
    const int64_t source = logits.dim(0) == 1 ? 0 : static_cast<int64_t>(row);
    const Tensor scores = logits.rows(source, source + 1);
    if ((source > 0 || row == 0) && !log_softmax(ctx, scores, softmax)) softmax.log_total = std::numeric_limits<float>::quiet_NaN();
    out[row] = softmax.of(scores.data<float>()[tokens[row]]);
  }
}

// Dropping rows moves keys and values, so it must be worth it.
bool worth_dropping(size_t ended, size_t rows) { return ended >= 4 && 4 * ended >= rows; }

}  // namespace

// From the logits after the prompts: (1, V) for all rows together, or (rows, V).
Result<StopReason> Engine::decode(const Prompts& prompts, Tensor logits, model::KvCache& cache,
                                  const GenerateOptions& options, bool drop_ended, const OnColumn& on_column,
                                  const IsCancelled& is_cancelled) {
  const size_t rows = prompts.size();
  Sampler sampler(options.sampling, rules_.vocab_size(), static_cast<int64_t>(rows), options.row_numbers);
  std::vector<tasks::ToolMachine> machines(rows, rules_.tool_machine(options.calculator));
  std::vector<uint8_t> completed(rows, 0), mask(rows);
  std::vector<int32_t> column(rows), drawn(rows), input(rows);
  std::vector<float> log_probs(options.log_probs ? rows : 0), input_log_probs(log_probs.size());
  std::vector<size_t> place(rows);  // row of each row of the cache
  std::iota(place.begin(), place.end(), size_t{0});
  for (size_t row = 0; row < rows; ++row)
    for (const int32_t id : prompts[row]) sampler.observe(static_cast<int64_t>(row), id, TokenOrigin::kPrompt);
  ops::Context ctx;
  bool any_full = false;
  const bool slides = options.overflow == Overflow::kSlide;
  LATHE_CHECK(!slides || !drop_ended, "rows that slide keep their places");
  std::vector<std::vector<int32_t>> texts;  // of all rows, when they may have to be read again
  if (slides)
    for (const std::span<const int32_t> prompt : prompts) texts.emplace_back(prompt.begin(), prompt.end());

  for (int64_t step = 0;; ++step) {
    if (is_cancelled && is_cancelled()) return StopReason::kCancelled;
    const auto draw = [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        // After one prefill for all, every row draws from the same logits, but draws for itself (row C-10.3).
        const int64_t source = logits.dim(0) == 1 ? 0 : i;
        const std::span<const float> scores(logits.data<float>() + source * logits.dim(1), static_cast<size_t>(rules_.vocab_size()));
        drawn[static_cast<size_t>(i)] = sampler.draw(scores, static_cast<int64_t>(place[static_cast<size_t>(i)]), step);
      }
    };
    const auto count = static_cast<int64_t>(place.size());
    if (sampler.concurrent() && count > 1)
      parallel_for(count, 1, draw);
    else
      draw(0, count);
    for (size_t i = 0; i < place.size(); ++i) {
      const size_t row = place[i];
      if (drawn[i] < 0)
        return error("the model gave logits that are not finite after ", static_cast<int64_t>(prompts[row].size()) + step,
                     " tokens; its weights are damaged");
      const tasks::ToolMachine::Step taken = machines[row].advance(drawn[i]);
      input[i] = column[row] = taken.token;
      mask[row] = taken.sampled;
      sampler.observe(static_cast<int64_t>(row), taken.token);
      if (slides) texts[row].push_back(taken.token);
      if (is_terminal(taken.token, options)) completed[row] = 1;
    }
    if (options.log_probs) {
      add_log_probs(ctx, logits, std::span(input).first(place.size()), std::span(input_log_probs).first(place.size()));
      for (size_t i = 0; i < place.size(); ++i) log_probs[place[i]] = input_log_probs[i];
    }
    if (!on_column({column, mask, log_probs})) return StopReason::kCancelled;
    // No forward pass after the last column (row C-10.28).
    const auto is_full = [&](size_t i) {
      return cache.length(static_cast<int64_t>(i)) >= (drop_ended ? capacity_for(prompts[place[i]].size(), options) : cache.capacity());
    };
    size_t ended = 0;
    bool full = false, open = false;
    for (size_t i = 0; i < place.size(); ++i) {
      full = full || is_full(i);
      any_full = any_full || (!completed[place[i]] && is_full(i) && !slides);
      ended += completed[place[i]] || (is_full(i) && !slides);
      open = open || !completed[place[i]];
    }
    if (!open) return any_full ? StopReason::kContextFull : StopReason::kCompleted;
    if (step + 1 == options.max_tokens) return StopReason::kMaxTokens;
    if (full && slides) {
      cache.reset();
      Prompts ends;
      for (const std::vector<int32_t>& text : texts) ends.push_back(visible(text, options).last(static_cast<size_t>(cache.capacity())));
      logits = {};
      logits = prefill(ends, cache, is_cancelled);
      if (!logits) return StopReason::kCancelled;
      continue;
    }
    if (ended == place.size() || (full && !drop_ended)) return StopReason::kContextFull;
    if (drop_ended && (full || worth_dropping(ended, place.size()))) {
      std::vector<int64_t> kept;
      std::vector<size_t> kept_places;
      for (size_t i = 0; i < place.size(); ++i) {
        if (completed[place[i]] || is_full(i)) {
          column[place[i]] = kNoToken;
          continue;
        }
        kept.push_back(static_cast<int64_t>(i));
        kept_places.push_back(place[i]);
        input[kept.size() - 1] = input[i];
      }
      cache.keep_rows(kept);
      place = std::move(kept_places);
    }
    logits = {};  // back to the arena before the next step asks for the same
    logits = model_.forward(std::span(input).first(place.size()), cache);
  }
}

// Fills `result` with the prompts, then column by column with what the rows say until they are complete.
OnColumn Engine::collector(const Prompts& prompts, const GenerateOptions& options, Generated& result) const {
  for (const std::span<const int32_t> prompt : prompts) {
    result.tokens.emplace_back(prompt.begin(), prompt.end());
    result.mask.emplace_back(prompt.size(), uint8_t{0});
    result.completed.push_back(0);
    result.terminal.push_back(kNoToken);
  }
  if (options.log_probs) result.log_probs.resize(prompts.size());
  return [&](const Column& column) {
    for (size_t row = 0; row < column.tokens.size(); ++row) {
      const int32_t token = column.tokens[row];
      if (result.completed[row] || token == kNoToken) continue;
      if (options.log_probs) result.log_probs[row].push_back(column.log_probs[row]);
      if (is_terminal(token, options)) {
        result.completed[row] = 1;
        result.terminal[row] = token;
        continue;
      }
      result.tokens[row].push_back(token);
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
  Generated result;
  if (prompts.empty()) return result;
  if (options.overflow == Overflow::kSlide) return slide_each(prompts, options, is_cancelled);
  Prompts given(prompts.begin(), prompts.end()), rows;
  int64_t capacity = 0;
  for (const std::span<const int32_t> prompt : given) {
    LATHE_TRY_STATUS(check(prompt, options));
    capacity = std::max(capacity, capacity_for(prompt.size(), options));
    rows.insert(rows.end(), static_cast<size_t>(options.num_samples), prompt);
  }
  const OnColumn collect = collector(rows, options, result);
  result.reason = StopReason::kMaxTokens;
  if (options.max_tokens == 0) return result;
  model::KvCache cache = model_.new_cache(static_cast<int64_t>(rows.size()), capacity);
  Tensor logits = prefill_rows(given, options.num_samples, cache, is_cancelled);
  result.reason = StopReason::kCancelled;
  if (!logits) return result;
  LATHE_TRY(result.reason, decode(rows, std::move(logits), cache, options, true, collect, is_cancelled));
  return result;
}

// Texts that slide are read again whenever they are full, each at its own time.
Result<Generated> Engine::slide_each(std::span<const std::vector<int32_t>> prompts, const GenerateOptions& options,
                                     const IsCancelled& is_cancelled) {
  Generated result;
  result.reason = StopReason::kMaxTokens;
  for (size_t p = 0; p < prompts.size(); ++p) {
    GenerateOptions own = options;
    const size_t samples = static_cast<size_t>(options.num_samples), first = p * samples;
    own.row_numbers.clear();
    for (size_t s = 0; s < samples; ++s)
      own.row_numbers.push_back(options.row_numbers.empty() ? static_cast<int64_t>(first + s) : options.row_numbers.at(first + s));
    LATHE_TRY(Generated rows, generate_batch(prompts[p], own, is_cancelled));
    const auto take_over = [](auto& to, auto& from) { to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end())); };
    take_over(result.tokens, rows.tokens);
    take_over(result.mask, rows.mask);
    take_over(result.log_probs, rows.log_probs);
    take_over(result.terminal, rows.terminal);
    take_over(result.completed, rows.completed);
    if (rows.reason == StopReason::kCancelled) {
      result.reason = rows.reason;
      break;
    }
  }
  return result;
}

}  // namespace lathe::infer
