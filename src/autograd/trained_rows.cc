// The two users of the tables of tokens, where single rows can be trained.
#include <algorithm>

#include "autograd/functions.h"
#include "autograd/gradients.h"
#include "autograd/low_rank.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"

namespace lathe::autograd {
namespace {

void place(const Parameter& table, const TrainedRows& rows, const Tensor& from) {
  for (int64_t i = 0; i < rows.ids.elements(); ++i) {
    const int64_t id = rows.ids.data<int32_t>()[i];
    table.compute.rows(id, id + 1).copy_from(from.rows(i, i + 1));
  }
}

// For each of `ids` that is trained, its place in ids and the number of its row.
struct Hits {
  Tensor places, rows;  // (M) int32
};

Hits find_hits(ops::Context& ctx, const Tensor& ids, const Tensor& trained) {
  std::vector<int32_t> places, rows;
  const auto known = trained.span<int32_t>();
  for (int64_t n = 0; n < ids.elements(); ++n) {
    const auto found = std::lower_bound(known.begin(), known.end(), ids.data<int32_t>()[n]);
    if (found == known.end() || *found != ids.data<int32_t>()[n]) continue;
    places.push_back(static_cast<int32_t>(n));
    rows.push_back(static_cast<int32_t>(found - known.begin()));
  }
  const int64_t count = static_cast<int64_t>(places.size());
  Hits hits{ctx.empty({count}, DType::kInt32), ctx.empty({count}, DType::kInt32)};
  std::copy(places.begin(), places.end(), hits.places.data<int32_t>());
  std::copy(rows.begin(), rows.end(), hits.rows.data<int32_t>());
  return hits;
}

TrainedRows* learning_rows(const Parameter& table) {
  for (auto it = table.trained_rows.rbegin(); it != table.trained_rows.rend(); ++it)
    if ((*it)->enabled && learns((*it)->rows)) return *it;
  return nullptr;
}

}  // namespace

void place_trained_rows(const Parameter& table) {
  if (table.trained_rows.empty() || !table.compute || table.compute.device() == Device::kMeta) return;
  for (const TrainedRows* rows : table.trained_rows)
    if (!rows->enabled) place(table, *rows, rows->base);
  for (const TrainedRows* rows : table.trained_rows)
    if (rows->enabled) place(table, *rows, rows->rows->compute);
}

Var embedding(Tape& tape, const Tensor& ids, Parameter& table) {
  place_trained_rows(table);
  TrainedRows* rows = learning_rows(table);
  Var out = tape.result(ops::embedding(tape.ctx(), table.compute, ids), learns(&table) || rows);
  if (out.wants_grad())
    tape.record(out, [ids, w = &table, rows](Tape& t, const Tensor& dy) {
      if (const Tensor dtable = grad_of(t.ctx(), w)) ops::embedding_backward(t.ctx(), dy, ids, dtable);
      if (!rows || t.ctx().meta()) return;
      const Hits hits = find_hits(t.ctx(), ids, rows->ids);
      if (hits.rows.elements() == 0) return;
      ops::embedding_backward(t.ctx(), ops::gather_rows(t.ctx(), dy, hits.places), hits.rows, grad_of(t.ctx(), rows->rows));
    });
  return out;
}

Tensor head_loss(Tape& tape, const Var& x, Parameter& weight, const Tensor& targets, const Tensor& factor,
                 const ops::HeadLossOptions& options) {
  place_trained_rows(weight);
  Tensor nll = tape.ctx().empty({x.value.dim(0)}, DType::kFloat32);
  if (!tape.recording()) {
    ops::head_loss(tape.ctx(), x.value, weight.compute, targets, options, nll);
    return nll;
  }
  Tensor dx = like_if(tape.ctx(), x.wants_grad(), x.value);
  ops::SelectedRows selected;
  if (TrainedRows* rows = learning_rows(weight)) selected = {rows->ids, grad_of(tape.ctx(), rows->rows)};
  ops::head_loss_and_gradient(tape.ctx(), x.value, weight.compute, targets, factor, options, nll, dx, grad_of(tape.ctx(), &weight), selected);
  tape.record_root([x = Var{Tensor(), x.slot}, dx](Tape& t, const Tensor&) { t.add_grad(x, dx); });
  return nll;
}

}  // namespace lathe::autograd
