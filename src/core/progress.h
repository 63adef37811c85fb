// A progress bar on a terminal, a plain line every few seconds elsewhere; silent when quiet or under two seconds.
#pragma once

#include <cstdint>
#include <string>

namespace lathe {

class Progress {
 public:
  // total <= 0: unknown. unit: "docs", "MB", ... shown after the counts.
  Progress(std::string title, int64_t total, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void update(int64_t done, const std::string& note = "");
  void finish();

  static void set_quiet(bool quiet);
  static bool quiet();

 private:
  void draw(bool last);
  std::string title_, unit_, note_;
  int64_t total_, done_ = 0;
  double start_, drawn_ = -1;
  bool terminal_, finished_ = false;
};

}  // namespace lathe
