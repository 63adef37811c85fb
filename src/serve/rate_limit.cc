#include "serve/rate_limit.h"

#include <algorithm>

namespace lathe::serve {

double RateLimit::filled(const Bucket& bucket, double now) const {
  return std::min(burst_, bucket.tokens + (now - bucket.at) * per_second_);
}

double RateLimit::take(const std::string& client) {
  const double now = clock_.seconds();
  const std::lock_guard lock(mutex_);
  auto found = buckets_.find(client);
  if (found == buckets_.end()) {
    if (buckets_.size() >= kMostClients)  // a full bucket is as good as none
      for (auto i = buckets_.begin(); i != buckets_.end();) i = filled(i->second, now) >= burst_ ? buckets_.erase(i) : std::next(i);
    const std::string name = buckets_.size() >= kMostClients ? std::string() : client;
    found = buckets_.try_emplace(name, Bucket{burst_, now}).first;
  }
  Bucket& bucket = found->second;
  bucket = {filled(bucket, now), now};
  if (bucket.tokens < 1) return (1 - bucket.tokens) / per_second_;
  bucket.tokens -= 1;
  return 0;
}

size_t RateLimit::remembered() const {
  const std::lock_guard lock(mutex_);
  return buckets_.size();
}

}  // namespace lathe::serve
