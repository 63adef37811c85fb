#include "corpus/signature_set.h"

#include <sys/resource.h>

#include "tests/corpus/pipeline_fixture.h"

namespace lathe::corpus {
namespace {

// A corpus of a terabyte has more parts than a process may have open files.
// L-2.24, L-2.23
TEST(SignatureSet, HasMoreFilesThanMayBeOpenAtOnce) {
  const TemporaryFolder folder;
  const MinHasher hasher;
  std::vector<SignatureSource> sources(2);
  sources[0].name = "a", sources[1].name = "b";
  constexpr int kFiles = 300;
  for (int i = 0; i < kFiles; ++i) {
    SignatureBlock block(hasher);
    block.add(static_cast<uint64_t>(i), made_text(1, static_cast<uint64_t>(i % 100), 50));
    const fs::path path = folder.path() / std::to_string(i);
    auto writer = take(SignatureWriter::open(path, hasher.settings()));
    check(writer.write_block(0, std::move(block)));
    EXPECT_EQ(take(writer.commit()), 1);
    sources[static_cast<size_t>(i % 2)].files.push_back(path);
  }
  struct rlimit before {};
  getrlimit(RLIMIT_NOFILE, &before);
  struct rlimit limit = before;
  limit.rlim_cur = kMostOpen + 60;
  setrlimit(RLIMIT_NOFILE, &limit);
  DuplicateSettings settings;
  settings.folder = folder.path() / "sort";
  const auto found = find_duplicates(sources, settings);
  setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_TRUE(found.ok()) << found.error().to_string();
  EXPECT_EQ(found.value().report.exact, 200);
  EXPECT_EQ(found.value().survivors.count(), 100);
}

}  // namespace
}  // namespace lathe::corpus
