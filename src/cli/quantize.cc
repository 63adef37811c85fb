// lathe quantize: a GGUF file, a checkpoint or a foreign model to a GGUF file with fewer bits a value.
#include <algorithm>

#include "cli/export_gguf.h"
#include "cli/verbs.h"
#include "train/open_model.h"

namespace lathe::cli {
namespace {

class Quantize : public Verb {
 public:
  VerbInfo info() const override {
    return {"quantize", "move", "write a model as a GGUF file of another element type", "lathe quantize model.gguf small.gguf --type q4_k", "IN OUT", 2, 2};
  }
  void describe(SettingsTable& t) override {
    t.add("type", &type_, "of matrices; vectors stay f32, the head of 4-bit files has 6 bits").choices = encoded_block_names();
    t.add("force", &force_, "replace the file that stands at OUT");
  }
  Result<Exit> run(Context& context) override;

 private:
  std::string type_ = "q4_k";
  bool force_ = false;
};

// <base>/base_checkpoints/<tag>/step_<n>, or what open_model knows.
Result<train::LoadedModel> load(const fs::path& path) {
  std::error_code code;
  if (!fs::exists(path / "meta.json", code)) return train::open_model(path, DType::kFloat32);
  const fs::path folder = fs::absolute(path, code).lexically_normal(), step = folder.has_filename() ? folder : folder.parent_path();
  const fs::path run = step.parent_path(), root = run.parent_path(), base = root.parent_path();
  LATHE_TRY(const std::vector<int64_t> steps, train::checkpoint_steps(run));
  for (const std::string& source : train::model_sources()) {
    LATHE_TRY(const fs::path known, train::checkpoint_root(base, source));
    if (known != root) continue;
    for (const int64_t number : steps)
      if (train::checkpoint_folder(run, number) == step) return train::load_model(base, source, run.filename().string(), number, DType::kFloat32);
  }
  return error_at(path.string(), -1, "is no checkpoint in its place below a base folder (<base>/base_checkpoints/<tag>/step_<n>)");
}

Result<Exit> Quantize::run(Context& context) {
  const fs::path from = context.operands()[0], to = context.operands()[1];
  std::error_code code;
  if (fs::equivalent(from, to, code)) return error_at(to.string(), -1, "is what is read; name another file");
  if (fs::exists(to, code) && !force_) return error_at(to.string(), -1, "exists; --force replaces it");
  const BlockType type = find_block_code(std::string_view(type_))->type;
  std::vector<GgufWritten> written;
  if (from.extension() == ".gguf") {
    LATHE_TRY(written, convert_gguf(from, to, type));
  } else {
    LATHE_TRY(const train::LoadedModel loaded, load(from));
    for (const auto& adapter : loaded.adapters) LATHE_TRY_STATUS(adapter->merge());
    LATHE_TRY(written, export_gguf(loaded, to, type));
  }
  const Json figures = print_written(context, to, written);
  const BlockCode& block = block_code(type);
  if (std::none_of(written.begin(), written.end(), [&](const GgufWritten& one) { return one.type == type; }))
    context.print("no tensor became ", block.name, ": no row of a matrix is whole blocks of ", block.values, " values");
  return context.finish(figures);
}

}  // namespace

std::unique_ptr<Verb> make_quantize() { return std::make_unique<Quantize>(); }

}  // namespace lathe::cli
