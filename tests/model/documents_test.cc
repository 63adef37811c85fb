// Documents packed into one row: losses and gradients are those of each document by itself, in every family.
#include "tests/ref/small_models.h"

namespace lathe::testing {
namespace {

using model::Recompute;

constexpr int64_t kLength = 48;
// Of the two rows; longer than the windows in one place, single tokens in others.
const std::vector<std::vector<int64_t>> kDocuments = {{20, 1, 27}, {40, 3, 5}};

std::vector<SmallModel> models() {
  std::vector<SmallModel> out = small_models(16);
  for (SmallModel& small : out)
    if (small.config.positions == model::Positions::kLearned) small.config.sequence_len = kLength;
  return out;
}

struct Outcome {
  std::vector<double> losses;
  std::vector<std::vector<double>> gradients;
};

// Losses of `rows` sequences, their gradients added to what the model has.
void add_pass(model::Transformer& m, const Tensor& ids, const Tensor& targets, int64_t rows, const Tensor& documents, Outcome& out) {
  ops::Context ctx;
  autograd::Tape tape(ctx, true);
  model::Batch batch;
  batch.ids = ids;
  batch.batch = rows;
  batch.documents = documents;
  const Tensor factor = Tensor::empty({ids.dim(0)}, DType::kFloat32);
  for (size_t i = 0; i < factor.span<float>().size(); ++i) factor.span<float>()[i] = 0.02f;
  const autograd::Var hidden = m.forward(tape, batch);
  const Tensor losses = m.loss(tape, hidden, targets, factor);
  for (const float loss : losses.span<float>()) out.losses.push_back(double{loss});
  tape.backward();
}

Outcome packed(model::Transformer& m, bool documents, Recompute recompute = Recompute::kNone) {
  m.set_recompute(recompute);
  for (autograd::Parameter* p : m.parameters()) p->grad.fill_zero(), p->has_grad = false;
  std::vector<int32_t> numbers;
  for (const auto& row : kDocuments)
    for (size_t d = 0; d < row.size(); ++d) numbers.insert(numbers.end(), static_cast<size_t>(row[d]), static_cast<int32_t>(3 * d));
  Outcome out;
  add_pass(m, random_ids(2 * kLength, 27, 1), random_ids(2 * kLength, 27, 2), 2,
           documents ? Tensor::of<int32_t>(numbers, {2 * kLength}) : Tensor(), out);
  for (const autograd::Parameter* p : m.parameters()) out.gradients.emplace_back(p->grad.span<float>().begin(), p->grad.span<float>().end());
  return out;
}

Outcome one_by_one(model::Transformer& m) {
  m.set_recompute(Recompute::kNone);
  for (autograd::Parameter* p : m.parameters()) p->grad.fill_zero(), p->has_grad = false;
  const Tensor ids = random_ids(2 * kLength, 27, 1), targets = random_ids(2 * kLength, 27, 2);
  Outcome out;
  int64_t at = 0;
  for (const auto& row : kDocuments)
    for (const int64_t length : row) {
      add_pass(m, ids.rows(at, at + length), targets.rows(at, at + length), 1, Tensor(), out);
      at += length;
    }
  for (const autograd::Parameter* p : m.parameters()) out.gradients.emplace_back(p->grad.span<float>().begin(), p->grad.span<float>().end());
  return out;
}

// L-7.15, L-4.8: attention, positions (rotary and learned), windows and smearing all stay inside a document.
TEST(Documents, PackedTogetherEqualsOneByOne) {
  for (const SmallModel& small : models()) {
    SCOPED_TRACE(small.name);
    const auto m = random_model(small.config, DType::kFloat32, true);
    const Outcome alone = one_by_one(*m), together = packed(*m, true), open = packed(*m, false);
    EXPECT_TRUE(is_close(together.losses, alone.losses, {2e-5, 1e-5}));
    EXPECT_FALSE(is_close(open.losses, alone.losses, {1e-3, 1e-3}));
    for (size_t i = 0; i < alone.gradients.size(); ++i)
      EXPECT_TRUE(is_close(together.gradients[i], alone.gradients[i], {3e-5, 2e-4})) << m->parameters()[i]->name;
  }
}

// L-7.15
TEST(Documents, RecomputedActivationsKeepTheBits) {
  for (const SmallModel& small : models()) {
    SCOPED_TRACE(small.name);
    const auto m = random_model(small.config, DType::kFloat32, true);
    const Outcome kept = packed(*m, true);
    for (const Recompute recompute : {Recompute::kAttention, Recompute::kBlock}) {
      const Outcome again = packed(*m, true, recompute);
      EXPECT_EQ(again.losses, kept.losses);
      EXPECT_EQ(again.gradients, kept.gradients);
    }
  }
}

TEST(Documents, RefusesNumbersThatFallAndCaches) {
  const auto m = random_model(small_models(16).front().config, DType::kFloat32);
  ops::Context ctx;
  autograd::Tape tape(ctx, false);
  model::Batch batch;
  batch.ids = random_ids(6, 27, 1);
  batch.documents = Tensor::of<int32_t>(std::vector<int32_t>{0, 0, 1, 1, 0, 2}, {6});
  EXPECT_THROW(m->forward(tape, batch), std::invalid_argument);
  batch.batch = 2;  // each row counts for itself
  batch.documents = Tensor::of<int32_t>(std::vector<int32_t>{0, 0, 1, 0, 0, 2}, {6});
  EXPECT_NO_THROW(m->forward(tape, batch));
  batch.documents = Tensor::zeros({5}, DType::kInt32);
  EXPECT_THROW(m->forward(tape, batch), std::invalid_argument);
}

}  // namespace
}  // namespace lathe::testing
