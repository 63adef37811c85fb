// lathe bench infer: reading prompts and decoding beside the machine's own limits.
#include "bench/infer_bench.h"
#include "bench/machine_limits.h"
#include "cli/verbs.h"
#include "model/hugging_face.h"

namespace lathe::cli {
namespace {

class BenchInfer : public Verb {
 public:
  VerbInfo info() const override {
    return {"bench infer", "measure", "reading prompts and decoding", "lathe bench infer --preset llama-124m --streams 1,2,4,8,16,32 --json", "", 0};
  }
  void describe(SettingsTable& table) override {
    table.add("preset", &preset_, "llama-124m, chat-d6, or a folder of model.safetensors and config.json");
    table.add("weights", &options_.weights, "as read by the products").choices = {"fp32", "bf16", "int8", "int4"};
    table.add("kv", &options_.kv, "keys and values in pages: as activations, or as codes").choices = {"full", "int8"};
    table.add("streams", &options_.streams, "sequences decoded together; several numbers make a table");
    table.add("prompt", &options_.prompt, "tokens of each prompt");
    table.add("new", &options_.new_tokens, "tokens decoded in each stream");
  }
  Result<Exit> run(Context& context) override {
    const DType dtype = options_.weights == "fp32" ? DType::kFloat32 : DType::kBFloat16;
    std::unique_ptr<model::Transformer> model;
    if (fs::is_directory(preset_)) {
      LATHE_TRY(model, model::load_hugging_face(preset_, dtype));
    } else {
      LATHE_TRY(const model::ModelConfig config, bench::find_infer_preset(preset_));
      model = std::make_unique<model::Transformer>(config, dtype);
      model->initialise(42);
    }
    LATHE_TRY(Json figures, bench::bench_infer(*model, options_, bench::measure_limits(dtype)));
    figures["preset"] = preset_;
    context.print(preset_, ": ", bench::infer_card(figures));
    context.print(bench::infer_table(figures));
    return context.finish(figures);
  }

 private:
  std::string preset_ = "llama-124m";
  bench::InferBenchOptions options_;
};

}  // namespace

std::unique_ptr<Verb> make_bench_infer() { return std::make_unique<BenchInfer>(); }

}  // namespace lathe::cli
