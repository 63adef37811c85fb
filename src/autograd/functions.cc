#include "autograd/functions.h"

#include "autograd/gradients.h"
#include "ops/elementwise.h"
#include "ops/layer_norm.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "ops/smear.h"
#include "ops/value_gate.h"

namespace lathe::autograd {

Var rms_norm(Tape& tape, const Var& x, Parameter* weight, float eps, float scale, float weight_offset) {
  ops::RmsNormSaved saved;
  Tensor y = ops::rms_norm(tape.ctx(), x.value, compute_of(weight), eps, scale, tape.recording() ? &saved : nullptr,
                           weight_offset);
  Var out = tape.result(std::move(y), x.wants_grad() || learns(weight));
  if (out.wants_grad())
    tape.record(out, [x, weight, scale, weight_offset, saved](Tape& t, const Tensor& dy) {
      Tensor dx = t.ctx().empty_like(x.value);
      ops::rms_norm_backward(t.ctx(), dy, x.value, compute_of(weight), scale, saved, dx, grad_of(t.ctx(), weight), weight_offset);
      t.add_grad(x, std::move(dx));
    });
  return out;
}

Var layer_norm(Tape& tape, const Var& x, Parameter& weight, Parameter* bias, float eps) {
  ops::LayerNormSaved saved;
  Tensor y = ops::layer_norm(tape.ctx(), x.value, weight.compute, compute_of(bias), eps, tape.recording() ? &saved : nullptr);
  Var out = tape.result(std::move(y), x.wants_grad() || learns(&weight) || learns(bias));
  if (out.wants_grad())
    tape.record(out, [x, w = &weight, bias, saved](Tape& t, const Tensor& dy) {
      Tensor dx = t.ctx().empty_like(x.value);
      ops::layer_norm_backward(t.ctx(), dy, x.value, w->compute, saved, dx, grad_of(t.ctx(), w), grad_of(t.ctx(), bias));
      t.add_grad(x, std::move(dx));
    });
  return out;
}

Var rope(Tape& tape, const Var& x, const Tensor& cosine, const Tensor& sine, const Tensor& positions, int64_t heads, int direction) {
  Var out = tape.result(ops::rope(tape.ctx(), x.value, cosine, sine, positions, heads, direction, Tensor()), x.wants_grad());
  if (out.wants_grad())
    tape.record(out, [x_slot = Var{Tensor(), x.slot}, cosine, sine, positions, heads, direction](Tape& t, const Tensor& dy) {
      t.add_grad(x_slot, ops::rope(t.ctx(), dy, cosine, sine, positions, heads, -direction, Tensor()));
    });
  return out;
}

Var attention(Tape& tape, const Var& q, const Var& k, const Var& v, const ops::AttentionShape& shape) {
  ops::AttentionSaved saved;
  Tensor y = ops::attention(tape.ctx(), q.value, k.value, v.value, shape, tape.recording() ? &saved : nullptr);
  Var out = tape.result(std::move(y), q.wants_grad() || k.wants_grad() || v.wants_grad());
  if (out.wants_grad())
    tape.record(out, [q, k, v, y = out.value, shape, saved](Tape& t, const Tensor& dy) {
      Tensor dq = t.ctx().empty_like(q.value), dk = t.ctx().empty_like(k.value), dv = t.ctx().empty_like(v.value);
      ops::attention_backward(t.ctx(), dy, q.value, k.value, v.value, y, shape, saved, dq, dk, dv);
      t.add_grad(q, std::move(dq));
      t.add_grad(k, std::move(dk));
      t.add_grad(v, std::move(dv));
    });
  return out;
}

Var activation(Tape& tape, const Var& x, ops::Activation kind) {
  Var out = tape.result(ops::activation(tape.ctx(), x.value, kind), x.wants_grad());
  if (out.wants_grad())
    tape.record(out, [x, kind](Tape& t, const Tensor& dy) {
      Tensor dx = t.ctx().empty_like(x.value);
      ops::activation_backward(t.ctx(), dy, x.value, kind, dx);
      t.add_grad(x, std::move(dx));
    });
  return out;
}

Var gated(Tape& tape, const Var& gate, const Var& up, ops::Activation kind) {
  Var out = tape.result(ops::gated(tape.ctx(), gate.value, up.value, kind), gate.wants_grad() || up.wants_grad());
  if (out.wants_grad())
    tape.record(out, [gate, up, kind](Tape& t, const Tensor& dy) {
      Tensor dgate = t.ctx().empty_like(gate.value), dup = t.ctx().empty_like(up.value);
      ops::gated_backward(t.ctx(), dy, gate.value, up.value, kind, dgate, dup);
      t.add_grad(gate, std::move(dgate));
      t.add_grad(up, std::move(dup));
    });
  return out;
}

Var add(Tape& tape, const Var& a, const Var& b) {
  Var out = tape.result(ops::add(tape.ctx(), a.value, b.value), a.wants_grad() || b.wants_grad());
  if (out.wants_grad())
    tape.record(out, [a = Var{Tensor(), a.slot}, b = Var{Tensor(), b.slot}](Tape& t, const Tensor& dy) {
      t.add_grad(a, dy);
      t.add_grad(b, dy);
    });
  return out;
}

Var scaled(Tape& tape, const Var& x, float factor) {
  Var out = tape.result(ops::scaled(tape.ctx(), x.value, factor), x.wants_grad());
  if (out.wants_grad())
    tape.record(out, [x = Var{Tensor(), x.slot}, factor](Tape& t, const Tensor& dy) { t.add_grad(x, ops::scaled(t.ctx(), dy, factor)); });
  return out;
}

Var reshape(Tape& tape, const Var& x, Shape shape) {
  Var out = tape.result(x.value.reshape(shape), x.wants_grad());
  if (out.wants_grad())
    tape.record(out, [x = Var{Tensor(), x.slot}, before = x.value.shape()](Tape& t, const Tensor& dy) {
      t.add_grad(x, dy.reshape(before));
    });
  return out;
}

Var first_columns(Tape& tape, const Var& x, int64_t columns) {
  Var out = tape.result(ops::first_columns(tape.ctx(), x.value, columns), x.wants_grad());
  if (out.wants_grad())
    tape.record(out, [x](Tape& t, const Tensor& dy) {
      Tensor dx = t.ctx().zeros(x.value.shape(), x.value.dtype());
      ops::first_columns_backward(t.ctx(), dy, dx);
      t.add_grad(x, std::move(dx));
    });
  return out;
}

Var value_gate(Tape& tape, const Var& v, const Var& e, const Var& gate, float scale) {
  Var out = tape.result(ops::value_gate(tape.ctx(), v.value, e.value, gate.value, scale),
                        v.wants_grad() || e.wants_grad() || gate.wants_grad());
  if (out.wants_grad())
    tape.record(out, [v = Var{Tensor(), v.slot}, e, gate, scale](Tape& t, const Tensor& dy) {
      Tensor de = t.ctx().empty_like(e.value), dgate = t.ctx().empty_like(gate.value);
      ops::value_gate_backward(t.ctx(), dy, e.value, gate.value, scale, de, dgate);
      t.add_grad(v, dy);
      t.add_grad(e, std::move(de));
      t.add_grad(gate, std::move(dgate));
    });
  return out;
}

Var smear(Tape& tape, const Var& x, Parameter& weight, Parameter& lambda, const Tensor& previous, int64_t batch,
          const Tensor& first_keys) {
  ops::SmearSaved saved;
  Tensor y = ops::smear(tape.ctx(), x.value, weight.compute, lambda.value, previous, batch, tape.recording() ? &saved : nullptr,
                        first_keys);
  Var out = tape.result(std::move(y), x.wants_grad() || learns(&weight) || learns(&lambda));
  if (out.wants_grad())
    tape.record(out, [x, w = &weight, l = &lambda, batch, saved, first_keys](Tape& t, const Tensor& dy) {
      Tensor dx = t.ctx().empty_like(x.value);
      const auto sum_of = [&](Parameter* p) {  // of a frozen one it is thrown away
        const Tensor sum = grad_of(t.ctx(), p);
        return sum ? sum : t.ctx().zeros(p->shape(), DType::kFloat32);
      };
      ops::smear_backward(t.ctx(), dy, x.value, w->compute, l->value, batch, saved, dx, sum_of(w), sum_of(l), first_keys);
      t.add_grad(x, std::move(dx));
    });
  return out;
}

Var dropout(Tape& tape, const Var& x, float rate, ops::DropoutKey key) {
  if (rate <= 0) return x;
  Var out = tape.result(ops::dropout(tape.ctx(), x.value, rate, key), x.wants_grad());
  if (out.wants_grad())
    tape.record(out, [x = Var{Tensor(), x.slot}, rate, key](Tape& t, const Tensor& dy) {
      Tensor dx = t.ctx().empty_like(dy);
      ops::dropout_backward(t.ctx(), dy, rate, key, dx);
      t.add_grad(x, std::move(dx));
    });
  return out;
}

namespace {
ops::MixCoefficient coefficient(const Scalar& scalar) {
  return {scalar.parameter ? scalar.parameter->value : Tensor(), scalar.index, scalar.constant};
}
}  // namespace

Var mix(Tape& tape, const Var& a, Scalar alpha, const Var& b, Scalar beta) {
  Var out = tape.result(ops::mix(tape.ctx(), a.value, coefficient(alpha), b.value, coefficient(beta)),
                        a.wants_grad() || b.wants_grad() || learns(alpha.parameter) || learns(beta.parameter));
  if (out.wants_grad())
    tape.record(out, [a, alpha, b, beta](Tape& t, const Tensor& dy) {
      Tensor da = like_if(t.ctx(), a.wants_grad(), a.value), db = like_if(t.ctx(), b.wants_grad(), b.value);
      ops::mix_backward(t.ctx(), dy, a.value, coefficient(alpha), b.value, coefficient(beta), da, db, grad_of(t.ctx(), alpha.parameter),
                        grad_of(t.ctx(), beta.parameter));
      t.add_grad(a, std::move(da));
      t.add_grad(b, std::move(db));
    });
  return out;
}

}  // namespace lathe::autograd
