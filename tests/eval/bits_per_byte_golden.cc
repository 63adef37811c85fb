// Bits per byte of the golden set eval against the reference: models, batches and byte lengths of other sets.
#include "eval/bits_per_byte.h"

#include "tests/ref/golden_model.h"
#include "tokenizer/tokenizer.h"

namespace lathe::testing {
namespace {

// The names that stand in the file are paths below the golden folder.
std::unique_ptr<model::Transformer> load(const std::string& name) {
  const std::filesystem::path weights = golden(name + ".safetensors");
  const std::filesystem::path config = name == "eval/model" ? golden("eval") / "model_config.json" : weights.parent_path() / "config.json";
  auto model = std::make_unique<model::Transformer>(chat_config_of(read_json_or_fail(config), model::ChatState::kSeed), DType::kFloat32);
  copy_weights(take(read_safetensors(weights)), *model);
  return model;
}

// "every 5th position of each row (0,5,10,...) set to -1"
int64_t ignored_stride(const std::string& targets) {
  const size_t at = targets.find("every ");
  return at == std::string::npos ? 0 : std::stoll(targets.substr(at + 6));
}

// C-7.1, C-7.2, C-7.3
TEST(BitsPerByteGolden, AgreesWithTheReference) {
  LATHE_NEEDS(golden("eval") / "bpb.json");
  const double tolerance = 2e-6;  // the set's README
  const Json cases = read_json_or_fail(golden("eval") / "bpb.json");
  const auto tokenizer = take(tokenizer::Tokenizer::load(golden("tok512") / "ranks.tiktoken"));
  const SafetensorsFile batches = take(read_safetensors(golden("loader") / "batches.safetensors"));
  ASSERT_GT(cases.size(), 0u);
  std::string loaded;
  std::unique_ptr<model::Transformer> model;
  ops::Context ctx;
  for (const Json& c : cases.as_array()) {
    SCOPED_TRACE(c.dump());
    if (const std::string& name = c.at("model").as_string(); name != loaded) {
      model = load(name);
      loaded = name;
    }
    const bool raw = c.at("bytes_per_token").as_string() == "token_bytes_raw";
    const std::vector<int32_t> bytes = tokenizer.token_byte_lengths(raw ? tokenizer::TokenBytes::kRaw : tokenizer::TokenBytes::kReference);
    const std::string run = c.at("batches").as_string().substr(c.at("batches").as_string().find('/') + 1);
    const Tensor x = *batches.find(run + ".x"), y = *batches.find(run + ".y");
    const int64_t stride = ignored_stride(c.at("targets").as_string()), columns = y.dim(2), size = y.dim(1) * columns;
    eval::ByteSums sums;
    for (int64_t step = 0; step < c.at("steps").as_int(); ++step) {
      const std::span<const int32_t> ids(x.data<int32_t>() + step * size, static_cast<size_t>(size));
      std::vector<int32_t> targets(y.data<int32_t>() + step * size, y.data<int32_t>() + (step + 1) * size);
      if (stride > 0)
        for (int64_t i = 0; i < size; ++i)
          if (i % columns % stride == 0) targets[static_cast<size_t>(i)] = -1;
      sums += eval::measure_batch(*model, ctx, ids, targets, y.dim(1), bytes);
    }
    EXPECT_EQ(sums.bytes, c.at("total_bytes").as_int());
    EXPECT_NEAR(sums.nats / c.at("total_nats").as_double(), 1, tolerance);
    EXPECT_NEAR(sums.bits_per_byte(), c.at("bpb_float64").as_double(), tolerance * c.at("bpb_float64").as_double());
  }
}

}  // namespace
}  // namespace lathe::testing
