// Golden models in Hugging Face's folder form: the set gpt_llama.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "model/hugging_face.h"
#include "tests/ref/golden_model.h"

namespace lathe::testing {

inline std::vector<std::filesystem::path> known_hugging_face_models() { return variants("gpt_llama"); }

struct HuggingFaceRun {
  std::unique_ptr<model::Transformer> model;
  SafetensorsFile io;
  Json expected, tolerance;
  double final_norm_spread = 0;  // relative, between the reference in float32 and in float64

  static HuggingFaceRun load(const std::filesystem::path& folder) {
    const Json all = read_json_or_fail(golden("gpt_llama") / "tolerance.json");
    const Json& entry = all.at("models").at(folder.filename().string());
    return {take(model::load_hugging_face(folder, DType::kFloat32, true)),
            take(read_safetensors(folder / "io.safetensors")), read_json_or_fail(folder / "expected.json"),
            entry.at("suggested"), entry.get_double("final_param_norm_rel", 0)};
  }

  int64_t batches() const { return io.find("input_ids")->dim(0); }
  int64_t batch_rows() const { return io.find("input_ids")->dim(1); }
  Tensor ids(int64_t i) const { return flat("input_ids", i); }
  // Labels are shifted inside the reference's model: position t predicts label t + 1.
  Tensor targets(int64_t i) const {
    const Tensor labels = flat("labels", i), out = Tensor::empty(labels.shape(), DType::kInt32);
    const int64_t n = labels.elements(), t = n / batch_rows();
    for (int64_t k = 0; k < n; ++k) out.data<int32_t>()[k] = (k + 1) % t != 0 ? labels.data<int32_t>()[k + 1] : -100;
    return out;
  }

  // Mean loss of batch i over its valid targets; adds its gradients. `logits` receives the batch's logits when given.
  double forward_backward(ops::Context& ctx, int64_t i, std::vector<float>* logits = nullptr) const {
    autograd::Tape tape(ctx, true);
    model::Batch batch;
    batch.ids = ids(i);
    batch.batch = batch_rows();
    const autograd::Var hidden = model->forward(tape, batch);
    if (logits) {
      const Tensor z = model->logits(ctx, hidden.value);
      logits->assign(z.span<float>().begin(), z.span<float>().end());
    }
    const Tensor y = targets(i), factor = Tensor::empty(y.shape(), DType::kFloat32);
    double valid = 0, sum = 0;
    for (const int32_t target : y.span<int32_t>()) valid += target >= 0;
    for (float& f : factor.span<float>()) f = static_cast<float>(1 / valid);
    const Tensor nll = model->loss(tape, hidden, y, factor);
    for (const float x : nll.span<float>()) sum += double{x};
    tape.backward();
    return sum / valid;
  }

  // Norms under the reference's names. GPT-2's fused projection is ours in three pieces: its norm is theirs together.
  std::map<std::string, double> norms(bool gradients) const {
    std::map<std::string, double> out;
    for (const autograd::Parameter* p : model->parameters()) {
      std::string name = p->name;
      if (const size_t at = name.find(".attn.c_");
          at != std::string::npos && std::string("qkv").find(name[at + 8]) != std::string::npos)
        name = name.substr(0, at) + ".attn.c_attn" + name.substr(name.rfind('.'));
      const double norm = norm_of(gradients ? p->grad : p->value);
      out[name] = std::hypot(out[name], norm);
    }
    return out;
  }

 private:
  Tensor flat(const char* name, int64_t i) const {
    const Tensor all = *io.find(name);
    return all.rows(i, i + 1).reshape({all.dim(1) * all.dim(2)});
  }
};

// body(run) for every known model, with 1 and 2 threads; a skipped test where there is none.
template <class Body>
void for_each_hugging_face_run(Body&& body) {
  const auto models = known_hugging_face_models();
  if (models.empty()) GTEST_SKIP() << "no golden set gpt_llama";
  for (const auto& folder : models)
    for (const int threads : {1, 2}) {
      SCOPED_TRACE(folder.string());
      set_num_threads(threads);
      body(HuggingFaceRun::load(folder));
    }
}

}  // namespace lathe::testing
