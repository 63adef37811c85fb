#include "tokenizer/stream_decoder.h"

#include "core/rng.h"
#include "tests/ref/testing.h"
#include "tokenizer/bpe_trainer.h"

namespace lathe::tokenizer {
namespace {

using testing::take;

Tokenizer bytes_only() {
  return take(Tokenizer::from_tokens(tokens_of_merges({{0xF0, 0x9F}, {0x98, 0x80}, {0xE4, 0xBD}})));
}

// C-11.12, C-11.5
TEST(StreamDecoder, HoldsAnIncompleteCharacterBackAndFlushesIt) {
  StreamDecoder decoder(bytes_only());
  EXPECT_EQ(decoder.push('a'), "a");
  EXPECT_EQ(decoder.push(256), "") << "F0 9F begins an emoji";
  EXPECT_EQ(decoder.push(257), "😀");
  EXPECT_EQ(decoder.push(258), "");
  EXPECT_EQ(decoder.push('b'),
            "\uFFFD"
            "b");
  EXPECT_EQ(decoder.push(0xC3), "");
  EXPECT_EQ(decoder.flush(), "\uFFFD");
  EXPECT_EQ(decoder.flush(), "");
  EXPECT_EQ(decoder.push(0xA9), "\uFFFD") << "after a flush nothing is left of the held bytes";
}

// C-11.12: bytes that no continuation can make valid are not held back.
TEST(StreamDecoder, ImpossibleBytesAreSentAtOnce) {
  for (const std::vector<int32_t>& ids :
       {std::vector<int32_t>{0xF5}, {0xC1}, {0x80}, {0xE0, 0x9F}, {0xED, 0xA0}, {0xF4, 0x90}}) {
    StreamDecoder decoder(bytes_only());
    std::string sent;
    for (const int32_t id : ids) sent += decoder.push(id);
    EXPECT_EQ(sent.size(), 3 * ids.size()) << ::testing::PrintToString(ids);
  }
}

// C-2.18, C-11.12
TEST(StreamDecoder, EqualsDecodingAtOnceAndNeverSendsAHalfCharacter) {
  const Tokenizer tokenizer = bytes_only();
  const std::vector<int32_t> alphabet = {'a',  0x80, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xE4, 0xED,
                                         0xEF, 0xF0, 0xF1, 0xF4, 0xF5, 0xFF, 256,  257,  258,  tokenizer.bos_id()};
  Rng rng(12, "stream");
  for (int round = 0; round < 20000; ++round) {
    StreamDecoder decoder(tokenizer);
    std::vector<int32_t> ids;
    std::string sent;
    for (uint64_t n = rng.below(9); n > 0; --n) {
      ids.push_back(alphabet[rng.below(alphabet.size())]);
      const std::string text = decoder.push(ids.back());
      ASSERT_EQ(first_invalid_utf8(text), -1);
      sent += text;
    }
    ASSERT_EQ(sent + decoder.flush(), tokenizer.decode(ids)) << ::testing::PrintToString(ids);
  }
}

}  // namespace
}  // namespace lathe::tokenizer
