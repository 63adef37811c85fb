// lathe export: a checkpoint in a form that other programs read; adapters become part of the weights.
#include "cli/export_gguf.h"
#include "cli/export_hf.h"
#include "cli/lab_model.h"
#include "cli/training.h"
#include "cli/verbs.h"
#include "core/clock.h"
#include "core/output_folder.h"
#include "train/load_model.h"

namespace lathe::cli {
namespace {

class Export : public Verb {
 public:
  VerbInfo info() const override {
    return {"export", "move", "write a model for other programs", "lathe export d6_hf --to hf --source sft --tag d6", "OUT", 1, 1};
  }
  void describe(SettingsTable& t) override {
    add_checkpoint_flags(t, &source_, &step_);
    t.add("to", &to_, "form: a folder for Hugging Face's library, or a GGUF file for llama.cpp").choices = {"hf", "gguf"};
    t.add("type", &type_, "of the weights; hf: bf16, fp32 or fp16").choices = {"bf16", "fp32", "fp16", "f32", "f16", "q8_0", "q4_0", "q4_k", "q6_k"};
    t.add("model_path", &model_path_, "a lab checkpoint's folder, instead of a tag");
    t.add("tokenizer_dir", &tokenizer_dir_, "of that model");
    t.add("force", &force_, "replace what stands at OUT");
  }
  Result<Exit> run(Context& context) override;

 private:
  Result<Exit> to_folder(Context& context, const train::LoadedModel& loaded);
  Result<Exit> to_file(Context& context, const train::LoadedModel& loaded);

  Result<train::LoadedModel> load(Context& context) const;
  std::string source_ = "base", model_path_, tokenizer_dir_, to_ = "hf", type_ = "bf16";
  int64_t step_ = -1;
  bool force_ = false;
};

Result<train::LoadedModel> Export::load(Context& context) const {
  if (model_path_.empty()) {
    LATHE_TRY(const fs::path base, context.base_folder());
    return train::load_model(base, source_, context.common().tag, step_, DType::kFloat32);
  }
  if (tokenizer_dir_.empty()) return error_at("tokenizer_dir", -1, "is needed with --model-path");
  LATHE_TRY(const tokenizer::Tokenizer tokenizer, tokenizer::Tokenizer::load(tokenizer_dir_));
  return load_lab_model(model_path_, "train one with: lathe 40_pretrain", tokenizer, tokenizer_dir_, DType::kFloat32, true);
}

Result<Exit> Export::run(Context& context) {
  if (to_ == "hf" && type_.starts_with("q")) return error_at("type", -1, "\"", type_, "\" is a type of GGUF files; hf has bf16, fp32 and fp16");
  LATHE_TRY(const train::LoadedModel loaded, load(context));
  for (const auto& adapter : loaded.adapters) LATHE_TRY_STATUS(adapter->merge());
  return to_ == "gguf" ? to_file(context, loaded) : to_folder(context, loaded);
}

Result<Exit> Export::to_file(Context& context, const train::LoadedModel& loaded) {
  const fs::path out = context.operands()[0];
  std::error_code code;
  if (fs::exists(out, code) && !force_) return error_at(out.string(), -1, "exists; --force replaces it");
  const std::string name = type_ == "fp32" ? "f32" : type_ == "fp16" ? "f16" : type_;
  LATHE_TRY(const auto written, export_gguf(loaded, out, find_block_code(std::string_view(name))->type));
  return context.finish(print_written(context, out, written));
}

Result<Exit> Export::to_folder(Context& context, const train::LoadedModel& loaded) {
  const double begin = Clock::real().seconds();
  LATHE_TRY(const DType dtype, parse_dtype(type_ == "f32" ? "fp32" : type_ == "f16" ? "fp16" : type_));
  Manifest manifest;
  manifest.kind = "export";
  manifest.settings = context.settings();
  manifest.started = Clock::real().local_time();
  manifest.tokenizer_sha256 = loaded.tokenizer.hash();
  Json content(Json::Object{{"to", to_}, {"type", type_}, {"tokenizer", loaded.tokenizer.hash()}});
  for (const fs::path& file : loaded.files) {
    LATHE_TRY(FileRecord record, record_file(file));
    content[join_text("weights", manifest.inputs.size())] = record.sha256;
    manifest.inputs.push_back(std::move(record));
  }
  manifest.config_sha256 = config_hash(content);
  const fs::path out = context.operands()[0];
  LATHE_TRY(OutputFolder folder, OutputFolder::open(out, manifest.config_sha256, force_));
  Json figures = Json::object();
  figures["folder"] = folder.path().string();
  figures["already_done"] = folder.done();
  if (folder.done()) {
    context.print("already exported: ", folder.path().string());
    return context.finish(figures);
  }
  LATHE_TRY_STATUS(export_hugging_face(loaded, folder.work(), dtype, manifest));
  manifest.ended = Clock::real().local_time();
  manifest.seconds = Clock::real().seconds() - begin;
  LATHE_TRY_STATUS(write_manifest(folder.work(), manifest));
  LATHE_TRY_STATUS(folder.commit());
  int64_t bytes = 0;
  for (const FileRecord& file : manifest.outputs) bytes += file.bytes;
  context.print("wrote ", folder.path().string(), ": ", manifest.outputs.size(), " files, ", with_thousands(bytes), " bytes");
  context.print("load it with: AutoModelForCausalLM.from_pretrained(\"", folder.path().string(), "\")");
  figures["bytes"] = bytes;
  return context.finish(figures);
}

}  // namespace

std::unique_ptr<Verb> make_export() { return std::make_unique<Export>(); }

}  // namespace lathe::cli
