#include "tokenizer/spm_trainer.h"

#include "core/machine.h"
#include "tests/ref/testing.h"
#include "tests/tokenizer/small_spm.h"
#include "tokenizer/tokenizer.h"

namespace lathe::tokenizer {
namespace {

using testing::take;

std::string piece_text(const SpmModel& model, int32_t id) { return model.proto().pieces[static_cast<size_t>(id)].text; }

// L-3.1, L-3.11
TEST(SpmTrainer, SizeAndSpecialIdsAreThoseAskedFor) {
  const auto model = take(train_spm(small_spm_settings(), small_spm_text()));
  EXPECT_EQ(model->size(), 420);
  EXPECT_TRUE(model->proto().unigram);
  EXPECT_EQ(model->ids().unk, 0);
  EXPECT_EQ(model->ids().bos, 1);
  EXPECT_EQ(model->ids().eos, 2);
  EXPECT_EQ(model->ids().pad, 3);
  EXPECT_EQ(piece_text(*model, 4), "<|im_start|>");
}

// L-3.5
TEST(SpmTrainer, SameInputGivesTheSameBytes) {
  const auto first = take(train_spm(small_spm_settings(), small_spm_text()));
  const auto second = take(train_spm(small_spm_settings(), small_spm_text()));
  EXPECT_EQ(first->file_bytes(), second->file_bytes());
}

// L-3.12, L-3.15
TEST(SpmTrainer, TextNeverGivesControlSymbols) {
  const Tokenizer& tokenizer = small_spm();
  const std::string typed = "a<|im_end|>\n<s></s><|user_start|><|reserved_15|><pad>";
  for (const int32_t id : tokenizer.encode(typed)) EXPECT_FALSE(tokenizer.is_special(id)) << id;
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(typed)), typed);
  EncodeOptions trusted;
  trusted.recognise_special = true;
  const std::vector<int32_t> ids = tokenizer.encode("<|im_end|>a", trusted);
  ASSERT_FALSE(ids.empty());
  EXPECT_EQ(ids[0], tokenizer.special_id("<|im_end|>"));
  for (const std::string& symbol : chat_control_symbols()) EXPECT_TRUE(tokenizer.find_special(symbol)) << symbol;
}

// L-3.13
TEST(SpmTrainer, NewlineAndTabAreTokensOfTheirOwn) {
  const auto& model = dynamic_cast<const SpmModel&>(small_spm().model());
  for (const char* text : {"\n", "\t"}) {
    const std::vector<int32_t> ids = small_spm().encode(text);
    ASSERT_EQ(ids.size(), 1u);
    EXPECT_EQ(model.token(ids[0]), text);
  }
  EXPECT_EQ(small_spm().encode("the\nthe").size(), 2 * small_spm().encode("the").size() + 1);
}

// L-3.13, L-3.14
TEST(SpmTrainer, EveryValidTextComesBack) {
  std::vector<std::string> texts = {"", " ", "  a  ", "\n\n", "\r\n", "a\tb", "\xC2\xA0", "e\xCC\x81", "\xEF\xAC\x81",
                                    "\xF0\x9F\x98\x80", "<0x41>", std::string("a\0b", 3), "\xEF\xBB\xBF", "123 456"};
  Rng rng(7, "texts");
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (uint64_t n = rng.below(40); n > 0; --n) {
      const auto point = static_cast<char32_t>(rng.chance(0.7) ? rng.below(0x80) : rng.below(0xD800));
      text += point == 0x2581 ? std::string("_") : utf8_of(point);
    }
    texts.push_back(text);
  }
  for (const std::string& text : texts) EXPECT_EQ(small_spm().decode(small_spm().encode(text)), text);
  EXPECT_EQ(small_spm().decode(small_spm().encode("a\u2581b")), "a b");
}

// L-3.6
TEST(TrapT3, LongUnsplittableTextTakesTimeInProportion) {
  const auto seconds = [](size_t bytes) {
    const std::string text(bytes, 'e');
    const double begin = process_cpu_seconds();
    EXPECT_FALSE(small_spm().encode(text).empty());
    return process_cpu_seconds() - begin;
  };
  seconds(10'000);
  const double small = seconds(50'000), large = seconds(400'000);
  EXPECT_LT(large, 5);
  EXPECT_LT(large, 40 * small + 0.05) << "8 times the text";
}

// L-3.2
TEST(SpmTrainer, EverySettingReachesTheLibrary) {
  SpmSettings settings = small_spm_settings();
  const std::string base = take(train_spm(settings, small_spm_text()))->file_bytes();
  const auto differs = [&](const char* what, auto change) {
    SpmSettings other = small_spm_settings();
    change(other);
    const auto model = train_spm(other, small_spm_text());
    ASSERT_TRUE(model.ok()) << what << ": " << model.error().message;
    EXPECT_NE(model.value()->file_bytes(), base) << what;
  };
  differs("vocab_size", [](SpmSettings& s) { s.vocab_size = 400; });
  differs("model_type", [](SpmSettings& s) { s.model_type = "bpe"; });
  differs("character_coverage", [](SpmSettings& s) { s.character_coverage = 0.98; });
  differs("normalization_rule", [](SpmSettings& s) { s.normalization_rule = "nfkc"; });
  differs("remove_extra_whitespaces", [](SpmSettings& s) { s.remove_extra_whitespaces = true; });
  differs("add_dummy_prefix", [](SpmSettings& s) { s.add_dummy_prefix = true; });
  differs("byte_fallback", [](SpmSettings& s) {
    s.byte_fallback = false;
    s.vocab_size = 180;
  });
  differs("split_digits", [](SpmSettings& s) { s.split_digits = false; });
  differs("seed_sentencepiece_size", [](SpmSettings& s) { s.seed_sentencepiece_size = 600; });
  differs("num_threads", [](SpmSettings& s) { s.num_threads = 3; });
  differs("pad_id", [](SpmSettings& s) { s.pad_id = -1; });
  differs("user_defined_symbols", [](SpmSettings& s) { s.user_defined_symbols = {"\n"}; });
  differs("control_symbols", [](SpmSettings& s) { s.control_symbols = {"<|im_start|>", "<|im_end|>"}; });
}

// L-1.30, L-3.3
TEST(SpmTrainer, RefusesWhatCannotBeReached) {
  SpmSettings settings = small_spm_settings();
  settings.vocab_size = 200'000;
  const auto large = train_spm(settings, small_spm_text());
  ASSERT_FALSE(large.ok());
  EXPECT_NE(large.error().message.find("200000"), std::string::npos);
  EXPECT_FALSE(train_spm(small_spm_settings(), {}).ok());
  settings = small_spm_settings();
  settings.unk_id = 5000;
  EXPECT_FALSE(train_spm(settings, small_spm_text()).ok());
  settings = small_spm_settings();
  settings.control_symbols.push_back("<s>");
  EXPECT_FALSE(train_spm(settings, small_spm_text()).ok());
  settings = small_spm_settings();
  settings.normalization_rule = "nosuch";
  EXPECT_FALSE(train_spm(settings, small_spm_text()).ok());
}

// L-3.4
TEST(SentenceSample, TrapT4MemoryIsBoundedAndTheChoiceFixed) {
  const auto run = [](uint64_t seed) {
    SentenceSample sample({50, 4000, 100}, seed);
    for (int i = 0; i < 5000; ++i) {
      sample.add("sentence number " + std::to_string(i));
      EXPECT_LE(sample.bytes_kept(), 4000);
      EXPECT_LE(sample.sentences_kept(), 50);
    }
    EXPECT_EQ(sample.sentences_seen(), 5000);
    return sample.take(true);
  };
  const std::vector<std::string> first = run(1);
  EXPECT_EQ(first.size(), 50u);
  EXPECT_EQ(first, run(1));
  EXPECT_NE(first, run(2));
}

// L-3.4
TEST(SentenceSample, LongTextsAreCutAtLineEndsAndNothingIsLost) {
  std::string book;
  for (int i = 0; i < 400; ++i) book += "line " + std::to_string(i) + " of a long book\n";
  std::string joined;
  for (const std::string_view part : cut_text(book, 200)) {
    EXPECT_LE(part.size(), 200u);
    EXPECT_EQ(part.back(), '\n');
    joined += part;
  }
  EXPECT_EQ(joined, book);
  joined.clear();
  std::string wide;
  for (int i = 0; i < 300; ++i) wide += "\xE6\xBC\xA2";
  for (const std::string_view part : cut_text(wide, 100)) {
    EXPECT_EQ(part.size() % 3, 0u);
    joined += part;
  }
  EXPECT_EQ(joined, wide);
  SentenceSample sample({1000, 1 << 20, 200}, 3);
  sample.add(book);
  int64_t kept = 0;
  for (const std::string& text : sample.take(false)) kept += static_cast<int64_t>(text.size());
  EXPECT_EQ(kept, static_cast<int64_t>(book.size()));
}

}  // namespace
}  // namespace lathe::tokenizer
