// A grammar small enough to be checked by eye: 3 to `most` digits. Nothing can follow the last of them.
#pragma once

#include <memory>

#include "infer/grammar.h"

namespace lathe::infer::testing {

class DigitsState : public GrammarState {
 public:
  explicit DigitsState(int64_t most) : most_(most) {}
  void fill(TokenMask& mask) override {
    std::fill(mask.begin(), mask.end(), uint64_t{0});
    for (int32_t digit = '0'; digit <= '9' && count_ < most_; ++digit) mask[0] |= uint64_t{1} << digit;
  }
  bool accept(int32_t token) override {
    if (token < '0' || token > '9' || count_ == most_) return false;
    ++count_;
    return true;
  }
  bool is_complete() const override { return count_ >= 3; }
  std::unique_ptr<GrammarState> clone() const override { return std::make_unique<DigitsState>(*this); }

 private:
  int64_t most_, count_ = 0;
};

class Digits : public Grammar {
 public:
  explicit Digits(int64_t most) : most_(most) {}
  std::unique_ptr<GrammarState> start() const override { return std::make_unique<DigitsState>(most_); }

 private:
  int64_t most_;
};

}  // namespace lathe::infer::testing
