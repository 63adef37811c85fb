#include "core/pickle.h"

#include "core/rng.h"
#include "tests/ref/testing.h"

namespace lathe {
namespace {

using namespace std::string_literals;
using testing::take;

// Protocol 4, as Python 3.11 writes {"a": [1, -2, 70000, 2**40, -1], "b": (b"\xff", None, True, 1.5), "c": x, "d": x}
// with x = ["same"].
const std::string kSample = "\x80\x04\x95\x50\0\0\0\0\0\0\0}\x94(\x8c\x01"s +
                            "a\x94]\x94(K\x01J\xfe\xff\xff\xffJ\x70\x11\x01\0\x8a\x06\0\0\0\0\0\x01J\xff\xff\xff\xff"s +
                            "e\x8c\x01"s + "b\x94(C\x01\xff\x94N\x88G\x3f\xf8\0\0\0\0\0\0t\x94\x8c\x01"s +
                            "c\x94]\x94\x8c\x04same\x94"s + "a\x8c\x01"s + "d\x94h\x07u."s;

TEST(Pickle, ReadsPlainData) {
  const Pickle pickle = take(Pickle::parse(kSample, "x.pkl"));
  const PickleValue root = pickle.root();
  ASSERT_EQ(root.kind(), PickleKind::kDict);
  EXPECT_EQ(root.size(), 8u);
  const PickleValue a = root.at("a"), b = root.at("b");
  ASSERT_EQ(a.size(), 5u);
  const int64_t expected[] = {1, -2, 70000, int64_t{1} << 40, -1};
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(a.at(i).integer(), expected[i]);
  EXPECT_EQ(b.kind(), PickleKind::kTuple);
  EXPECT_EQ(b.at(size_t{0}).text(), "\xff");
  EXPECT_EQ(b.at(size_t{0}).kind(), PickleKind::kBytes);
  EXPECT_EQ(b.at(1).kind(), PickleKind::kNone);
  EXPECT_EQ(b.at(2).kind(), PickleKind::kBool);
  EXPECT_EQ(b.at(3).number(), 1.5);
  EXPECT_EQ(root.at("d").at(size_t{0}).text(), "same");
  EXPECT_FALSE(root.has("e"));
  EXPECT_THROW(root.at("e"), std::invalid_argument);
}

TEST(Pickle, CallsAndClassesStayData) {
  // os.system("true") by REDUCE, then an object with a state.
  const Pickle call =
      take(Pickle::parse("\x80\x02"
                         "cos\nsystem\nX\x04\0\0\0true\x85R."s,
                         ""));
  EXPECT_EQ(call.root().kind(), PickleKind::kObject);
  EXPECT_EQ(call.root().at(size_t{0}).text(), "os system");
  EXPECT_EQ(call.root().at(1).at(size_t{0}).text(), "true");
  const Pickle object =
      take(Pickle::parse("\x80\x04\x8c\x01m\x8c\x01"
                         "C\x93)\x81}b."s,
                         ""));
  ASSERT_EQ(object.root().size(), 3u);
  EXPECT_EQ(object.root().at(size_t{0}).text(), "m C");
  EXPECT_EQ(object.root().at(2).kind(), PickleKind::kDict);
  EXPECT_EQ(take(Pickle::parse("K\x05Q."s, "")).root().kind(), PickleKind::kPersistent);
}

// PyTorch's dicts of weights: OrderedDict() filled by SETITEMS, then given attributes by BUILD.
TEST(Pickle, AnOrderedDictIsADict) {
  const Pickle pickle = take(Pickle::parse("\x80\x02"
                                           "ccollections\nOrderedDict\n)R(X\x01\0\0\0aK\x07X\x01\0\0\0"s + "bK\x08u}b."s,
                                           ""));
  ASSERT_EQ(pickle.root().kind(), PickleKind::kDict);
  EXPECT_EQ(pickle.root().at("a").integer(), 7);
  EXPECT_EQ(pickle.root().at("b").integer(), 8);
}

TEST(Pickle, RefusesDamageWithTheOffset) {
  const auto offset = [](const std::string& bytes) {
    const auto result = Pickle::parse(bytes, "x.pkl");
    return result.ok() ? int64_t{-1} : result.error().offset;
  };
  EXPECT_EQ(offset(""), 0);
  EXPECT_EQ(offset("N"), 1);
  EXPECT_EQ(offset("NX\xff\xff\xff\xff."s), 1) << "a length beyond the end";
  EXPECT_EQ(offset("N\x8e\xff\xff\xff\xff\xff\xff\xff\xff."s), 1);
  EXPECT_EQ(offset("."), 0);
  EXPECT_EQ(offset("NN."), 2) << "left over";
  EXPECT_EQ(offset("NR."), 1);
  EXPECT_EQ(offset("N(R."), 2) << "values below a mark cannot be taken";
  EXPECT_EQ(offset("t."), 0);
  EXPECT_EQ(offset("Na."), 1);
  EXPECT_EQ(offset("h\x05."), 0);
  EXPECT_EQ(offset("}(Nu."), 3) << "a key without a value";
  EXPECT_EQ(offset("\x82."), 0) << "an opcode for extension registries";
}

TEST(Pickle, HostileInputNeitherCrashesNorRecurses) {
  EXPECT_TRUE(Pickle::parse(")" + std::string(1'000'000, '\x85') + ".", "").ok()) << "a million nested tuples";
  EXPECT_TRUE(Pickle::parse("]\x94h\0a."s, "").ok()) << "a list inside itself";
  Rng rng(13, "pickle");
  int refused = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string bad = kSample.substr(0, round % 2 ? kSample.size() : rng.below(kSample.size()));
    for (uint64_t n = rng.below(4); n > 0 && !bad.empty(); --n)
      bad[rng.below(bad.size())] = static_cast<char>(rng.below(256));
    refused += !Pickle::parse(bad, "").ok();
  }
  EXPECT_GT(refused, 2000);
}

}  // namespace
}  // namespace lathe
