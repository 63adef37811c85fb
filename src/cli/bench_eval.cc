// lathe bench eval: four-option questions scored with shared prefixes (eval/likelihood.h) beside one padded forward pass per
// question with its options as rows and the loss of every position, as the origin does it (row C-7.16).
#include <algorithm>
#include <bit>
#include <cmath>

#include "bench/infer_bench.h"
#include "bench/statistics.h"
#include "cli/training.h"
#include "cli/verbs.h"
#include "core/clock.h"
#include "core/rng.h"
#include "eval/likelihood.h"

namespace lathe::cli {
namespace {

constexpr int64_t kOptions = 4;

// Context lengths vary by half around `prompt`, options have 1 to 12 tokens, as in the four-option tasks of CORE.
std::vector<std::vector<eval::ScoredSpan>> make_questions(int64_t questions, int64_t prompt, int64_t vocab_size) {
  Rng rng(42, "bench/eval");
  std::vector<std::vector<eval::ScoredSpan>> out;
  const auto append = [&](std::vector<int32_t>& ids, int64_t n) {
    for (int64_t i = 0; i < n; ++i) ids.push_back(static_cast<int32_t>(rng.below(static_cast<uint64_t>(vocab_size))));
  };
  for (int64_t q = 0; q < questions; ++q) {
    std::vector<int32_t> context;
    append(context, prompt / 2 + static_cast<int64_t>(rng.below(static_cast<uint64_t>(prompt))));
    out.emplace_back();
    for (int64_t o = 0; o < kOptions; ++o) {
      eval::ScoredSpan span{context, static_cast<int64_t>(context.size()), 0};
      append(span.ids, 1 + static_cast<int64_t>(rng.below(12)));
      span.end = static_cast<int64_t>(span.ids.size());
      out.back().push_back(std::move(span));
    }
  }
  return out;
}

// The losses of one question the plain way.
std::vector<std::vector<float>> score_padded(model::Transformer& model, ops::Context& ctx, const std::vector<eval::ScoredSpan>& question) {
  int64_t longest = 0;
  for (const eval::ScoredSpan& span : question) longest = std::max(longest, span.end);
  const auto rows = static_cast<int64_t>(question.size());
  std::vector<int32_t> ids(static_cast<size_t>(rows * longest), 0), targets(ids.size(), -1);
  for (int64_t row = 0; row < rows; ++row) {
    const std::vector<int32_t>& text = question[static_cast<size_t>(row)].ids;
    std::copy(text.begin(), text.end(), ids.begin() + row * longest);
    for (int64_t t = 0; t + 1 < longest; ++t) targets[static_cast<size_t>(row * longest + t)] = ids[static_cast<size_t>(row * longest + t + 1)];
  }
  autograd::Tape tape(ctx, false);
  model::Batch batch;
  batch.ids = Tensor::borrow(ids.data(), {rows * longest}, DType::kInt32);
  batch.batch = rows;
  const autograd::Var hidden = model.forward(tape, batch);
  const Tensor nll = model.loss(tape, hidden, Tensor::borrow(targets.data(), {rows * longest}, DType::kInt32), Tensor());
  std::vector<std::vector<float>> out;
  for (int64_t row = 0; row < rows; ++row) {
    const float* begin = nll.data<float>() + row * longest;
    out.emplace_back(begin + question[static_cast<size_t>(row)].start - 1, begin + question[static_cast<size_t>(row)].end - 1);
  }
  return out;
}

class BenchEval : public Verb {
 public:
  VerbInfo info() const override {
    return {"bench eval", "measure", "questions scored with shared prefixes beside padded ones", "lathe bench eval --preset chat-d6 --json", "", 0};
  }
  void describe(SettingsTable& table) override {
    table.add("preset", &preset_, "llama-124m or chat-d6, random weights");
    table.add("questions", &questions_, "of four options each");
    table.add("prompt", &prompt_, "tokens of context, the mean");
    table.add("repeats", &repeats_, "runs of each, in turn");
  }
  Result<Exit> run(Context& context) override;

 private:
  std::string preset_ = "chat-d6";
  int64_t questions_ = 24, prompt_ = 400, repeats_ = 3;
};

Result<Exit> BenchEval::run(Context& context) {
  if (questions_ < 1 || prompt_ < 2 || repeats_ < 1) return error("questions and repeats must be at least 1, prompt at least 2");
  LATHE_TRY(const model::ModelConfig config, bench::find_infer_preset(preset_));
  const int64_t positions = config.positions == model::Positions::kRope ? config.table_length() : config.sequence_len;
  if (prompt_ / 2 + prompt_ + 12 > positions) return error_at("prompt", -1, preset_, " has ", positions, " positions");
  model::Transformer model(config, resolved_dtype(context));
  model.initialise(42);
  model.refresh_compute();
  const auto questions = make_questions(questions_, prompt_, config.vocab_size);
  ops::Context ctx;
  std::vector<double> shared, padded;
  bool same = true;
  for (int64_t repeat = 0; repeat <= repeats_; ++repeat) {  // the first warms up
    double start = Clock::real().seconds();
    LATHE_TRY(const auto losses, eval::score_spans(model, ctx, questions));
    const double with = Clock::real().seconds() - start;
    start = Clock::real().seconds();
    for (size_t q = 0; q < questions.size(); ++q) {
      const auto plain = score_padded(model, ctx, questions[q]);
      for (size_t o = 0; o < plain.size(); ++o)
        same = same && std::equal(plain[o].begin(), plain[o].end(), losses[q][o].nll.begin(), losses[q][o].nll.end(),
                                  [](float a, float b) { return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b); });
    }
    if (repeat == 0) continue;
    padded.push_back(Clock::real().seconds() - start);
    shared.push_back(with);
  }
  const double n = static_cast<double>(questions_), rate = n / bench::median(shared), padded_rate = n / bench::median(padded);
  context.print(preset_, ": ", format_text("%.1f examples/s with shared prefixes, %.1f padded: %.2f times; losses %s", rate, padded_rate, rate / padded_rate,
                                           same ? "to the bit the same" : "DIFFER"));
  Json figures = Json::object();
  figures["preset"] = preset_;
  figures["dtype"] = dtype_name(resolved_dtype(context));
  figures["examples_per_s"] = rate;
  figures["padded_examples_per_s"] = padded_rate;
  figures["ratio"] = rate / padded_rate;
  figures["same_bits"] = same;
  return context.finish(figures, same ? Exit::kDone : Exit::kBadInput);
}

}  // namespace

std::unique_ptr<Verb> make_bench_eval() { return std::make_unique<BenchEval>(); }

}  // namespace lathe::cli
