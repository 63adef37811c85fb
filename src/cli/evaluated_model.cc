#include "cli/evaluated_model.h"

#include "cli/training.h"
#include "core/sha256.h"
#include "train/open_model.h"

namespace lathe::cli {

Setting& EvaluatedModel::describe(SettingsTable& table) {
  table.add("hf_path", &hf_path, "foreign model files instead of a checkpoint");
  return add_checkpoint_flags(table, &source, &step);
}

Result<train::LoadedModel> EvaluatedModel::load(const Context& context) const {
  if (foreign()) return train::open_model(hf_path, resolved_dtype(context));
  LATHE_TRY(const fs::path base, context.base_folder());
  return train::load_model(base, source, context.common().tag, step, resolved_dtype(context));
}

Result<Json> EvaluatedModel::about(const Context& context, const train::LoadedModel& loaded) const {
  Json about = Json::object();
  about["source"] = result_source();
  about["tag"] = loaded.tag;
  about["step"] = loaded.meta.step;
  about["dtype"] = resolved_dtype(context) == DType::kBFloat16 ? "bf16" : "fp32";
  Json hashes = Json::array();
  for (const fs::path& file : loaded.files) {
    LATHE_TRY(std::string hash, sha256_file(file));
    hashes.push_back(std::move(hash));
  }
  about["weights_sha256"] = std::move(hashes);
  about["tokenizer_sha256"] = loaded.tokenizer.hash();
  return about;
}

fs::path EvaluatedModel::results_folder(const fs::path& base, const train::LoadedModel& loaded) const {
  return base / "eval_results" / loaded.tag / result_source();
}

}  // namespace lathe::cli
