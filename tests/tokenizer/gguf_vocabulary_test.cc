// Tokenizers to the vectors of a GGUF file and back.
#include "tokenizer/gguf_vocabulary.h"

#include "tests/ref/testing.h"
#include "tokenizer/bpe_trainer.h"
#include "tokenizer/char_model.h"
#include "tokenizer/spm_trainer.h"

namespace lathe::testing {
namespace {

using namespace tokenizer;

const std::vector<std::string> kTexts = {"Once upon a time there was a fox. The fox had 12 hens.", "the theatre, the thing; don't WE'LL",
                                         "caf\u00e9 \u4e2d\u6587 \U0001f600\n\n  two", "fox fox the the time time once once upon upon"};

Tokenizer byte_level(const char* split, TrainStyle style = TrainStyle::kChat) {
  TrainSettings settings;
  settings.vocab_size = 300;
  settings.split = find_split_name(split);
  settings.style = style;
  return take(train_bpe(settings, kTexts)).tokenizer;
}

std::string reason(const Tokenizer& tokenizer, int64_t size = 1000) {
  const auto made = tokenizer_to_gguf(tokenizer, size);
  return made.ok() ? "made" : made.error().message;
}

TEST(GgufVocabulary, ByteLevelTokenizersComeBackTheSame) {
  for (const auto& [split, pre] : {std::pair{"gpt2", "gpt-2"}, {"llama3", "llama-bpe"}, {"qwen2", "qwen2"}})
    for (const TrainStyle style : {TrainStyle::kChat, TrainStyle::kHuggingFace}) {
      const Tokenizer original = byte_level(split, style);
      const GgufVocabulary made = take(tokenizer_to_gguf(original, original.vocab_size()));
      EXPECT_EQ(made.model, "gpt2");
      EXPECT_EQ(made.pre, pre);
      EXPECT_EQ(static_cast<int64_t>(made.tokens.size()), original.vocab_size());
      const Tokenizer back = take(tokenizer_from_gguf(made, "x"));
      for (const std::string& text : kTexts) EXPECT_EQ(back.encode(text), original.encode(text)) << split;
      EXPECT_EQ(back.special_tokens(), original.special_tokens());
      EXPECT_EQ(back.bos_id(), original.bos_id());
    }
}

TEST(GgufVocabulary, SentencePieceComesBackTheSame) {
  for (const char* type : {"bpe", "unigram"}) {
    SpmSettings settings;
    settings.vocab_size = 300;
    settings.model_type = type;
    settings.num_threads = 1;
    const auto model = take(train_spm(settings, kTexts));
    const Tokenizer original = take(Tokenizer::from_added(model, model->added_tokens()));
    GgufVocabulary made = take(tokenizer_to_gguf(original, 340));
    EXPECT_EQ(made.model, type == std::string("bpe") ? "llama" : "t5");
    EXPECT_EQ(made.tokens.size(), 340u);
    EXPECT_EQ(made.remarks.size(), type == std::string("bpe") ? 0u : 1u);
    const Tokenizer back = take(tokenizer_from_gguf(made, "x"));
    for (const std::string& text : kTexts) {
      EXPECT_EQ(back.encode(text), original.encode(text));
      EXPECT_EQ(back.decode(back.encode(text)), text);
    }
    EXPECT_EQ(back.find_special("<s>"), original.find_special("<s>"));
  }
}

TEST(GgufVocabulary, WhatLlamaCppDoesNotKnowIsRefusedWithTheReason) {
  EXPECT_NE(reason(byte_level("chat")).find("\"chat\""), std::string::npos);
  EXPECT_NE(reason(byte_level("gpt2"), 100).find("only 100"), std::string::npos);
  SpmSettings settings;
  settings.vocab_size = 300;
  settings.num_threads = 1;
  settings.normalization_rule = "nfkc";
  const auto model = take(train_spm(settings, kTexts));
  EXPECT_NE(reason(take(Tokenizer::from_added(model, model->added_tokens()))).find("normalises"), std::string::npos);
}

TEST(GgufVocabulary, DamagedOrUnknownVocabulariesAreErrors) {
  const Tokenizer original = byte_level("gpt2");
  const GgufVocabulary good = take(tokenizer_to_gguf(original, original.vocab_size()));
  const auto message = [&](const auto& change) {
    GgufVocabulary bad = good;
    change(bad);
    const auto made = tokenizer_from_gguf(bad, "file.gguf");
    return made.ok() ? std::string("read") : made.error().to_string();
  };
  EXPECT_EQ(message([](GgufVocabulary&) {}), "read");
  EXPECT_NE(message([](GgufVocabulary& v) { v.model = "rwkv"; }).find("rwkv"), std::string::npos);
  EXPECT_NE(message([](GgufVocabulary& v) { v.pre = "odd"; }).find("\"odd\""), std::string::npos);
  EXPECT_NE(message([](GgufVocabulary& v) { v.tokens.clear(); }).find("tokens"), std::string::npos);
  EXPECT_NE(message([](GgufVocabulary& v) { v.types.pop_back(); }).find("types"), std::string::npos);
  EXPECT_NE(message([](GgufVocabulary& v) { v.types[3] = 9; }).find("type 9"), std::string::npos);
  EXPECT_NE(message([](GgufVocabulary& v) { v.scores = {1}; }).find("scores"), std::string::npos);
  EXPECT_NE(message([](GgufVocabulary& v) { v.merges[0] = "x"; }).find("merge 0"), std::string::npos);
  EXPECT_NE(message([](GgufVocabulary& v) { v.merges[0] = "\u4e2d x"; }).find("merge 0"), std::string::npos);
  EXPECT_NE(message([](GgufVocabulary& v) { v.merges.clear(); }).find("merges"), std::string::npos);
  EXPECT_NE(message([](GgufVocabulary& v) { v.tokens[5] = "\u4e2d"; }).find("token 5"), std::string::npos);
  EXPECT_NE(message([](GgufVocabulary& v) { v.tokens[5] = v.tokens[6]; }).find("repeats"), std::string::npos);
  EXPECT_NE(message([](GgufVocabulary& v) { v.bos = 100000; }).find("100000"), std::string::npos);
  EXPECT_NE(message([](GgufVocabulary& v) { v.model = "llama"; }).find("SentencePiece"), std::string::npos);
}

}  // namespace
}  // namespace lathe::testing
