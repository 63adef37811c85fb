#include "core/progress.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>

#include "core/clock.h"
#include "core/text.h"

namespace lathe {
namespace {
std::atomic<bool> quiet_output{false};
constexpr double kQuietSeconds = 2.0, kBarInterval = 0.1, kLineInterval = 5.0;
}  // namespace

void Progress::set_quiet(bool quiet) { quiet_output = quiet; }
bool Progress::quiet() { return quiet_output; }

Progress::Progress(std::string title, int64_t total, std::string unit)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      start_(Clock::real().seconds()),
      terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() { finish(); }

void Progress::update(int64_t done, const std::string& note) {
  done_ = done;
  note_ = note;
  if (quiet_output || finished_) return;
  const double now = Clock::real().seconds();
  const double since = drawn_ < 0 ? now - start_ : now - drawn_;
  if (since < (drawn_ < 0 ? kQuietSeconds : terminal_ ? kBarInterval : kLineInterval)) return;
  drawn_ = now;
  draw(false);
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  if (drawn_ >= 0 && !quiet_output) draw(true);
}

void Progress::draw(bool last) {
  const double seconds = Clock::real().seconds() - start_;
  std::string line = title_ + " ";
  if (total_ > 0) {
    const double share = static_cast<double>(done_) / static_cast<double>(total_);
    if (terminal_) {
      const int filled = static_cast<int>(share * 30);
      line += "[";
      for (int i = 0; i < 30; ++i) line += i < filled ? '#' : '.';
      line += "] ";
    }
    line += format_text("%3.0f%% ", share * 100);
    line += with_thousands(done_) + "/" + with_thousands(total_) + " " + unit_;
    if (share > 0 && !last) line += format_text(", %.0f s left", seconds / share - seconds);
  } else {
    line += with_thousands(done_) + " " + unit_;
  }
  line += format_text(", %.0f s", seconds);
  if (!note_.empty()) line += ", " + note_;
  if (terminal_)
    std::fprintf(stderr, "\r\x1b[K%s%s", line.c_str(), last ? "\n" : "");
  else
    std::fprintf(stderr, "%s\n", line.c_str());
  std::fflush(stderr);
}

}  // namespace lathe
