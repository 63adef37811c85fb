// SentencePiece models against the library's own Python package: tokenizer/sentencepiece of the golden data. Exact.
#include "core/text.h"
#include "tests/ref/testing.h"
#include "tokenizer/spm_model.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {
namespace {

using testing::golden;
using testing::read_json_or_fail;
using testing::read_jsonl;
using testing::real_data;
using testing::take;

struct Case {
  std::string name;
  fs::path vectors, model;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  const fs::path folder = golden("tokenizer") / "sentencepiece";
  if (!fs::exists(folder)) return all;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".jsonl") continue;
    const std::string name = entry.path().stem().string();
    for (const fs::path& place : {folder, real_data("tokenizers") / "sentencepiece"})
      if (fs::exists(place / (name + ".model"))) all.push_back({name, entry.path(), place / (name + ".model")});
  }
  return all;
}

// L-3.7, L-3.10, L-3.6
TEST(SentencePieceGolden, IdsAndTextsAreTheLibrarys) {
  LATHE_NEEDS(golden("tokenizer") / "sentencepiece");
  LATHE_NEEDS(real_data("tokenizers"));
  const std::vector<Case> all = cases();
  ASSERT_FALSE(all.empty());
  const std::vector<Json> strings = read_jsonl(golden("tokenizer") / "strings.jsonl");
  for (const Case& one : all) {
    SCOPED_TRACE(one.name);
    const Tokenizer tokenizer = take(Tokenizer::load(one.model));
    const auto& model = dynamic_cast<const SpmModel&>(tokenizer.model());
    int64_t compared = 0;
    for (const Json& row : read_jsonl(one.vectors)) {
      const std::string& text = strings.at(static_cast<size_t>(row.at("i").as_int())).at("s").as_string();
      std::vector<int32_t> expected;
      for (const Json& id : row.at("ids").as_array()) expected.push_back(static_cast<int32_t>(id.as_int()));
      const std::vector<int32_t> ids = tokenizer.encode(text);
      ASSERT_EQ(ids, expected) << "string " << row.at("i").as_int() << ": " << text;
      ASSERT_EQ(tokenizer.decode(ids), row.at("decoded").as_string()) << "string " << row.at("i").as_int();
      if (const Json* pieces = row.find("pieces"))
        for (size_t i = 0; i < ids.size(); ++i) {
          const SpmPiece& piece = model.proto().pieces[static_cast<size_t>(ids[i])];
          if (piece.type == SpmPieceType::kUnknown) continue;
          ASSERT_EQ(piece.text, pieces->at(i).as_string());
        }
      ++compared;
    }
    EXPECT_GE(compared, 100);
  }
}

// L-3.16
TEST(SentencePieceGolden, SpecialIdsAreTheModels) {
  LATHE_NEEDS(golden("tokenizer") / "sentencepiece");
  LATHE_NEEDS(real_data("tokenizers"));
  for (const Case& one : cases()) {
    SCOPED_TRACE(one.name);
    const Json info = read_json_or_fail(one.vectors.parent_path() / (one.name + ".info.json"));
    const Tokenizer tokenizer = take(Tokenizer::load(one.model));
    const auto& model = dynamic_cast<const SpmModel&>(tokenizer.model());
    EXPECT_EQ(tokenizer.vocab_size(), info.at("n_pieces").as_int());
    EXPECT_EQ(model.ids().unk.value_or(-1), info.at("unk").as_int());
    EXPECT_EQ(model.ids().bos.value_or(-1), info.at("bos").as_int());
    EXPECT_EQ(model.ids().eos.value_or(-1), info.at("eos").as_int());
    EXPECT_EQ(model.ids().pad.value_or(-1), info.at("pad").as_int());
  }
}

}  // namespace
}  // namespace lathe::tokenizer
