#include "net/fetch.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "core/sha256.h"
#include "core/signals.h"
#include "net/file_lock.h"
#include "net/part_file.h"

namespace lathe::net {
namespace {

using Kind = FetchEvent::Kind;
constexpr double kNap = 0.1;

void nap_until_signal(double seconds) {
  for (double slept = 0; slept < seconds && !StopSignals::requested(); slept += kNap)
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(kNap, seconds - slept)));
}

class Fetch {
 public:
  Fetch(const FetchRequest& request, const FetchOptions& options) : request_(request), options_(options) {}

  Result<Fetched> run() {
    LATHE_TRY(const bool there, is_there());
    if (there) return skipped();
    if (options_.offline) return not_in_cache();
    LATHE_TRY(const FileLock lock, FileLock::acquire(request_.path, [&] { tell({Kind::kLocked, 0, -1, 0, 0, {}}); }));
    LATHE_TRY(const bool there_now, is_there());  // the former holder may have fetched it
    if (there_now) return skipped();
    return attempts();
  }

 private:
  void tell(const FetchEvent& event) const {
    if (options_.on_event) options_.on_event(event);
  }

  Result<bool> is_there() {
    std::error_code code;
    const fs::file_status status = fs::status(request_.path, code);
    if (!fs::exists(status)) return false;
    if (!fs::is_regular_file(status)) return error_at(request_.path.string(), -1, "is in the way: it is no file; move it, or choose another folder");
    out_.bytes = static_cast<int64_t>(fs::file_size(request_.path, code));
    std::string wrong;
    if (request_.bytes >= 0 && out_.bytes != request_.bytes) wrong = join_text("it has ", out_.bytes, " bytes, ", request_.bytes, " are due");
    if (wrong.empty() && !request_.sha256.empty()) {
      LATHE_TRY(out_.sha256, sha256_file(request_.path));
      if (out_.sha256 != request_.sha256) wrong = join_text("its SHA-256 is ", out_.sha256, ", ", request_.sha256, " is due");
    }
    if (wrong.empty()) return true;
    if (options_.offline) return error_at(request_.path.string(), -1, "is not what is due: ", wrong, "; without --offline it is fetched again from ", request_.url);
    return false;
  }

  Result<Fetched> skipped() {
    out_.was_there = true;
    tell({Kind::kSkipped, out_.bytes, out_.bytes, 0, 0, {}});
    return out_;
  }

  Error not_in_cache() const {
    return error_at(request_.path.string(), -1, "is not in the cache and --offline forbids to fetch it from ", request_.url,
                    "; run the same command once without --offline, or copy the file there");
  }

  Result<Fetched> attempts() {
    LATHE_TRY(PartFile part, PartFile::open(request_.path, request_.url, !request_.sha256.empty(), [&](int64_t done, int64_t total) {
                tell({Kind::kBytes, done, total, 0, 0, {}});
              }));
    out_ = Fetched();
    tell({Kind::kStarted, part.bytes(), part.version().bytes, 0, 0, {}});
    OriginOptions origin{request_.headers, options_.stall_seconds};
    int failures = 0;
    int64_t highest = part.bytes();
    for (;;) {
      ++out_.attempts;
      const int64_t from = part.bytes();
      const Version before = part.version();
      LATHE_TRY(Attempt attempt, read_origin(request_.url, from, before, origin, part));
      if (attempt.outcome == Outcome::kWhole) {
        LATHE_TRY(attempt, verify(part));
        if (attempt.outcome == Outcome::kWhole) {
          out_.resumed_at = same_content(before, part.version()) ? from : 0;
          LATHE_TRY_STATUS(part.commit());
          out_.bytes = part.bytes();
          tell({Kind::kDone, out_.bytes, out_.bytes, out_.attempts, 0, {}});
          return out_;
        }
      }
      if (attempt.outcome == Outcome::kStopped) return error_at(request_.path.string(), -1, "stopped by a signal; the same command goes on from byte ", part.bytes());
      if (attempt.outcome == Outcome::kChanged) LATHE_TRY_STATUS(part.discard());
      if (part.bytes() >= highest + kProgressBytes) {
        failures = 0;
        highest = part.bytes();
      }
      ++failures;
      tell({Kind::kFailed, part.bytes(), part.version().bytes, failures, 0, attempt.reason});
      if (attempt.outcome == Outcome::kRefused || failures >= options_.attempts) {
        tell({Kind::kGivenUp, part.bytes(), part.version().bytes, failures, 0, attempt.reason});
        return error_at(request_.path.string(), -1, "not fetched from ", request_.url, ": ", attempt.reason);
      }
      wait(failures, attempt.wait);
      if (StopSignals::requested()) return error_at(request_.path.string(), -1, "stopped by a signal; the same command goes on from byte ", part.bytes());
    }
  }

  void wait(int failures, double asked) const {
    double seconds = options_.first_wait;
    for (int i = 1; i < failures && seconds < options_.longest_wait; ++i) seconds *= 2;
    seconds = std::min(std::max(seconds, asked), options_.longest_wait);
    tell({Kind::kWaiting, 0, -1, failures, seconds, {}});
    options_.sleep ? options_.sleep(seconds) : nap_until_signal(seconds);
  }

  // Whole by the origin's word; is it what is due?
  Result<Attempt> verify(PartFile& part) {
    for (const int64_t due : {request_.bytes, part.version().bytes}) {
      if (due < 0 || due == part.bytes()) continue;
      return Attempt{part.bytes() > due ? Outcome::kChanged : Outcome::kBroken, join_text(part.bytes(), " bytes came, ", due, " are due"), 0};
    }
    LATHE_TRY(out_.sha256, part.hex_digest());
    for (const std::string& due : {request_.sha256, part.version().sha256}) {
      if (due.empty() || due == out_.sha256) continue;
      return Attempt{Outcome::kChanged, join_text("the SHA-256 of what came is ", out_.sha256, ", ", due, " is due"), 0};
    }
    return Attempt{};
  }

  const FetchRequest& request_;
  const FetchOptions& options_;
  Fetched out_;
};

}  // namespace

Result<Fetched> fetch_file(const FetchRequest& request, const FetchOptions& options) { return Fetch(request, options).run(); }

}  // namespace lathe::net
