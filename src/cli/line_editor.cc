#include "cli/line_editor.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>

#include "cli/text_columns.h"
#include "core/text.h"
#include "infer/chat_loop.h"

namespace lathe::cli {
namespace {

constexpr char kEscape = '\x1b';
constexpr size_t kLongestText = 1 << 20;
constexpr std::string_view kPasteEnd = "\x1b[201~";

constexpr char control(char letter) { return static_cast<char>(letter & 0x1F); }

size_t utf8_length(char lead) {
  const auto byte = static_cast<uint8_t>(lead);
  return byte < 0x80 ? 1 : byte < 0xC2 ? 0 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : byte < 0xF5 ? 4 : 0;
}

bool in_word(std::string_view text, size_t at) {
  const char c = text[at];
  return static_cast<uint8_t>(c) >= 0x80 || std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

// The text behind its prompt as rows of the screen, none wider than it.
struct Rows {
  std::vector<std::string> rows{""};
  int column = 0, width;
  size_t cursor_row = 0;
  int cursor_column = 0;

  explicit Rows(int columns) : width(std::max(columns, 2)) {}
  void next() { rows.emplace_back(), column = 0; }
  void put(std::string_view character) {
    const int columns = columns_of(character);
    if (column + columns > width) next();
    rows.back() += character == "\t" ? std::string(kTabColumns, ' ') : std::string(character);
    column += columns;
  }
  void mark_cursor() {
    if (column >= width) next();
    cursor_row = rows.size() - 1, cursor_column = column;
  }
};

}  // namespace

void LineEditor::begin(std::string prompt, ScreenSize size) {
  prompt_ = std::move(prompt);
  size_ = size;
  text_.clear(), draft_.clear(), hint_.clear(), pending_.clear();
  cursor_ = 0, cursor_row_ = 0;
  recalled_ = history_.entries().size();
  searching_ = interrupted_ = pasting_ = false;
  changed_ = true;
}

LineEditor::Event LineEditor::feed(char byte) {
  if (pasting_) {
    paste_ += byte;
    if (paste_.ends_with(kPasteEnd)) end_paste();
    else if (paste_.size() > 2 * kLongestText) paste_.erase(kLongestText, paste_.size() - kLongestText - kPasteEnd.size());
    return Event::kNone;
  }
  if (byte != control('C')) interrupted_ = false, changed_ = changed_ || !hint_.empty(), hint_.clear();
  if (!pending_.empty() && pending_[0] == kEscape) {
    if (byte == kEscape) return Event::kNone;  // Alt with a key that is a sequence by itself: that key
    pending_ += byte;
    const bool is_long = pending_[1] == '[' || pending_[1] == 'O';
    const bool whole = is_long ? pending_.size() > 2 && byte >= 0x40 && byte < 0x7F : true;
    if (!whole && pending_.size() < 32) return Event::kNone;
    const std::string sequence = std::move(pending_).substr(1);
    pending_.clear();
    return whole ? escape(sequence) : Event::kNone;
  }
  if ((static_cast<uint8_t>(byte) & 0xC0) != 0x80) pending_.clear();  // what is not UTF-8 must not swallow the key behind it
  if (pending_.empty()) {
    if (searching_ && search_key(byte)) return Event::kNone;
    if (byte == kEscape) {
      pending_ = byte;
      return Event::kNone;
    }
    if (static_cast<uint8_t>(byte) < 0x20 || byte == 0x7F) return key(byte);
  }
  pending_ += byte;
  const size_t length = utf8_length(pending_[0]);
  if (pending_.size() < length) return Event::kNone;
  std::string character = std::move(pending_);
  pending_.clear();
  if (character.size() != length || first_invalid_utf8(character) >= 0) return Event::kNone;  // not UTF-8: no key that we know
  character = infer::printable_text(character);
  if (character.empty()) return Event::kNone;
  if (searching_) {
    query_ += character;
    find(history_.entries().size());
  } else {
    insert(character);
  }
  return Event::kNone;
}

void LineEditor::idle() {
  if (pending_ == std::string(1, kEscape)) pending_.clear(), searching_ = false, changed_ = true;
}

LineEditor::Event LineEditor::enter() {
  if (cursor_ == text_.size() && text_.ends_with('\\')) {
    text_.back() = '\n';
    changed_ = true;
    return Event::kNone;
  }
  // The whole text stays on the screen, the cursor goes below it.
  cursor_ = text_.size();
  changed_ = true;
  screen_ += take_screen() + "\r\n";
  return Event::kText;
}

LineEditor::Event LineEditor::key(char byte) {
  switch (byte) {
    case '\r': return enter();
    case '\n': insert("\n"); break;
    case '\t': complete(); break;
    case control('A'): cursor_ = line_begin(); break;
    case control('E'): cursor_ = line_end(); break;
    case control('B'): cursor_ = previous_character(text_, cursor_); break;
    case control('F'): cursor_ = next_character(text_, cursor_); break;
    case control('P'): vertical(-1); break;
    case control('N'): vertical(1); break;
    case control('H'):
    case 0x7F: erase(previous_character(text_, cursor_), cursor_, false); break;
    case control('D'):
      if (text_.empty()) return Event::kLeave;
      erase(cursor_, next_character(text_, cursor_), false);
      break;
    case control('K'): erase(cursor_, cursor_ == line_end() ? next_character(text_, cursor_) : line_end(), true); break;
    case control('U'): erase(line_begin(), cursor_, true); break;
    case control('W'): erase(word_left(), cursor_, true); break;
    case control('Y'): insert(killed_); break;
    case control('L'): screen_ += "\x1b[H\x1b[2J", cursor_row_ = 0; break;
    case control('R'): begin_search(); break;
    case control('Z'): return Event::kSuspend;
    case control('C'):
      if (interrupted_) return Event::kLeave;
      interrupted_ = true;
      text_.clear(), cursor_ = 0, recalled_ = history_.entries().size();
      hint_ = "(Ctrl-C again leaves)";
      break;
    default: return Event::kNone;
  }
  changed_ = true;
  return Event::kNone;
}

LineEditor::Event LineEditor::escape(std::string_view sequence) {
  const auto is = [&](std::initializer_list<std::string_view> forms) { return std::find(forms.begin(), forms.end(), sequence) != forms.end(); };
  searching_ = false;
  changed_ = true;
  if (sequence == "[200~") pasting_ = true, paste_.clear();
  else if (is({"[A", "OA"})) vertical(-1);
  else if (is({"[B", "OB"})) vertical(1);
  else if (is({"[C", "OC"})) cursor_ = next_character(text_, cursor_);
  else if (is({"[D", "OD"})) cursor_ = previous_character(text_, cursor_);
  else if (is({"[H", "OH", "[1~", "[7~"})) cursor_ = line_begin();
  else if (is({"[F", "OF", "[4~", "[8~"})) cursor_ = line_end();
  else if (is({"[3~"})) erase(cursor_, next_character(text_, cursor_), false);
  else if (is({"[1;5C", "[1;3C", "f"})) cursor_ = word_right();
  else if (is({"[1;5D", "[1;3D", "b"})) cursor_ = word_left();
  else if (is({"d", "[3;5~"})) erase(cursor_, word_right(), true);
  else if (is({"\x7f", "\b"})) erase(word_left(), cursor_, true);
  else if (is({"\r", "\n", "[13;2u", "[13;3u", "[27;2;13~"})) insert("\n");
  return Event::kNone;
}

void LineEditor::insert(std::string_view text) {
  if (text_.size() + text.size() > kLongestText) return;
  text_.insert(cursor_, text);
  cursor_ += text.size();
  changed_ = true;
}

void LineEditor::erase(size_t begin, size_t end, bool keep) {
  if (keep && begin < end) killed_ = text_.substr(begin, end - begin);
  text_.erase(begin, end - begin);
  cursor_ = begin;
}

void LineEditor::end_paste() {
  pasting_ = false;
  std::string pasted;
  for (size_t i = 0; i + kPasteEnd.size() < paste_.size(); ++i) {
    if (paste_[i] == '\r' && paste_[i + 1] == '\n') continue;
    pasted += paste_[i] == '\r' ? '\n' : paste_[i];
  }
  pasted = infer::printable_text(repair_utf8(pasted.substr(0, kLongestText / 4)));
  insert(pasted);
  paste_ = {};
}

size_t LineEditor::line_begin() const {
  const size_t found = cursor_ == 0 ? std::string::npos : text_.rfind('\n', cursor_ - 1);
  return found == std::string::npos ? 0 : found + 1;
}
size_t LineEditor::line_end() const { return std::min(text_.find('\n', cursor_), text_.size()); }

size_t LineEditor::word_left() const {
  size_t at = cursor_;
  while (at > 0 && !in_word(text_, at - 1)) --at;
  while (at > 0 && in_word(text_, at - 1)) --at;
  return at;
}
size_t LineEditor::word_right() const {
  size_t at = cursor_;
  while (at < text_.size() && !in_word(text_, at)) ++at;
  while (at < text_.size() && in_word(text_, at)) ++at;
  return at;
}

void LineEditor::vertical(int direction) {
  const size_t begin = line_begin(), end = line_end();
  if (direction < 0 ? begin > 0 : end < text_.size()) {
    const int column = columns_of(std::string_view(text_).substr(begin, cursor_ - begin));
    cursor_ = direction < 0 ? begin - 1 : end + 1;
    cursor_ = line_begin();
    const size_t stop = line_end();
    for (size_t line = cursor_; cursor_ < stop && columns_of(std::string_view(text_).substr(line, cursor_ - line)) < column;)
      cursor_ = next_character(text_, cursor_);
  } else if (direction < 0 && recalled_ > 0) {
    recall(recalled_ - 1);
  } else if (direction > 0 && recalled_ < history_.entries().size()) {
    recall(recalled_ + 1);
  }
}

void LineEditor::recall(size_t entry) {
  const auto& entries = history_.entries();
  if (recalled_ == entries.size()) draft_ = text_;
  text_ = entry < entries.size() ? entries[entry] : draft_;
  recalled_ = entry;
  cursor_ = text_.size();
}

void LineEditor::complete() {
  std::string common;
  bool any = false;
  for (const std::string& word : words_) {
    if (text_.empty() || cursor_ != text_.size() || !word.starts_with(text_)) continue;
    if (!any) common = word;
    any = true;
    size_t same = 0;
    while (same < std::min(common.size(), word.size()) && common[same] == word[same]) ++same;
    common.resize(same);
  }
  if (any) text_ = common, cursor_ = text_.size();
}

void LineEditor::begin_search() {
  searching_ = true;
  query_.clear();
}

void LineEditor::find(size_t before) {
  changed_ = true;
  for (size_t i = std::min(before, history_.entries().size()); i-- > 0;) {
    const size_t at = history_.entries()[i].find(query_);
    if (query_.empty() || at == std::string::npos) continue;
    recall(i);
    cursor_ = at;
    return;
  }
}

bool LineEditor::search_key(char byte) {
  if (byte == control('R')) {
    find(recalled_);
    return true;
  }
  if (byte == 0x7F || byte == control('H')) {
    query_.resize(previous_character(query_, query_.size()));
    changed_ = true;
    return true;
  }
  // Any other key takes what was found and does what it always does.
  if (static_cast<uint8_t>(byte) < 0x20) searching_ = false, changed_ = true;
  return false;
}

void LineEditor::resize(ScreenSize size) {
  if (size == size_) return;
  size_ = size;
  changed_ = true;
}

void LineEditor::draw_anew() {
  cursor_row_ = 0;
  changed_ = true;
}

std::string LineEditor::take_screen() {
  std::string out = std::move(screen_);
  screen_.clear();
  if (!changed_) return out;
  changed_ = false;
  Rows rows(size_.columns);
  const std::string prompt = searching_ ? "(search: " + query_ + ") " : prompt_;
  for (size_t at = 0; at < prompt.size();) {
    const size_t end = next_character(prompt, at);
    rows.put(std::string_view(prompt).substr(at, end - at));
    at = end;
  }
  for (size_t at = 0; at < text_.size();) {
    const size_t end = next_character(text_, at);
    if (at <= cursor_ && cursor_ < end) rows.mark_cursor();
    if (text_[at] == '\n') {
      rows.next();
      for (size_t i = 0; i < prompt_.size(); ++i) rows.put(" ");
    } else {
      rows.put(std::string_view(text_).substr(at, end - at));
    }
    at = end;
  }
  if (cursor_ == text_.size()) rows.mark_cursor();
  // What is taller than the screen is shown around the cursor.
  const size_t height = static_cast<size_t>(std::max(size_.lines - 1, 1));
  const size_t first = rows.cursor_row < height ? 0 : rows.cursor_row - height + 1;
  const size_t last = std::min(rows.rows.size(), first + height) - 1;
  out += "\r";
  if (cursor_row_ > 0) out += format_text("\x1b[%dA", cursor_row_);
  out += "\x1b[J";
  for (size_t i = first; i <= last; ++i) out += (i > first ? "\r\n" : "") + rows.rows[i];
  // A hint that wrapped would put the cursor on a row that nobody counts.
  if (!hint_.empty()) out += "\x1b[2m" + hint_.substr(0, static_cast<size_t>(std::max(rows.width - rows.column, 0))) + "\x1b[0m";
  if (rows.cursor_row < last) out += format_text("\x1b[%dA", static_cast<int>(last - rows.cursor_row));
  out += "\r";
  if (rows.cursor_column > 0) out += format_text("\x1b[%dC", rows.cursor_column);
  cursor_row_ = static_cast<int>(rows.cursor_row - first);
  return out;
}

std::string LineEditor::take_text() {
  std::string text = std::move(text_);
  text_.clear();
  cursor_ = 0;
  return text;
}

}  // namespace lathe::cli
