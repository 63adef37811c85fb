// Token buckets by name: each client may do `burst` things at once and `per_second` in the long run.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "core/clock.h"

namespace lathe::serve {

// Any thread. Remembers at most kMostClients that have not been quiet; beyond that, strangers share one bucket.
class RateLimit {
 public:
  static constexpr size_t kMostClients = 10000;

  RateLimit(double per_second, double burst, const Clock& clock) : per_second_(per_second), burst_(burst), clock_(clock) {}
  // 0: taken. Else nothing is, and so many seconds later it could be.
  double take(const std::string& client);
  size_t remembered() const;

 private:
  struct Bucket {
    double tokens, at;  // filled up to then
  };
  double filled(const Bucket& bucket, double now) const;

  const double per_second_, burst_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_;
};

}  // namespace lathe::serve
