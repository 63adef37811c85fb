#include "cli/model_path.h"

#include <charconv>

#include "cli/lab_model.h"
#include "train/open_model.h"

namespace lathe::cli {
namespace {

// The N of step_N; -1: it is no such name.
int64_t step_of(const std::string& name) {
  if (!name.starts_with("step_")) return -1;
  int64_t step = -1;
  const auto [end, code] = std::from_chars(name.data() + 5, name.data() + name.size(), step);
  return code == std::errc() && end == name.data() + name.size() && step >= 0 ? step : -1;
}

}  // namespace

Result<train::LoadedModel> load_model_at(const fs::path& path, const std::string& tokenizer_dir, DType dtype) {
  std::error_code code;
  fs::path run = fs::absolute(path, code).lexically_normal();
  if (!run.has_filename()) run = run.parent_path();
  if (!fs::exists(run, code)) return error_at(path.string(), -1, "does not exist");
  int64_t step = fs::exists(run / "meta.json", code) ? step_of(run.filename().string()) : -1;
  if (step >= 0) run = run.parent_path();
  const fs::path root = run.parent_path();
  for (const std::string& source : train::model_sources()) {
    LATHE_TRY(const fs::path expected, train::checkpoint_root(root.parent_path(), source));
    if (expected != root) continue;
    const auto steps = train::checkpoint_steps(run);
    if (steps.ok() && !steps.value().empty()) return train::load_model(root.parent_path(), source, run.filename().string(), step, dtype);
  }
  if (fs::exists(path / "meta.json", code)) {
    if (tokenizer_dir.empty()) return error_at("tokenizer_dir", -1, "is needed for ", path.string(), ": the folder of the tokenizer it was trained with");
    LATHE_TRY(const tokenizer::Tokenizer tokenizer, tokenizer::Tokenizer::load(tokenizer_dir));
    return load_lab_model(path.string(), "give the path of a checkpoint", tokenizer, tokenizer_dir, dtype, false);
  }
  return train::open_model(path, dtype);
}

}  // namespace lathe::cli
