// One file from anywhere to the disk: taken up again where an earlier process stopped, verified by size and by SHA-256 where
// one is known, put into place whole, by one process at a time. Rows L-2.9, C-1.7, C-1.8, C-1.13, C-1.32; trap T7.
// Functions may be called from several threads.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "net/origin.h"

namespace lathe::net {

struct FetchRequest {
  std::string url;
  fs::path path;
  int64_t bytes = -1;   // when known beforehand
  std::string sha256;   // when known beforehand: lower-case hex
  Headers headers;
};

struct FetchEvent {
  enum class Kind {
    kSkipped,  // it is there
    kLocked,   // another process is fetching it; waiting
    kStarted,  // done: the bytes that an earlier process left
    kBytes,    // done of total (-1 unknown)
    kFailed,   // attempt number `attempt`, text = why
    kWaiting,  // `seconds` until the next attempt
    kDone,
    kGivenUp,
  };
  Kind kind = Kind::kBytes;
  int64_t done = 0, total = -1;
  int attempt = 0;
  double seconds = 0;
  std::string text;
};

struct FetchOptions {
  // Failed attempts in a row. One that brought kProgressBytes new bytes starts the count again, so that a large file comes
  // through a poor connection.
  int attempts = 5;
  double first_wait = 2;       // seconds after the first failure, doubled after each further one
  double longest_wait = 120;   // bounds both that and what a server asks for
  double stall_seconds = 30;
  bool offline = false;        // only what is there
  std::function<void(const FetchEvent&)> on_event;
  std::function<void(double seconds)> sleep;  // empty: real, ended early by a stop signal
};
inline constexpr int64_t kProgressBytes = int64_t{1} << 20;

struct Fetched {
  bool was_there = false;
  int64_t bytes = 0;
  int64_t resumed_at = 0;  // bytes that were not fetched again
  int attempts = 0;
  std::string sha256;      // empty when the file was there and nothing asked for its hash
};

// A file that is there is kept without a question to the origin, unless size or hash are known and differ. Errors name the
// file, the address and the last reason; after them the parts stay for the next try.
Result<Fetched> fetch_file(const FetchRequest& request, const FetchOptions& options);

}  // namespace lathe::net
