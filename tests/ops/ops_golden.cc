// The golden set `ops`: inputs, results and gradients of sum(y * dy) of the reference implementations, case by case as
// its index lists them. The float64 references of tests/ref are held against the same figures, so that the unit tests
// that lean on them lean on something outside.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>

#include "core/parallel.h"
#include "ops/activation.h"
#include "ops/append_to_cache.h"
#include "ops/attention.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/head_loss.h"
#include "ops/layer_norm.h"
#include "ops/linear.h"
#include "ops/rms_norm.h"
#include "ops/rope.h"
#include "tensor/safetensors.h"
#include "tests/ops/tensors.h"
#include "tests/ref/testing.h"

namespace lathe::ops::test {
namespace {

constexpr DType kFloat = DType::kFloat32;

class Case {
 public:
  Case(const SafetensorsFile& file, const Json& entry) : file_(file), entry_(entry) {}

  std::string name() const { return entry_.at("name").as_string(); }
  std::string note() const { return entry_.at("note").as_string(); }
  bool is(const std::string& prefix) const { return name().rfind(prefix, 0) == 0; }

  Tensor tensor(const std::string& key) const {
    const Tensor* found = file_.find(name() + "." + key);
    if (found == nullptr) throw std::runtime_error(name() + "." + key + " is missing");
    return *found;
  }
  Values values(const std::string& key) const { return read_values(tensor(key)); }
  // As rows of its last dimension.
  Tensor rows(const std::string& key) const {
    const Tensor x = tensor(key);
    return x.reshape({x.elements() / x.dim(-1), x.dim(-1)});
  }

  // The number behind `word` in the note, or the default.
  double number(const std::string& word, double otherwise) const {
    std::smatch match;
    const std::string text = note();
    return std::regex_search(text, match, std::regex(word + "[ =]*([0-9.]+(e-?[0-9]+)?)")) ? std::stod(match[1]) : otherwise;
  }

  void expect(const std::string& key, const Values& actual) {
    // Where the truth is zero by cancellation, the case's other figures give the size of the terms.
    double largest = entry_.at("absmax").at(key).as_double();
    if (largest == 0)
      for (const auto& [unused, value] : entry_.at("absmax").as_object()) largest = std::max(largest, value.as_double());
    const double noise = entry_.at("maxabs_vs_float64").at(key).as_double();
    EXPECT_TRUE(testing::is_close(actual, values(key), {std::max(4 * noise, 2e-6 * largest), 0})) << name() << " " << key;
    checked_.insert(key);
  }
  void expect(const std::string& key, const Tensor& actual) { expect(key, read_values(actual)); }
  // By central differences of the float64 reference.
  void expect_slope(const std::string& key, const std::string& input, const std::function<Values(const Values&)>& f) {
    expect(key, ref::finite_difference(f, values(input), values("dy")));
  }

  // Figures of the case that nothing was compared with.
  std::vector<std::string> unchecked() const {
    std::vector<std::string> keys;
    for (const auto& [key, unused] : entry_.at("absmax").as_object())
      if (!checked_.contains(key)) keys.push_back(key);
    return keys;
  }

 private:
  const SafetensorsFile& file_;
  const Json& entry_;
  std::set<std::string> checked_;
};

Tensor float_zeros(const Shape& shape) { return Tensor::zeros(shape, kFloat); }

void run_rms_norm(Context& ctx, Case& c) {
  const Tensor x = c.tensor("x"), weight = c.note().rfind("no weight", 0) == 0 ? Tensor() : c.tensor("w");
  const auto eps = static_cast<float>(c.number("eps", -1));
  RmsNormSaved saved;
  c.expect("y", rms_norm(ctx, x, weight, eps, 1, &saved));
  c.expect("y", ref::rms_norm(read_values(x), weight ? read_values(weight) : Values(), x.dim(1), double{eps}, 1));
  const Tensor dx = float_zeros(x.shape()), dw = weight ? float_zeros(weight.shape()) : Tensor();
  rms_norm_backward(ctx, c.tensor("dy"), x, weight, 1, saved, dx, dw);
  c.expect("d_x", dx);
  if (weight) c.expect("d_w", dw);
}

void run_layer_norm(Context& ctx, Case& c) {
  const Tensor x = c.tensor("x"), w = c.tensor("w"), b = c.tensor("b");
  const auto eps = static_cast<float>(c.number("eps", -1));
  LayerNormSaved saved;
  c.expect("y", layer_norm(ctx, x, w, b, eps, &saved));
  c.expect("y", ref::layer_norm(read_values(x), read_values(w), read_values(b), x.dim(1), double{eps}));
  const Tensor dx = float_zeros(x.shape()), dw = float_zeros(w.shape()), db = float_zeros(b.shape());
  layer_norm_backward(ctx, c.tensor("dy"), x, w, saved, dx, dw, db);
  c.expect("d_x", dx);
  c.expect("d_w", dw);
  c.expect("d_b", db);
}

void run_activation(Context& ctx, Case& c, Activation kind, double (*truth)(double)) {
  const Tensor x = c.tensor("x"), dx = float_zeros(x.shape());
  c.expect("y", activation(ctx, x, kind));
  c.expect("y", ref::map(read_values(x), truth));
  activation_backward(ctx, c.tensor("dy"), x, kind, dx);
  c.expect("d_x", dx);
}

void run_swiglu(Context& ctx, Case& c) {
  const Tensor a = c.tensor("a"), b = c.tensor("b"), da = float_zeros(a.shape()), db = float_zeros(b.shape());
  c.expect("y", gated(ctx, a, b, Activation::kSilu));
  c.expect("y", ref::swiglu(read_values(a), read_values(b)));
  gated_backward(ctx, c.tensor("dy"), a, b, Activation::kSilu, da, db);
  c.expect("d_a", da);
  c.expect("d_b", db);
}

void run_softcap(Context& ctx, Case& c) {
  const Tensor logits = c.tensor("x").clone();
  softcap_inplace(ctx, logits, 15);
  c.expect("y", logits);
  // Its backward is part of the head's loss; here the reference's slope is checked.
  c.expect_slope("d_x", "x", [](const Values& x) { return ref::softcap(x, 15); });
}

void run_linear(Context& ctx, Case& c) {
  const Tensor x = c.rows("x"), w = c.tensor("w"), b = c.tensor("b");
  c.expect("y", linear(ctx, x, w, b));
  c.expect("y", ref::linear(read_values(x), read_values(w), read_values(b), x.dim(0), x.dim(1), w.dim(0)));
  const Tensor dx = float_zeros(x.shape()), dw = float_zeros(w.shape()), db = float_zeros(b.shape());
  linear_backward(ctx, c.rows("dy"), x, w, dx, dw, db);
  c.expect("d_x", dx);
  c.expect("d_w", dw);
  c.expect("d_b", db);
}

void run_embedding(Context& ctx, Case& c) {
  const Tensor ids = c.tensor("ids").reshape({c.tensor("ids").elements()}), w = c.tensor("w"), dw = float_zeros(w.shape());
  c.expect("y", embedding(ctx, w, ids));
  c.expect("y", ref::embedding(read_values(w), to_indices(read_values(ids)), w.dim(1)));
  embedding_backward(ctx, c.rows("dy"), ids, dw);
  c.expect("d_w", dw);
}

// The losses have no op that takes logits: a head whose weight is the identity gives them unchanged.
struct Logits {
  Tensor x, identity;
  HeadLossOptions options;
  explicit Logits(const Case& c) : x(c.rows("x")), identity(float_zeros({x.dim(1), x.dim(1)})) {
    for (int64_t i = 0; i < x.dim(1); ++i) identity.data<float>()[i * x.dim(1) + i] = 1;
    options.vocab_size = x.dim(1);
  }
};

void run_cross_entropy(Context& ctx, Case& c) {
  const Logits z(c);
  const int64_t rows = z.x.dim(0);
  const Tensor targets = c.tensor("t").reshape({rows}), nll = float_zeros({rows}), factor = float_zeros({rows}), dx = float_zeros(z.x.shape());
  double valid = 0;
  for (const int32_t target : targets.span<int32_t>()) valid += target >= 0;
  const bool each = c.is("cross_entropy_none");
  const double share = each || c.is("cross_entropy_sum") ? 1 : valid;
  const Values dy = c.values("dy");
  for (int64_t n = 0; n < rows; ++n) factor.data<float>()[n] = static_cast<float>(dy[each ? static_cast<size_t>(n) : 0] / share);

  head_loss_and_gradient(ctx, z.x, z.identity, targets, factor, z.options, nll, dx, Tensor());
  c.expect("d_x", dx);
  const Values losses = read_values(nll);
  const Values truth = ref::head_loss(read_values(z.x), read_values(z.identity), to_indices(read_values(targets)), z.x.dim(1), z.x.dim(1), 0);
  for (const Values& values : {losses, truth}) {
    double total = 0;
    for (const double value : values) total += value / share;
    c.expect("y", each ? values : Values{total});
  }
}

// Column j of the log-probabilities is the loss of target j with the other sign.
void run_softmax(Context& ctx, Case& c, bool logarithm) {
  const Logits z(c);
  const int64_t rows = z.x.dim(0), columns = z.x.dim(1);
  const auto at = [columns](int64_t n, int64_t j) { return static_cast<size_t>(n * columns + j); };
  const Values dy = c.values("dy");
  Values y(dy.size()), dx(dy.size(), 0.0);
  const Tensor nll = float_zeros({rows}), factor = float_zeros({rows}), part = float_zeros(z.x.shape());
  for (int64_t j = 0; j < columns; ++j) {
    const Tensor targets = make_indices(ref::Indices(static_cast<size_t>(rows), static_cast<int32_t>(j)));
    head_loss(ctx, z.x, z.identity, targets, z.options, nll);
    for (int64_t n = 0; n < rows; ++n) {
      const double log_probability = -double{nll.data<float>()[n]};
      y[at(n, j)] = logarithm ? log_probability : std::exp(log_probability);
      factor.data<float>()[n] = static_cast<float>(-dy[at(n, j)] * (logarithm ? 1 : y[at(n, j)]));
    }
    head_loss_and_gradient(ctx, z.x, z.identity, targets, factor, z.options, nll, part, Tensor());
    const Values share = read_values(part);
    for (size_t i = 0; i < dx.size(); ++i) dx[i] += share[i];
  }
  c.expect("y", y);
  const Values truth = ref::log_softmax(read_values(z.x), columns);
  c.expect("y", logarithm ? truth : ref::map(truth, [](double v) { return std::exp(v); }));
  c.expect("d_x", dx);
}

// (B, H, T, D) to rows (b, t) of (h, d), and back.
Tensor to_rows(const Tensor& x) {
  const int64_t b = x.dim(0), h = x.dim(1), t = x.dim(2), d = x.dim(3);
  const Tensor rows = float_zeros({b * t, h * d});
  for (int64_t i = 0; i < x.elements(); ++i)
    rows.data<float>()[((i / (h * t * d) * t + i / d % t) * h + i / (t * d) % h) * d + i % d] = x.data<float>()[i];
  return rows;
}
Values from_rows(const Values& rows, const Shape& shape) {
  const int64_t h = shape[1], t = shape[2], d = shape[3];
  Values x(rows.size());
  for (int64_t i = 0; i < shape.elements(); ++i)
    x[static_cast<size_t>(i)] = rows[static_cast<size_t>(((i / (h * t * d) * t + i / d % t) * h + i / (t * d) % h) * d + i % d)];
  return x;
}

void run_rope(Context& ctx, Case& c, int direction) {
  const Tensor whole = c.tensor("x"), x = to_rows(whole), cosine = c.tensor("cos"), sine = c.tensor("sin");
  ref::Indices times;
  for (int64_t n = 0; n < x.dim(0); ++n) times.push_back(static_cast<int32_t>(n % whole.dim(2)));
  const Tensor positions = make_indices(times);
  const int64_t heads = whole.dim(1), head_dim = whole.dim(3);
  c.expect("y", from_rows(read_values(rope(ctx, x, cosine, sine, positions, heads, direction, Tensor())), whole.shape()));
  const auto truth = [&](const Values& cosines, const Values& sines) {
    return from_rows(ref::rope(read_values(x), cosines, sines, times, heads, head_dim, direction), whole.shape());
  };
  const Values cosines = read_values(cosine), sines = read_values(sine);
  c.expect("y", truth(cosines, sines));
  const Tensor dx = rope(ctx, to_rows(c.tensor("dy")), cosine, sine, positions, heads, -direction, Tensor());
  c.expect("d_x", from_rows(read_values(dx), whole.shape()));
  // The tables do not learn: only the reference has these slopes.
  c.expect_slope("d_cos", "cos", [&](const Values& moved) { return truth(moved, sines); });
  c.expect_slope("d_sin", "sin", [&](const Values& moved) { return truth(cosines, moved); });
}

ref::AttentionSize attention_size(const Case& c) {
  const Shape q = c.tensor("q").shape(), k = c.tensor("k").shape();
  ref::AttentionSize size{q[0], q[2], k[2], q[1], k[1], q[3], -1, 0, c.number("capped", 0)};
  std::smatch match;
  const std::string text = c.name() + " " + c.note();
  if (std::regex_search(text, match, std::regex("window ?([0-9]+)"))) size.window = std::stoll(match[1]);
  const double usual = 1 / std::sqrt(static_cast<double>(size.head_dim));
  size.scale = text.find("scale 1/sqrt") != std::string::npos ? usual : c.number("scale", usual);
  return size;
}

// The queries are the last positions of the keys. Training attention has as many queries as keys, so the missing ones
// are put in front with a zero gradient.
void run_attention(Context& ctx, Case& c) {
  const ref::AttentionSize size = attention_size(c);
  const Tensor q = to_rows(c.tensor("q")), k = to_rows(c.tensor("k")), v = to_rows(c.tensor("v")), dy = to_rows(c.tensor("dy"));
  const Shape q_shape = c.tensor("q").shape(), k_shape = c.tensor("k").shape();
  c.expect("y", from_rows(ref::attention(read_values(q), read_values(k), read_values(v), size), q_shape));

  AttentionShape shape{size.batch, size.queries, size.heads, size.kv_heads, size.head_dim, size.window, static_cast<float>(size.scale)};
  shape.softcap = static_cast<float>(size.softcap);
  const int64_t q_width = size.heads * size.head_dim;
  const Tensor starts = make_indices(ref::Indices(static_cast<size_t>(size.batch), 0));
  const auto cache = [&](const Tensor& rows) {
    const Tensor held = float_zeros({size.batch, size.kv_heads, size.keys, size.head_dim});
    append_to_cache(ctx, rows, held, starts);
    return held;
  };
  const Tensor lengths = make_indices(ref::Indices(static_cast<size_t>(size.batch), static_cast<int32_t>(size.keys)));
  c.expect("y", from_rows(read_values(attention_cached(ctx, q, cache(k), cache(v), lengths, shape)), q_shape));

  const auto padded = [&](const Tensor& rows) {
    const Tensor all = float_zeros({size.batch * size.keys, q_width});
    for (int64_t b = 0; b < size.batch; ++b)
      all.rows((b + 1) * size.keys - size.queries, (b + 1) * size.keys).copy_from(rows.rows(b * size.queries, (b + 1) * size.queries));
    return all;
  };
  const auto cut = [&](const Tensor& all) {
    const Tensor rows = float_zeros(q.shape());
    for (int64_t b = 0; b < size.batch; ++b)
      rows.rows(b * size.queries, (b + 1) * size.queries).copy_from(all.rows((b + 1) * size.keys - size.queries, (b + 1) * size.keys));
    return from_rows(read_values(rows), q_shape);
  };
  shape.queries = size.keys;
  AttentionSaved saved;
  const Tensor all_q = padded(q), y = attention(ctx, all_q, k, v, shape, &saved);
  c.expect("y", cut(y));
  const Tensor dq = float_zeros(all_q.shape()), dk = float_zeros(k.shape()), dv = float_zeros(v.shape());
  attention_backward(ctx, padded(dy), all_q, k, v, y, shape, saved, dq, dk, dv);
  c.expect("d_q", cut(dq));
  c.expect("d_k", from_rows(read_values(dk), k_shape));
  c.expect("d_v", from_rows(read_values(dv), k_shape));
}

void run(Context& ctx, Case& c) {
  if (c.is("rms_norm")) return run_rms_norm(ctx, c);
  if (c.is("layer_norm")) return run_layer_norm(ctx, c);
  if (c.is("softcap")) return run_softcap(ctx, c);
  if (c.is("relu_squared")) return run_activation(ctx, c, Activation::kReluSquared, ref::relu_squared);
  if (c.is("gelu_tanh")) return run_activation(ctx, c, Activation::kGeluTanh, ref::gelu_tanh);
  if (c.is("gelu_erf")) return run_activation(ctx, c, Activation::kGelu, ref::gelu);
  if (c.is("silu_gate")) return run_swiglu(ctx, c);
  if (c.is("linear")) return run_linear(ctx, c);
  if (c.is("embedding")) return run_embedding(ctx, c);
  if (c.is("cross_entropy")) return run_cross_entropy(ctx, c);
  if (c.is("softmax")) return run_softmax(ctx, c, false);
  if (c.is("log_softmax")) return run_softmax(ctx, c, true);
  if (c.is("rope_half_split_llama")) return run_rope(ctx, c, -1);
  if (c.is("rope_half_split_reference")) return run_rope(ctx, c, 1);
  if (c.is("attention")) return run_attention(ctx, c);
  ADD_FAILURE() << "no op for the case " << c.name();
}

// C-3.5, C-3.12, C-3.22
TEST(OpsGolden, EveryCaseMatchesWithOneThreadAndWithTwo) {
  const auto folder = testing::golden("ops");
  LATHE_NEEDS(folder);
  const Json index = testing::read_json_or_fail(folder / "index.json");
  const SafetensorsFile file = testing::take(read_safetensors(folder / "ops.safetensors"));
  const auto& cases = index.at("cases").as_array();
  EXPECT_FALSE(cases.empty());
  const int before = num_threads();
  for (const int threads : {1, 2}) {
    set_num_threads(threads);
    for (const Json& entry : cases) {
      Context ctx;
      Case c(file, entry);
      run(ctx, c);
      EXPECT_EQ(c.unchecked(), std::vector<std::string>()) << c.name();
    }
  }
  set_num_threads(before);
}

}  // namespace
}  // namespace lathe::ops::test
