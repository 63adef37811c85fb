#include "infer/scheduler.h"

#include <algorithm>

#include "core/check.h"

namespace lathe::infer {
namespace {

constexpr int64_t kLogits = int64_t{16} << 20;  // of a prompt's piece at most, when all of them are wanted

// The first position whose logits are wanted.
int64_t first_wanted(const Row& row) {
  const int64_t last = static_cast<int64_t>(row.tokens.size()) - 1;
  if (row.job.was_read || !row.job.request.prompt_log_probs) return last;
  return std::min(last, static_cast<int64_t>(row.job.prompt_log_probs.size()));
}

}  // namespace

// A row costs a token of each step at least, so that there are never more rows than a step has tokens.
Scheduler::Scheduler(const BatchEngineOptions& options, int64_t vocab_size, PagePool& pool, PrefixTree& tree, Drafter* drafter)
    : options_(options), vocab_size_(vocab_size), max_rows_(std::min(options.max_rows, options.token_budget)), pool_(pool), tree_(tree),
      drafter_(drafter) {}

// Pages that must be found for these tokens and the next one.
int64_t Scheduler::missing(const Request& request, std::span<const int32_t> tokens) const {
  const bool may_share = request.use_prefix_cache && !request.prompt_log_probs;
  const int64_t shared = may_share ? tree_.pages_in_use(request.adapter, tokens.first(tokens.size() - 1)) : 0;
  return pages_for(static_cast<int64_t>(tokens.size()) + 1) - shared;
}

bool Scheduler::has_room(const Request& request) const {
  if (rows_.empty()) return true;
  if (rows() + request.n > max_rows_) return false;
  int64_t needed = missing(request, request.prompt);
  for (const Row* row : rows_) {
    if (!row->pages.empty() || row->follows) continue;
    needed += missing(row->job.request, row->tokens);
  }
  return needed <= available();
}

void Scheduler::remove(const Row& row) {
  std::erase(rows_, &row);
  if (drafter_ != nullptr) drafter_->forget(row.id);
}

void Scheduler::preempt(Row& row) {
  row.pages.release();
  row.fed.clear();
  is_short_ = true;
  ++preemptions_;
  if (drafter_ != nullptr) drafter_->forget(row.id);
}

bool Scheduler::reserve(Row& row, int64_t end) {
  while (!row.pages.reserve(end)) {
    Row* youngest = nullptr;
    for (Row* other : rows_)
      if (!other->pages.empty()) youngest = other;
    LATHE_CHECK(youngest != nullptr, "no row has pages, and none is free");
    preempt(*youngest);
    if (youngest == &row) return false;
  }
  return true;
}

// The next `count` known tokens.
void Scheduler::feed(Row& row, int64_t count) {
  const int64_t held = row.pages.held(), end = held + count;
  row.fed.assign(row.tokens.begin() + held, row.tokens.begin() + end);
  row.wanted = std::clamp<int64_t>(end - first_wanted(row), 0, count);
  left_ -= count;
}

void Scheduler::plan_answers() {
  int64_t owed = 0;
  for (const Row* row : rows_) owed += row->is_decoding();
  for (Row* row : rows_) {
    if (!row->is_decoding()) continue;
    --owed;
    const std::span<const int32_t> forced = row->answer.forced();
    const int64_t more = std::min({static_cast<int64_t>(forced.size()), left_ - owed - 1, row->answer.remaining() - 1});
    if (!reserve(*row, row->pages.held() + 1 + more)) continue;
    feed(*row, 1);
    row->fed.insert(row->fed.end(), forced.begin(), forced.begin() + more);
    left_ -= more;
    if (row->job.request.top_log_probs >= 0)
      row->wanted = 1 + more;
    else
      row->wanted = more == static_cast<int64_t>(forced.size());
  }
}

void Scheduler::plan_prompts() {
  bool may_begin = !is_short_;
  const bool beside_answers = left_ < options_.token_budget;
  const int64_t kept_back = beside_answers ? std::max<int64_t>(left_ - options_.prompt_budget, 0) : 0;
  for (Row* row : rows_) {
    if (row->follows || row->is_decoding() || left_ <= kept_back) continue;
    const auto length = static_cast<int64_t>(row->tokens.size());
    const Request& request = row->job.request;
    if (row->pages.empty()) {
      const bool alone = available() == pool_.pages();
      if (!alone && (!may_begin || missing(request, row->tokens) > available())) {
        may_begin = false;  // the younger ones must not overtake it
        continue;
      }
    }
    if (row->job.was_read || !request.prompt_log_probs) {
      const int64_t won = row->pages.take_prefix(row->tokens, length - 1);
      if (!row->job.was_read) row->job.usage.cached_tokens += won;
    }
    int64_t count = std::min(length - row->pages.held(), left_ - kept_back);
    if (first_wanted(*row) < length - 1) count = std::min(count, std::max<int64_t>(kLogits / vocab_size_, 1));
    if (!reserve(*row, row->pages.held() + count)) {
      may_begin = false;
      continue;
    }
    feed(*row, count);
    may_begin = may_begin && !is_short_;
  }
}

// Guesses are worth no other row's pages.
void Scheduler::plan_guesses() {
  if (drafter_ == nullptr || options_.draft_tokens == 0) return;
  for (Row* row : rows_) {
    if (row->fed.size() != 1 || !row->is_decoding() || !row->answer.forced().empty()) continue;
    const int64_t most = std::min({options_.draft_tokens, left_, row->answer.remaining() - 1});
    if (most < 1) continue;
    std::vector<int32_t> guesses = drafter_->propose(row->id, row->tokens, most);
    const auto known = [&](int32_t id) { return id >= 0 && id < vocab_size_; };
    guesses.erase(std::find_if_not(guesses.begin(), guesses.end(), known), guesses.end());
    guesses.resize(std::min(guesses.size(), static_cast<size_t>(most)));
    const int64_t end = row->pages.held() + 1;
    if (!row->pages.reserve(end + static_cast<int64_t>(guesses.size())))
      guesses.resize(std::min(guesses.size(), static_cast<size_t>(std::max<int64_t>(row->pages.room() - end, 0))));
    row->fed.insert(row->fed.end(), guesses.begin(), guesses.end());
    row->guessed = static_cast<int64_t>(guesses.size());
    row->wanted = row->guessed + 1;
    left_ -= row->guessed;
  }
}

const std::vector<Row*>& Scheduler::plan() {
  left_ = options_.token_budget;
  is_short_ = false;
  for (Row* row : rows_) {
    row->fed.clear();
    row->guessed = 0;
  }
  plan_answers();
  plan_prompts();
  plan_guesses();
  planned_.clear();
  for (Row* row : rows_)
    if (!row->fed.empty()) planned_.push_back(row);
  LATHE_CHECK(rows_.empty() || !planned_.empty(), "nobody can go on");
  return planned_;
}

}  // namespace lathe::infer
