#include "core/progress_board.h"

#include <gtest/gtest.h>

#include "core/progress.h"

namespace lathe {
namespace {

TEST(ProgressBoard, ShowsEachFileUnderWayAndTheWhole) {
  ProgressBoard board("fineweb", 3, 400'000'000);
  board.start(0, "a.parquet", 50'000'000, 100'000'000);
  board.start(1, "b.parquet", 0, -1);
  Progress::set_quiet(true);
  board.update(0, 75'000'000, 100'000'000);
  board.update(1, 5'000'000, -1);
  EXPECT_EQ(board.text(10), "a.parquet                         75% of 100.0 MB\n"
                            "b.parquet                        5.0 MB\n"
                            "fineweb: 0/3 files, 80.0 MB of 400.0 MB, 3.0 MB/s, 107 s left\n");
  board.finish(0, true);
  board.finish(1, false);
  Progress::set_quiet(false);
  EXPECT_EQ(board.text(10), "fineweb: 1/3 files, 80.0 MB of 400.0 MB, 3.0 MB/s, 107 s left\n");
}

}  // namespace
}  // namespace lathe
