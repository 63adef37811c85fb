// Time behind a seam: real by default, hand-turned in tests.
#pragma once

#include <string>

namespace lathe {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual double seconds() const = 0;           // monotonic
  virtual std::string local_time() const = 0;   // "2026-01-31 09:05:07"
  static const Clock& real();
};

class FakeClock : public Clock {
 public:
  double seconds() const override { return now_; }
  std::string local_time() const override { return "2000-01-01 00:00:00"; }
  void advance(double seconds) { now_ += seconds; }

 private:
  double now_ = 0;
};

}  // namespace lathe
