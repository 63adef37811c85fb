// lathe import: a model of another program becomes a checkpoint of this one, with its tokenizer beside it.
#include <algorithm>

#include "cli/training.h"
#include "cli/verbs.h"
#include "core/clock.h"
#include "core/folder_lock.h"
#include "core/log.h"
#include "core/manifest.h"
#include "core/sha256.h"
#include "tensor/safetensors.h"
#include "tokenizer/tokenizer_file.h"
#include "train/load_model.h"
#include "train/open_model.h"

namespace lathe::cli {
namespace {

constexpr const char *kKind = "import", *kTokenizerFolder = "tokenizer";

class Import : public Verb {
 public:
  VerbInfo info() const override {
    return {"import", "move", "make a checkpoint of another program's model", "lathe import SmolLM2-135M --tag smollm2", "SRC", 1, 1};
  }
  void describe(SettingsTable& t) override {
    t.add("as", &as_, "base, or sft: a model that already answers").choices = {"base", "sft"};
    t.add("force", &force_, "replace an earlier import under the tag");
  }
  Result<Exit> run(Context& context) override;

 private:
  Result<Exit> report(Context& context, const fs::path& run, const Manifest& manifest, bool done) const;

  std::string as_ = "base";
  bool force_ = false;
};

std::string tag_from(const std::string& name) {
  std::string tag;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    tag += plain && !(tag.empty() && c == '.') ? c : '_';
  }
  return tag;
}

// Everything in SRC that decides what is made: the weights, and the small files beside them.
Result<std::vector<FileRecord>> input_records(const fs::path& source, const std::vector<fs::path>& weights) {
  std::vector<fs::path> files = weights;
  for (const char* name : {"config.json", "model.safetensors.index.json", "tokenizer.json", "tokenizer.model", "spm.model", "vocab.json",
                           "merges.txt", "encoder.json", "vocab.bpe", "tokenizer.pkl", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"}) {
    std::error_code code;
    if (fs::is_directory(source, code) && fs::exists(source / name, code)) files.push_back(source / name);
  }
  std::vector<FileRecord> records;
  for (const fs::path& file : files) {
    std::error_code code;
    LATHE_TRY(FileRecord record, record_file(file, fs::absolute(file, code).lexically_normal().string()));
    records.push_back(std::move(record));
  }
  return records;
}

// What opening the model has found out about its chat template.
void tell_template(Context& context, const Json& settings) {
  const std::string name = settings.get_string("chat_template", ""), foreign = settings.get_string("foreign_chat_template", "");
  if (!name.empty()) context.print("chat template: ", name);
  if (!foreign.empty())
    context.print("chat template: ", foreign == "unknown" ? "not one this program knows" : foreign + ", which this program does not write for this model",
                  "; it was not executed, and the model is used as one that continues text");
}

Status check_written(const fs::path& run, const model::Transformer& model, const std::string& tokenizer_hash) {
  const auto hash_of = [](const Tensor& x) { return sha256_hex({static_cast<const char*>(x.raw()), static_cast<size_t>(x.bytes())}); };
  const fs::path file = train::checkpoint_folder(run, 0) / train::kModelFile;
  LATHE_TRY(const SafetensorsFile written, read_safetensors(file));
  for (const autograd::Parameter* p : model.parameters()) {
    const Tensor* tensor = written.find(p->name);
    if (tensor == nullptr || hash_of(*tensor) != hash_of(p->value))
      return error_at(file.string(), -1, "tensor \"", p->name, "\" did not reach the disk as it was");
  }
  LATHE_TRY(const auto tokenizer, tokenizer::Tokenizer::load(run / kTokenizerFolder));
  if (tokenizer.hash() != tokenizer_hash)
    return error_at((run / kTokenizerFolder).string(), -1, "the tokenizer did not reach the disk as it was");
  return {};
}

Result<Exit> Import::run(Context& context) {
  const double begin = Clock::real().seconds();
  const fs::path source = context.operands()[0];
  LATHE_TRY(const fs::path base, context.base_folder());
  LATHE_TRY(const fs::path root, train::checkpoint_root(base, as_));
  LATHE_TRY(train::LoadedModel loaded, train::open_model(source, DType::kFloat32));
  const std::string tag = context.common().tag.empty() ? tag_from(loaded.tag) : context.common().tag;
  if (tag != tag_from(tag)) return error_at("tag", -1, "\"", tag, "\" must be letters, digits, '-', '_' and '.', not beginning with '.'");
  const fs::path run = root / tag;
  Manifest manifest;
  manifest.kind = kKind;
  manifest.started = Clock::real().local_time();
  manifest.settings = context.settings();
  manifest.tokenizer_sha256 = loaded.tokenizer.hash();
  LATHE_TRY(manifest.inputs, input_records(source, loaded.files));
  Json content = Json::object();
  for (const FileRecord& file : manifest.inputs) content[fs::path(file.path).filename().string()] = file.sha256;
  content["as"] = as_;
  manifest.config_sha256 = config_hash(content);

  LATHE_TRY(const FolderLock lock, lock_run(run));
  LATHE_TRY(const std::vector<int64_t> steps, train::checkpoint_steps(run));
  if (!steps.empty()) {
    const Result<train::CheckpointMeta> first = train::read_meta(run, 0);
    if (steps != std::vector<int64_t>{0} || !first.ok() || !first.value().user_config.contains("imported_from"))
      return error_at(run.string(), -1, "holds checkpoints that were trained here; import under another --tag");
    const Result<Manifest> earlier = read_manifest(run, kKind, "");  // absent: an import that was cut short
    if (!force_ && earlier.ok() && earlier.value().config_sha256 == manifest.config_sha256 && verify_outputs(run, earlier.value(), "").ok())
      return report(context, run, earlier.value(), true);
    if (!force_ && earlier.ok())
      return error_at(run.string(), -1, "holds another import (or a damaged one); choose another --tag, or replace it with --force");
  }
  const train::ModelWeights weights(*loaded.model);
  LATHE_TRY_STATUS(train::require_free_space(run, train::checkpoint_bytes(weights, nullptr)));

  train::CheckpointMeta meta = loaded.meta;
  meta.stage = as_;
  meta.step = 0;
  meta.inputs = manifest.inputs;
  std::error_code code;
  if (!meta.user_config.is_object()) meta.user_config = Json::object();
  meta.user_config["tokenizer"] = fs::relative(run / kTokenizerFolder, base, code).string();
  meta.user_config["imported_from"] = fs::absolute(source, code).lexically_normal().string();
  tell_template(context, meta.user_config);
  LATHE_TRY_STATUS(loaded.tokenizer.save(run / kTokenizerFolder));
  LATHE_TRY_STATUS(train::save_checkpoint(run, meta, weights, nullptr));
  LATHE_TRY_STATUS(check_written(run, *loaded.model, loaded.tokenizer.hash()));
  const fs::path step = train::checkpoint_folder(run, 0);
  for (const fs::path& file : {step / train::kModelFile, step / "meta.json", run / kTokenizerFolder / tokenizer::kTokenizerFile}) {
    LATHE_TRY(FileRecord record, record_file(file, fs::relative(file, run, code).string()));
    manifest.outputs.push_back(std::move(record));
  }
  const model::ParameterCounts counts = loaded.model->counts();
  manifest.counts["parameters"] = counts.total;
  manifest.counts["tokens"] = loaded.tokenizer.vocab_size();
  manifest.ended = Clock::real().local_time();
  manifest.seconds = Clock::real().seconds() - begin;
  LATHE_TRY_STATUS(write_manifest(run, manifest));
  return report(context, run, manifest, false);
}

Result<Exit> Import::report(Context& context, const fs::path& run, const Manifest& manifest, bool done) const {
  const std::string tag = run.filename().string(), checkpoint = train::checkpoint_folder(run, 0).string();
  const int64_t parameters = manifest.counts.get_int("parameters", 0), tokens = manifest.counts.get_int("tokens", 0);
  context.print(done ? "already imported: " : "imported ", with_thousands(parameters), " parameters and ", with_thousands(tokens), " tokens ",
                done ? "in " : "into ", checkpoint);
  context.print("use it with: lathe generate --source ", as_, " --tag ", tag);
  Json figures = Json::object();
  figures["checkpoint"] = checkpoint;
  figures["tag"] = tag;
  figures["source"] = as_;
  figures["parameters"] = parameters;
  figures["tokens"] = tokens;
  figures["already_done"] = done;
  figures["sha256"] = manifest.outputs.empty() ? std::string() : manifest.outputs.front().sha256;
  return context.finish(figures);
}

}  // namespace

std::unique_ptr<Verb> make_import() { return std::make_unique<Import>(); }

}  // namespace lathe::cli
