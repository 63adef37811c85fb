// Editing of a text of one or more lines, free of any terminal: bytes of the keyboard go in, control sequences for the screen come
// out. Keys are those of Emacs as every shell has them; Alt+Enter, Ctrl-J, a backslash at the end of a line or a paste of several
// lines makes more than one line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/line_history.h"

namespace lathe::cli {

struct ScreenSize {
  int columns = 80, lines = 24;
  friend bool operator==(const ScreenSize&, const ScreenSize&) = default;
};

class LineEditor {
 public:
  enum class Event {
    kNone,
    kText,     // Enter: take_text()
    kLeave,    // Ctrl-D on an empty text, or Ctrl-C twice
    kSuspend,  // Ctrl-Z: the caller stops the process, then calls draw_anew()
  };
  // words: completed by Tab at the beginning of a text. The history must outlive the editor.
  LineEditor(LineHistory& history, std::vector<std::string> words) : history_(history), words_(std::move(words)) {}

  // A new text behind `prompt` (printable ASCII, drawn here).
  void begin(std::string prompt, ScreenSize size);
  Event feed(char byte);
  void idle();  // no byte has come for a while: an Escape alone was meant as such
  void resize(ScreenSize size);
  void draw_anew();  // the screen was used otherwise; the prompt is drawn where the cursor is
  std::string take_screen();  // what brings the screen up to date; empty: nothing changed
  std::string take_text();

  const std::string& text() const { return text_; }
  size_t cursor() const { return cursor_; }  // byte offset

 private:
  Event key(char byte);           // a control character
  Event escape(std::string_view sequence);  // whole, from behind the Escape
  Event enter();
  void insert(std::string_view text);
  void erase(size_t begin, size_t end, bool keep);  // keep: for Ctrl-Y
  void end_paste();
  void vertical(int direction);   // between lines of the text, else through the history
  void recall(size_t entry);
  void complete();
  void begin_search();
  bool search_key(char byte);     // true: the byte was the search's
  void find(size_t before);
  size_t line_begin() const;
  size_t line_end() const;
  size_t word_left() const;
  size_t word_right() const;

  LineHistory& history_;
  std::vector<std::string> words_;
  std::string prompt_, text_, draft_, killed_, hint_, pending_, paste_, query_;
  ScreenSize size_;
  size_t cursor_ = 0, recalled_ = 0;  // recalled_: entry shown; entries().size(): the draft
  bool pasting_ = false, searching_ = false, interrupted_ = false, changed_ = false;
  int cursor_row_ = 0;  // on the screen, counted from the first drawn row
  std::string screen_;  // sequences to be written before the next drawing
};

}  // namespace lathe::cli
