#include "infer/batch_engine.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "core/check.h"
#include "core/clock.h"
#include "core/parallel.h"
#include "infer/fair_queue.h"
#include "infer/log_softmax.h"
#include "infer/ngram_drafter.h"
#include "infer/scheduler.h"

namespace lathe::infer {
namespace {

constexpr int64_t kParallelDraws = 1 << 16;  // logits that are worth a second thread

BatchEngineOptions completed(BatchEngineOptions options, const LanguageModel& model) {
  require(options.pages >= 0 && options.max_rows >= 1 && options.token_budget >= 1 && options.prompt_budget >= 1 && options.draft_tokens >= 0,
          "[batch_engine] pages ", options.pages, ", rows ", options.max_rows, ", budgets ", options.token_budget, " and ", options.prompt_budget,
          ", guesses ", options.draft_tokens);
  if (options.pages == 0) options.pages = options.max_rows * pages_for(std::min(model.sequence_len(), model.context_limit()));
  return options;
}

}  // namespace

struct BatchEngine::Impl {
  Impl(LanguageModel& model_in, const tokenizer::Tokenizer& tokenizer, const BatchEngineOptions& options_in, std::unique_ptr<Drafter> drafter_in)
      : model(model_in), options(completed(options_in, model)), rules(model, tokenizer),
        drafter(drafter_in || options.draft_tokens == 0 ? std::move(drafter_in) : std::make_unique<NgramDrafter>()),
        pool(model.new_pages(options.pages, options.kv_format)), tree(pool), scheduler(options, rules.vocab_size(), pool, tree, drafter.get()),
        queue(options.max_waiting, options.max_waiting_per_client) {}

  Status check(const Request& request) const;
  void sweep();
  void admit();
  void begin(std::unique_ptr<Job> job);
  void run(const std::vector<Row*>& rows);
  std::vector<Row*> read(const std::vector<Row*>& rows, const Tensor& logits);
  void read_prompt_log_probs(Row& row, const Tensor& logits);
  void say(Row& row, const float* logits);
  void add_log_probs(Row& row, const Tensor& logits);
  bool log_prob(const Tensor& logits, int64_t row, int32_t token, int64_t top, LogProb& out);
  void deliver();
  void deliver(Job& job);
  void drop_rows(Job& job);
  void end(Job& job);
  // Whatever a listener throws ends its request alone.
  template <class Call>
  void tell(Job& job, Call call);

  LanguageModel& model;
  const BatchEngineOptions options;
  const AnswerRules rules;
  const std::unique_ptr<Drafter> drafter;
  PagePool pool;
  PrefixTree tree;
  Scheduler scheduler;
  FairQueue<std::unique_ptr<Job>> queue;
  std::vector<std::unique_ptr<Job>> running;
  ops::Context ctx;
  EngineFigures counted;
  int64_t next_id = 0;
};

template <class Call>
void BatchEngine::Impl::tell(Job& job, Call call) {
  std::string what = "something that is no exception";
  try {
    call(*job.listener);
    return;
  } catch (const std::exception& e) {
    what = e.what();
  } catch (...) {
  }
  if (job.failure.ok()) job.failure = error("the request's listener failed: ", what);
}

Status BatchEngine::Impl::check(const Request& request) const {
  LATHE_TRY_STATUS(rules.check_ids(request.prompt));
  const auto length = static_cast<int64_t>(request.prompt.size());
  LATHE_TRY_STATUS(rules.check_length(length));
  LATHE_TRY_STATUS(request.sampling.validate(rules.vocab_size()));
  if (request.n < 1 || request.n > scheduler.max_rows())
    return error("n must be 1 to ", scheduler.max_rows(), " (the answers that are generated at the same time), not ", request.n);
  if (request.max_tokens && *request.max_tokens < 0) return error("max_tokens must be 0 or more, not ", *request.max_tokens);
  if (request.min_tokens < 0 || (request.max_tokens && request.min_tokens > *request.max_tokens))
    return error("min_tokens must be 0 or more and at most max_tokens, not ", request.min_tokens);
  for (const int32_t id : request.stop_ids)
    if (id < 0 || id >= model.vocab_size()) return error("stop token ", id, " is outside the vocabulary of ", model.vocab_size());
  if (request.top_log_probs < -1 || request.top_log_probs > model.vocab_size())
    return error("top_log_probs must be -1 (none) to ", model.vocab_size(), ", not ", request.top_log_probs);
  if (request.adapter < -1 || request.adapter >= model.adapters())
    return error("adapter must be -1 (none) or a number below ", model.adapters(), ", the adapters of this model, not ", request.adapter);
  if (request.grammar != nullptr && request.ignore_terminal)
    return error("an answer that follows a grammar ends where the grammar ends: ignore_terminal cannot be on");
  const int64_t positions = rules.positions(length, request.max_tokens);
  if (pages_for(positions) > pool.pages())
    return error("the prompt of ", length, " tokens and its answer take up to ", positions, " positions, more than the ",
                 pool.pages() * model::PagedCache::kPositions, " of the cache; shorten it or ask for fewer tokens");
  return {};
}

// Takes out what nobody wants any more and what cannot be answered.
void BatchEngine::Impl::sweep() {
  const auto is_over = [&](Job& job) {
    bool is_gone = false;
    tell(job, [&](RequestListener& listener) { is_gone = listener.is_gone(); });
    if (!is_gone || !job.failure.ok()) return !job.failure.ok();
    ++counted.cancelled;
    std::vector<int64_t> open;
    if (job.is_admitted)
      for (const std::unique_ptr<Row>& row : job.rows) open.push_back(row->answer.delta().index);
    else
      for (int64_t index = 0; index < job.request.n; ++index) open.push_back(index);
    for (const int64_t index : open) tell(job, [&](RequestListener& listener) { listener.finished({index, FinishReason::kCancelled, -1, {}}); });
    job.was_cancelled = true;
    return true;
  };
  for (std::unique_ptr<Job>& job : queue.take_if([&](const std::unique_ptr<Job>& job) { return is_over(*job); })) end(*job);
  std::erase_if(running, [&](const std::unique_ptr<Job>& job) {
    if (!is_over(*job)) return false;
    end(*job);
    return true;
  });
}

void BatchEngine::Impl::admit() {
  while (queue.size() > 0 && scheduler.has_room(queue.front()->request)) begin(queue.pop());
}

void BatchEngine::Impl::begin(std::unique_ptr<Job> job) {
  Request& request = job->request;
  request.use_prefix_cache = request.use_prefix_cache && options.prefix_cache;
  job->is_admitted = true;
  job->usage.queue_seconds = Clock::real().seconds() - job->submitted;
  job->usage.prompt_tokens = static_cast<int64_t>(request.prompt.size());
  counted.prompt_tokens += job->usage.prompt_tokens;
  bool is_open = request.prompt_log_probs;
  for (int64_t index = 0; index < request.n; ++index) {
    job->rows.push_back(std::make_unique<Row>(*job, next_id++, index, rules, request, pool, tree));
    job->rows.back()->follows = index > 0;
    is_open = is_open || !job->rows.back()->answer.is_finished();
  }
  job->was_read = !is_open;  // nothing has to be read for answers without a token
  if (is_open)
    for (const std::unique_ptr<Row>& row : job->rows) scheduler.add(*row);
  else
    tell(*job, [](RequestListener& listener) { listener.started({}); });
  running.push_back(std::move(job));
}

// One pass of the model over the rows' parts.
void BatchEngine::Impl::run(const std::vector<Row*>& rows) {
  std::vector<model::PagedRow> parts;
  int64_t wanted = 0, before = 0, after = 0;
  for (Row* row : rows) {
    const int64_t start = row->pages.held();
    row->logits_row = wanted;
    wanted += row->wanted;
    parts.push_back({row->fed, start, start > 0 ? row->tokens[static_cast<size_t>(start - 1)] : -1, row->pages.pages(), row->wanted,
                     row->job.request.adapter});
  }
  const Tensor logits = model.step(parts, pool.cache());
  ++counted.steps;
  const std::vector<Row*> speakers = read(rows, logits);
  for (const Row* row : speakers) before += row->answer.taken();
  const float* scores = wanted > 0 ? logits.data<float>() : nullptr;
  const auto say_all = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) say(*speakers[static_cast<size_t>(i)], scores);
  };
  const auto count = static_cast<int64_t>(speakers.size());
  if (count > 1 && count * model.vocab_size() >= kParallelDraws)
    parallel_for(count, 1, say_all);
  else
    say_all(0, count);
  const double now = Clock::real().seconds();
  for (Row* row : speakers) {
    Job& job = row->job;
    after += row->answer.taken();
    if (!std::exchange(job.has_spoken, true)) job.usage.first_token_seconds = now - job.submitted;
    const int64_t guessed = row->guessed, accepted = std::min(guessed, row->kept - row->pages.held());
    job.usage.drafted_tokens += guessed;
    job.usage.accepted_tokens += guessed > 0 ? accepted : 0;
    counted.drafted_tokens += guessed;
    counted.accepted_tokens += guessed > 0 ? accepted : 0;
    row->pages.advance(row->kept, row->tokens);
    if (job.request.top_log_probs >= 0) add_log_probs(*row, logits);
    if (job.failure.ok() && !row->answer.failure().empty()) job.failure = error(row->answer.failure());
  }
  counted.generated_tokens += after - before;
}

// The known tokens of the rows are in the pages now. Returns the rows that go on saying something.
std::vector<Row*> BatchEngine::Impl::read(const std::vector<Row*>& rows, const Tensor& logits) {
  std::vector<Row*> speakers;
  for (Row* row : rows) {
    Job& job = row->job;
    if (!job.was_read && job.request.prompt_log_probs) read_prompt_log_probs(*row, logits);
    const auto length = static_cast<int64_t>(row->tokens.size()), start = row->pages.held();
    const int64_t known = std::min(length - start, static_cast<int64_t>(row->fed.size()));
    row->pages.advance(start + known, row->tokens);
    row->fed.erase(row->fed.begin(), row->fed.begin() + known);
    if (row->pages.held() < length) continue;
    if (!row->answer.is_finished()) speakers.push_back(row);
    if (std::exchange(job.was_read, true)) continue;
    job.has_to_start = true;
    counted.cached_tokens += job.usage.cached_tokens;
    for (const std::unique_ptr<Row>& other : job.rows) {
      if (!std::exchange(other->follows, false)) continue;
      other->pages.share(row->pages);
      other->wanted = 1;
      other->logits_row = row->logits_row + row->wanted - 1;
      if (!other->answer.is_finished()) speakers.push_back(other.get());
    }
  }
  return speakers;
}

void BatchEngine::Impl::read_prompt_log_probs(Row& row, const Tensor& logits) {
  Job& job = row.job;
  const int64_t end = row.pages.held() + static_cast<int64_t>(row.fed.size());
  for (int64_t i = 0; i < row.wanted; ++i) {
    const auto next = static_cast<size_t>(end - row.wanted + i + 1);
    if (next >= job.request.prompt.size()) break;
    LogProb out;
    if (!log_prob(logits, row.logits_row + i, job.request.prompt[next], job.request.top_log_probs, out)) {
      job.failure = error("the model gave logits that are not finite after ", static_cast<int64_t>(next), " tokens; its weights are damaged");
      return;
    }
    job.prompt_log_probs.push_back(std::move(out));
  }
}

// Takes tokens as long as the logits before them are there: what was fed beyond the known tokens was right only where it is what comes.
void BatchEngine::Impl::say(Row& row, const float* logits) {
  Answer& answer = row.answer;
  const int64_t start = row.pages.held(), first_logits = start + static_cast<int64_t>(row.fed.size()) - row.wanted, vocab = model.vocab_size();
  int64_t end = start + static_cast<int64_t>(row.fed.size());
  row.drawn_from.clear();
  while (!answer.is_finished() && answer.failure().empty()) {
    const auto position = static_cast<int64_t>(row.tokens.size());
    if (position > end) break;
    const int64_t from = row.logits_row + position - 1 - first_logits;
    const bool is_forced = !answer.forced().empty();
    const int32_t token = answer.take(is_forced ? std::span<const float>() : std::span(logits + from * vocab, static_cast<size_t>(vocab)));
    if (!answer.failure().empty()) break;
    const bool is_text = !answer.is_finished() || answer.finish().terminal < 0;
    if (is_text) {
      row.tokens.push_back(token);
      row.drawn_from.push_back(from);
    }
    if (position < end && (!is_text || row.fed[static_cast<size_t>(position - start)] != token)) end = position;
  }
  row.kept = std::min(end, static_cast<int64_t>(row.tokens.size()));
}

bool BatchEngine::Impl::log_prob(const Tensor& logits, int64_t row, int32_t token, int64_t top, LogProb& out) {
  const Tensor scores = logits.rows(row, row + 1);
  LogSoftmax softmax;
  if (!log_softmax(ctx, scores, softmax)) return false;
  out.token = token;
  out.log_prob = softmax.of(scores.data<float>()[token]);
  out.top = most_likely(scores.span<float>(), softmax, top);
  return true;
}

void BatchEngine::Impl::add_log_probs(Row& row, const Tensor& logits) {
  const size_t first = row.tokens.size() - row.drawn_from.size();
  for (size_t i = 0; i < row.drawn_from.size(); ++i) {
    LogProb out;
    if (!log_prob(logits, row.drawn_from[i], row.tokens[first + i], row.job.request.top_log_probs, out)) {
      row.job.failure = error("the model gave logits that are not finite; its weights are damaged");
      return;
    }
    row.answer.log_probs.push_back(std::move(out));
  }
}

void BatchEngine::Impl::deliver(Job& job) {
  if (std::exchange(job.has_to_start, false))
    tell(job, [&](RequestListener& listener) { listener.started(job.prompt_log_probs); });
  for (std::unique_ptr<Row>& row : job.rows) {
    if (!job.was_read || !job.failure.ok()) return;
    const Delta delta = row->answer.delta();
    if (!delta.tokens.empty() || !delta.text.empty()) tell(job, [&](RequestListener& listener) { listener.delta(delta); });
    row->answer.clear_delta();
    if (!row->answer.is_finished() || !job.failure.ok()) continue;
    tell(job, [&](RequestListener& listener) { listener.finished(row->answer.finish()); });
    job.usage.completion_tokens += row->answer.taken();
    scheduler.remove(*row);
    row.reset();
  }
  std::erase(job.rows, nullptr);
}

void BatchEngine::Impl::deliver() {
  std::erase_if(running, [&](const std::unique_ptr<Job>& job) {
    deliver(*job);
    if (!job->rows.empty() && job->failure.ok()) return false;
    end(*job);
    return true;
  });
}

void BatchEngine::Impl::drop_rows(Job& job) {
  for (const std::unique_ptr<Row>& row : job.rows) {
    if (row == nullptr) continue;
    job.usage.completion_tokens += row->answer.taken();
    scheduler.remove(*row);
  }
  job.rows.clear();
}

// The last of a job.
void BatchEngine::Impl::end(Job& job) {
  drop_rows(job);
  if (!job.failure.ok())
    ++counted.failed;
  else if (!job.was_cancelled)
    ++counted.finished;
  job.usage.total_seconds = Clock::real().seconds() - job.submitted;
  const Status status = job.failure;
  tell(job, [&](RequestListener& listener) { listener.done(status, job.usage); });
}

BatchEngine::BatchEngine(LanguageModel& model, tokenizer::Tokenizer tokenizer, const BatchEngineOptions& options, std::unique_ptr<Drafter> drafter)
    : impl_(std::make_unique<Impl>(model, tokenizer, options, std::move(drafter))) {}
BatchEngine::~BatchEngine() = default;

Status BatchEngine::check(const Request& request) const { return impl_->check(request); }

Admission BatchEngine::submit(Request request, std::shared_ptr<RequestListener> listener) {
  if (!impl_->queue.has_room(request.client)) return Admission::kFull;
  auto job = std::make_unique<Job>();
  job->failure = check(request);
  job->request = std::move(request);
  job->listener = std::move(listener);
  job->submitted = Clock::real().seconds();
  const std::string client = job->request.client;
  impl_->queue.push(client, std::move(job));
  return Admission::kAccepted;
}

bool BatchEngine::step() {
  Impl& impl = *impl_;
  if (impl.running.empty() && impl.queue.size() == 0) return false;
  impl.sweep();
  impl.admit();
  if (impl.scheduler.rows() > 0) impl.run(impl.scheduler.plan());
  impl.deliver();
  return true;
}

void BatchEngine::stop(const Status& why) {
  Impl& impl = *impl_;
  require(!why.ok(), "[batch_engine] requests are ended with an error");
  std::vector<std::unique_ptr<Job>> jobs = impl.queue.take_if([](const std::unique_ptr<Job>&) { return true; });
  for (std::unique_ptr<Job>& job : impl.running) jobs.push_back(std::move(job));
  impl.running.clear();
  for (const std::unique_ptr<Job>& job : jobs) {
    if (job->failure.ok()) job->failure = why;
    impl.end(*job);
  }
}

EngineFigures BatchEngine::figures() const {
  const Impl& impl = *impl_;
  EngineFigures figures = impl.counted;
  figures.running = impl.scheduler.rows();
  figures.waiting = impl.queue.size();
  figures.pages = impl.pool.pages();
  figures.pages_cached = impl.tree.unused();
  figures.pages_used = impl.pool.pages() - impl.pool.free() - figures.pages_cached;
  figures.preemptions = impl.scheduler.preemptions();
  return figures;
}

const BatchEngineOptions& BatchEngine::options() const { return impl_->options; }
LanguageModel& BatchEngine::model() const { return impl_->model; }
const tokenizer::Tokenizer& BatchEngine::tokenizer() const { return impl_->rules.tokenizer(); }

}  // namespace lathe::infer
