#include "net/fetch_all.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "core/check.h"
#include "core/signals.h"

namespace lathe::net {

std::vector<Result<Fetched>> fetch_all(const std::vector<FetchRequest>& requests, int64_t workers, const FetchOptions& options,
                                       const std::function<void(size_t index, const FetchEvent& event)>& on_event) {
  require(workers >= 1, "[fetch_all] workers must be positive, got ", workers);
  std::vector<Result<Fetched>> results(requests.size(), Result<Fetched>(error("stopped by a signal before it began")));
  std::atomic<size_t> next{0};
  std::mutex one_at_a_time;
  const auto work = [&] {
    for (size_t i = next++; i < requests.size() && !StopSignals::requested(); i = next++) {
      FetchOptions own = options;
      own.on_event = [&, i](const FetchEvent& event) {
        const std::lock_guard<std::mutex> hold(one_at_a_time);
        if (on_event) on_event(i, event);
      };
      results[i] = fetch_file(requests[i], own);
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min(requests.size(), static_cast<size_t>(workers)); ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return results;
}

}  // namespace lathe::net
