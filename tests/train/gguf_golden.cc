// GGUF files of a LLaMA made by the gguf package: tensor list, encodings, logits and greedy text. Golden set gguf.
#include "core/sha256.h"
#include "tensor/safetensors.h"
#include "tests/ref/greedy.h"
#include "train/open_gguf.h"
#include "train/open_model.h"

namespace lathe::testing {
namespace {

std::vector<fs::path> files_of_set() {
  std::vector<fs::path> out;
  if (!fs::exists(golden("gguf") / "expected.json")) return out;
  const Json expected = read_json_or_fail(golden("gguf") / "expected.json");
  for (const auto& [name, entry] : expected.at("files").as_object())
    if (fs::exists(golden("gguf") / name)) out.push_back(golden("gguf") / name);
  return out;
}

Json expected_of(const fs::path& file) { return read_json_or_fail(file.parent_path() / "expected.json").at("files").at(file.filename().string()); }

TEST(GgufGolden, TensorListIsTheFiles) {
  const auto files = files_of_set();
  if (files.empty()) GTEST_SKIP() << "no golden set gguf";
  for (const fs::path& path : files) {
    SCOPED_TRACE(path.filename());
    const GgufFile file = take(read_gguf(path));
    const Json expected = expected_of(path);
    ASSERT_EQ(file.tensors.size(), expected.at("tensors").size());
    size_t i = 0;
    for (const auto& [name, entry] : expected.at("tensors").as_object()) {
      const GgufTensor& tensor = file.tensors[i++];
      EXPECT_EQ(tensor.name, name);
      EXPECT_EQ(find_block_code(entry.at("type").as_string()), &block_code(tensor.type));
      std::vector<int64_t> extents;
      for (const Json& extent : entry.at("shape_ne").as_array()) extents.push_back(extent.as_int());
      EXPECT_EQ(tensor.extents, extents);
    }
    // Metadata of every kind.
    EXPECT_EQ(file.find("golden.u8")->integer(), 200);
    EXPECT_EQ(file.find("golden.i8")->integer(), -5);
    EXPECT_EQ(file.find("golden.u16")->integer(), 60000);
    EXPECT_EQ(file.find("golden.i16")->integer(), -30000);
    EXPECT_EQ(file.find("golden.i64")->integer(), -4611686018427387904);
    EXPECT_FALSE(file.find("golden.u64")->integer().has_value());
    EXPECT_EQ(file.find("golden.f64")->number(), 0.1);
    EXPECT_EQ(file.find("golden.f32")->number(), double{0.1f});
    EXPECT_EQ(file.find("golden.bool")->boolean(), true);
    EXPECT_EQ(file.find("golden.utf8")->text(), "\u00e9\u4e2d\U0001f600");
    EXPECT_EQ(file.find("golden.ints")->integers(), (std::vector<int64_t>{1, -2, 3}));
    EXPECT_EQ(file.find("golden.strs")->texts(), (std::vector<std::string_view>{"a", "", "\u4e2d"}));
    EXPECT_EQ(file.find("golden.floats")->numbers(), (std::vector<double>{0.5, -1.25}));
    EXPECT_EQ(file.find("golden.bools")->element_kind(), GgufKind::kBool);
  }
}

TEST(GgufGolden, TokenizerGivesTheSameIdsAsItsSentencePieceModel) {
  const auto files = files_of_set();
  if (files.empty()) GTEST_SKIP() << "no golden set gguf";
  const Json expected = read_json_or_fail(golden("gguf") / "expected.json");
  for (const fs::path& path : files) {
    const GgufFile file = take(read_gguf(path));
    const auto tokenizer = take(tokenizer::tokenizer_from_gguf(take(train::read_gguf_vocabulary(file, path.string())), path.string()));
    for (const Json& example : expected.at("tokenizer_examples").as_array()) {
      const std::string text = example.at("text").as_string();
      const std::vector<int32_t> ids = tokens_of(example.at("ids"));
      EXPECT_EQ(tokenizer.encode(text), ids) << text;
      EXPECT_EQ(tokenizer.encode(text, {.prepend = tokenizer::TokenRef("<s>")}), tokens_of(example.at("ids_with_bos")));
      EXPECT_EQ(tokenizer.decode(ids), example.at("decoded").as_string());
    }
  }
}

TEST(GgufGolden, LogitsAndGreedyText) {
  const auto files = files_of_set();
  if (files.empty()) GTEST_SKIP() << "no golden set gguf";
  const SafetensorsFile logits = take(read_safetensors(golden("gguf") / "logits.safetensors"));
  const Json tolerance = read_json_or_fail(golden("gguf") / "expected.json").at("tolerance");
  for (const fs::path& path : files) {
    SCOPED_TRACE(path.filename());
    const train::LoadedModel loaded = take(train::open_model(path, DType::kFloat32));
    const Tensor& ids = *logits.find("input_ids");
    ops::Context ctx;
    autograd::Tape tape(ctx, false);
    model::Batch batch;
    batch.ids = ids.clone().reshape({ids.elements()});
    batch.batch = ids.dim(0);
    const Tensor actual = loaded.model->logits(ctx, loaded.model->forward(tape, batch).value);
    const Tensor* expected = logits.find(path.stem().string() + ".logits");
    ASSERT_NE(expected, nullptr);
    EXPECT_TRUE(is_close(std::span<const float>(actual.span<float>()), expected->span<float>(), {tolerance.at("logits_abs").as_double(), 0}));
    const Json file = expected_of(path);
    for (const Json& text : file.at("greedy").as_array()) {
      if (text.at("min_top1_top2_margin").as_double() > 1e-3)
        expect_greedy(*loaded.model, text.at("prompt"), text.at("tokens"), text.at("logprobs"), 1e-4);
    }
  }
}

}  // namespace
}  // namespace lathe::testing
