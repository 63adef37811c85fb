// The progress of several files at once: on a terminal one bar for each file under way and a line for all of them; elsewhere
// a plain line every few seconds. Silent when quiet or under two seconds, as Progress. One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace lathe {

class ProgressBoard {
 public:
  // total_bytes <= 0: unknown.
  ProgressBoard(std::string title, int64_t files, int64_t total_bytes = 0);
  ~ProgressBoard();
  ProgressBoard(const ProgressBoard&) = delete;
  ProgressBoard& operator=(const ProgressBoard&) = delete;

  // `key` names the file; bytes that were there before do not count as speed. total <= 0: unknown.
  void start(int64_t key, const std::string& name, int64_t done, int64_t total);
  void update(int64_t key, int64_t done, int64_t total);
  void finish(int64_t key, bool counted);  // counted: the file stands; else it failed
  void hide();                             // clears the terminal for a line of somebody else's
  // The lines as they would be drawn `seconds` after the start.
  std::string text(double seconds) const;

 private:
  struct Row {
    std::string name;
    int64_t done = 0, total = 0;
  };
  void draw();

  std::string title_;
  int64_t files_, total_bytes_;
  int64_t finished_ = 0, moved_ = 0, settled_ = 0;
  std::map<int64_t, Row> rows_;
  double start_, drawn_ = -1;
  int lines_ = 0;  // now on the terminal
  bool terminal_;
};

}  // namespace lathe
