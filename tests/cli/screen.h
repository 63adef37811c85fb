// A terminal made of characters: takes the control sequences that the line editor and the painter write, nothing else.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "cli/line_editor.h"
#include "cli/text_columns.h"

namespace lathe::cli {

class Screen {
 public:
  explicit Screen(ScreenSize size) : size_(size), cells_(static_cast<size_t>(size.lines), std::vector<std::string>(static_cast<size_t>(size.columns), " ")) {}

  void write(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      if (text[at] == '\x1b') {
        at = sequence(text, at + 1);
      } else if (text[at] == '\r') {
        column_ = 0, ++at;
      } else if (text[at] == '\n') {
        down(), ++at;
      } else {
        const size_t end = next_character(text, at);
        put(std::string(text.substr(at, end - at)));
        at = end;
      }
    }
  }
  int row() const { return row_; }
  int column() const { return std::min(column_, size_.columns - 1); }
  // Rows without blanks at their ends, and without empty rows at the end.
  std::vector<std::string> rows() const {
    std::vector<std::string> rows;
    for (const auto& line : cells_) {
      std::string row;
      for (const std::string& cell : line) row += cell;
      row.erase(row.find_last_not_of(' ') + 1);
      rows.push_back(row);
    }
    while (!rows.empty() && rows.back().empty()) rows.pop_back();
    return rows;
  }

 private:
  std::vector<std::string>& line() { return cells_[static_cast<size_t>(row_)]; }
  void down() {
    if (row_ + 1 < size_.lines) {
      ++row_;
    } else {
      cells_.erase(cells_.begin());
      cells_.emplace_back(static_cast<size_t>(size_.columns), " ");
    }
  }
  void put(const std::string& character) {
    const int columns = columns_of(character);
    if (column_ + columns > size_.columns) column_ = 0, down();
    line()[static_cast<size_t>(column_)] = character;
    for (int i = 1; i < columns; ++i) line()[static_cast<size_t>(column_ + i)] = "";
    column_ += columns;
  }
  size_t sequence(std::string_view text, size_t at) {
    if (text.at(at) != '[') throw std::runtime_error("unknown sequence");
    const size_t end = text.find_first_not_of("0123456789;?", at + 1);
    const std::string parameters(text.substr(at + 1, end - at - 1));
    const int count = parameters.empty() || parameters[0] == '?' ? 1 : std::stoi(parameters);
    column_ = std::min(column_, size_.columns - 1);
    switch (text.at(end)) {
      case 'A': row_ = std::max(row_ - count, 0); break;
      case 'C': column_ = std::min(column_ + count, size_.columns - 1); break;
      case 'H': row_ = column_ = 0; break;
      case 'J':
        if (parameters != "2") std::fill(line().begin() + column_, line().end(), " ");
        for (size_t i = parameters == "2" ? 0 : static_cast<size_t>(row_) + 1; i < cells_.size(); ++i) std::fill(cells_[i].begin(), cells_[i].end(), " ");
        break;
      case 'm': case 'h': case 'l': break;
      default: throw std::runtime_error("unknown sequence " + std::string(text.substr(at, end + 1 - at)));
    }
    return end + 1;
  }

  ScreenSize size_;
  std::vector<std::vector<std::string>> cells_;
  int row_ = 0, column_ = 0;
};

}  // namespace lathe::cli
