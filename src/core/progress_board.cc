#include "core/progress_board.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/clock.h"
#include "core/progress.h"
#include "core/text.h"

namespace lathe {
namespace {

constexpr double kQuietSeconds = 2.0, kBarInterval = 0.1, kLineInterval = 5.0, kMegabyte = 1e6;
constexpr int kBarWidth = 20, kNameWidth = 32;

std::string megabytes(int64_t bytes) { return format_text("%.1f MB", static_cast<double>(bytes) / kMegabyte); }

}  // namespace

ProgressBoard::ProgressBoard(std::string title, int64_t files, int64_t total_bytes)
    : title_(std::move(title)), files_(files), total_bytes_(total_bytes), start_(Clock::real().seconds()), terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressBoard::~ProgressBoard() { hide(); }

void ProgressBoard::start(int64_t key, const std::string& name, int64_t done, int64_t total) { rows_[key] = {name, done, total}; }

void ProgressBoard::update(int64_t key, int64_t done, int64_t total) {
  Row& row = rows_[key];
  moved_ += std::max<int64_t>(0, done - row.done);
  row.done = done;
  row.total = total;
  if (Progress::quiet()) return;
  const double now = Clock::real().seconds();
  const double since = drawn_ < 0 ? now - start_ : now - drawn_;
  if (since < (drawn_ < 0 ? kQuietSeconds : terminal_ ? kBarInterval : kLineInterval)) return;
  drawn_ = now;
  draw();
}

void ProgressBoard::finish(int64_t key, bool counted) {
  const auto row = rows_.find(key);
  if (row != rows_.end()) {
    settled_ += row->second.done;
    rows_.erase(row);
  }
  finished_ += counted ? 1 : 0;
}

void ProgressBoard::hide() {
  if (lines_ == 0) return;
  std::fprintf(stderr, "\x1b[%dA\r\x1b[J", lines_);
  std::fflush(stderr);
  lines_ = 0;
}

std::string ProgressBoard::text(double seconds) const {
  std::string out;
  int64_t bytes = settled_;
  for (const auto& [key, row] : rows_) {
    bytes += row.done;
    std::string line = row.name.size() > kNameWidth ? "..." + row.name.substr(row.name.size() - kNameWidth + 3) : row.name;
    line.resize(kNameWidth, ' ');
    if (row.total > 0) {
      const double share = std::min(1.0, static_cast<double>(row.done) / static_cast<double>(row.total));
      if (terminal_) {
        const auto filled = static_cast<size_t>(share * kBarWidth);
        line += " [" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "]";
      }
      line += format_text(" %3.0f%%", share * 100);
      line += " of " + megabytes(row.total);
    } else {
      line += " " + megabytes(row.done);
    }
    out += line + "\n";
  }
  const double speed = seconds > 0 ? static_cast<double>(moved_) / seconds : 0;
  out += title_ + ": " + std::to_string(finished_) + "/" + std::to_string(files_) + " files, " + megabytes(bytes);
  if (total_bytes_ > 0) out += " of " + megabytes(total_bytes_);
  out += format_text(", %.1f MB/s", speed / kMegabyte);
  if (total_bytes_ > bytes && speed > 0) out += format_text(", %.0f s left", static_cast<double>(total_bytes_ - bytes) / speed);
  return out + "\n";
}

void ProgressBoard::draw() {
  std::string shown = text(Clock::real().seconds() - start_);
  if (terminal_) {
    hide();
    lines_ = static_cast<int>(std::count(shown.begin(), shown.end(), '\n'));
  } else {
    for (size_t at = shown.find('\n'); at + 1 < shown.size(); at = shown.find('\n', at)) shown.replace(at, 1, "; ");
  }
  std::fputs(shown.c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace lathe
