// lathe merge: adapters become part of the weights (rows L-7.26, L-8.9).
#include <algorithm>
#include <cmath>

#include "cli/training.h"
#include "cli/verbs.h"
#include "core/folder_lock.h"
#include "core/log.h"
#include "core/rng.h"
#include "core/sha256.h"
#include "tensor/safetensors.h"
#include "train/adapter_weights.h"
#include "train/load_model.h"

namespace lathe::cli {
namespace {

class Merge : public Verb {
 public:
  VerbInfo info() const override {
    return {"merge", "move", "write a full model from a base and its adapters", "lathe merge --source sft --tag d6 --out-tag d6_merged", "", 0};
  }
  void describe(SettingsTable& t) override {
    add_checkpoint_flags(t, &source_, &step_);
    t.add("adapter", &adapters_, "adapter folders put on the checkpoint before, in this order");
    t.add("out_tag", &out_tag_, "of the new checkpoint; empty: the tag with _merged");
    t.add("tolerance", &tolerance_, "largest difference of logits between the adapters beside the weights and in them");
  }
  Result<Exit> run(Context& context) override;

 private:
  std::string source_ = "sft", out_tag_;
  int64_t step_ = -1;
  std::vector<std::string> adapters_;
  double tolerance_ = 1e-3;
};

// Of random tokens: enough to see a wrong sum anywhere.
std::vector<float> sample_logits(model::Transformer& model, uint64_t seed) {
  const int64_t n = std::min<int64_t>(model.config().sequence_len, 64);
  const Tensor ids = Tensor::empty({n}, DType::kInt32);
  Rng rng(seed, "merge/tokens");
  for (int32_t& id : ids.span<int32_t>()) id = static_cast<int32_t>(rng.below(static_cast<uint64_t>(model.config().vocab_size)));
  ops::Context ctx;
  autograd::Tape tape(ctx, false);
  model::Batch batch;
  batch.ids = ids;
  const Tensor z = model.logits(ctx, model.forward(tape, batch).value);
  return {z.span<float>().begin(), z.span<float>().end()};
}

std::string hash_of(const Tensor& x) { return sha256_hex({static_cast<const char*>(x.raw()), static_cast<size_t>(x.bytes())}); }

Result<Exit> Merge::run(Context& context) {
  if (!(tolerance_ > 0)) return error_at("tolerance", -1, "must be above 0");
  LATHE_TRY(const fs::path base, context.base_folder());
  // Sums in float32, beside the weights first: the reference of the merged ones.
  LATHE_TRY(train::LoadedModel loaded, train::load_model(base, source_, context.common().tag, step_, DType::kFloat32));
  for (const std::string& folder : adapters_) {
    LATHE_TRY(std::unique_ptr<model::Adapter> adapter, model::load_adapter(*loaded.model, folder, false));
    loaded.adapters.push_back(std::move(adapter));
  }
  if (loaded.adapters.empty()) return error_at(loaded.run.string(), -1, "has no adapter to merge; name one with --adapter");
  const std::string out_tag = out_tag_.empty() ? loaded.tag + "_merged" : out_tag_;
  if (out_tag == loaded.tag) return error_at("out_tag", -1, "\"", out_tag, "\" is the tag that is read");
  const uint64_t seed = static_cast<uint64_t>(context.common().seed);
  const std::vector<float> beside = sample_logits(*loaded.model, seed);
  for (const auto& adapter : loaded.adapters) LATHE_TRY_STATUS(adapter->merge());
  const std::vector<float> merged = sample_logits(*loaded.model, seed);
  double difference = 0;
  for (size_t i = 0; i < beside.size(); ++i) difference = std::max(difference, std::abs(double{beside[i]} - double{merged[i]}));
  if (!(difference <= tolerance_))
    return error_at("tolerance", -1, "merged and unmerged logits differ by ", difference, ", more than ", tolerance_, "; nothing was written");

  const fs::path run = loaded.run.parent_path() / out_tag;
  LATHE_TRY(const FolderLock lock, lock_run(run));
  const train::ModelWeights weights(*loaded.model);
  LATHE_TRY_STATUS(train::require_free_space(run, train::checkpoint_bytes(weights, nullptr)));
  train::CheckpointMeta meta = loaded.meta;
  meta.optimizer = Json::object();
  meta.user_config["merged_from"] = train::checkpoint_folder(loaded.run, meta.step).string();
  LATHE_TRY_STATUS(train::save_checkpoint(run, meta, weights, nullptr));

  // What was written is what was checked.
  const fs::path file = train::checkpoint_folder(run, meta.step) / train::kModelFile;
  LATHE_TRY(const SafetensorsFile written, read_safetensors(file));
  for (const autograd::Parameter* p : loaded.model->parameters()) {
    const Tensor* tensor = written.find(p->name);
    if (tensor == nullptr || hash_of(*tensor) != hash_of(p->value)) return error_at(file.string(), -1, "tensor \"", p->name, "\" did not reach the disk as it was");
  }
  LATHE_TRY(const std::string hash, sha256_file(file));
  context.print("merged ", loaded.adapters.size(), loaded.adapters.size() == 1 ? " adapter" : " adapters", " into ", file.string());
  context.print("logits differ by at most ", format_text("%.2g", difference), " from those of the adapters beside the weights; SHA-256 ", hash);
  Json figures = Json::object();
  figures["checkpoint"] = file.parent_path().string();
  figures["sha256"] = hash;
  figures["largest_difference"] = difference;
  return context.finish(figures);
}

}  // namespace

std::unique_ptr<Verb> make_merge() { return std::make_unique<Merge>(); }

}  // namespace lathe::cli
