#include "core/sha256.h"

#include <gtest/gtest.h>

#include "core/sha256_blocks.h"

namespace lathe {
namespace {

// FIPS 180-4's examples, and the empty text.
TEST(Sha256, KnownDigests) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PartsOfAnySizeGiveTheDigestOfTheWhole) {
  std::string text;
  for (int i = 0; i < 400; ++i) text += static_cast<char>(i * 7);
  for (size_t step = 1; step < 200; step += 13) {
    Sha256 sha;
    for (size_t at = 0; at < text.size(); at += step) sha.update(std::string_view(text).substr(at, step));
    EXPECT_EQ(sha.hex_digest(), sha256_hex(text)) << step;
  }
}

TEST(Sha256, TheProcessorsInstructionsGiveThePlainBits) {
  const internal::Sha256Blocks special = internal::sha256_blocks_by_instructions();
  if (special == nullptr) GTEST_SKIP() << "this processor has no SHA instructions";
  std::string data;
  uint32_t seed = 3;
  for (int i = 0; i < 64 * 17; ++i) data += static_cast<char>((seed = seed * 1664525u + 1013904223u) >> 24);
  for (size_t blocks = 0; blocks <= 17; ++blocks) {
    internal::Sha256State plain{1, 2, 3, 4, 0xffffffff, 6, 7, 8}, fast = plain;
    internal::sha256_blocks_plain(plain, reinterpret_cast<const uint8_t*>(data.data()), blocks);
    special(fast, reinterpret_cast<const uint8_t*>(data.data()), blocks);
    EXPECT_EQ(plain, fast) << blocks;
  }
}

}  // namespace
}  // namespace lathe
