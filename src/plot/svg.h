// A picture under construction: text elements of SVG 1.1 with the classes of one style sheet, which follows the
// reader's light or dark preference. Coordinates are in pixels, y downwards.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lathe::plot {

// For text between tags and in double-quoted attributes: & < > " escaped, invalid UTF-8 repaired, control characters
// (which XML forbids) dropped.
std::string escape_markup(std::string_view text);

// The colour of series i: classes "s0" to "s7", then again from the start. Other classes: title, strong (text), grid,
// axis, level (dashed), mark (whiskers), base (baselines), bar.
constexpr int kColours = 8;
std::string colour_class(int i);

enum class Anchor { kStart, kMiddle, kEnd };

class Svg {
 public:
  // `title` is the picture's accessible name.
  Svg(double width, double height, std::string_view title);

  void line(double x1, double y1, double x2, double y2, const std::string& classes);
  void rect(double x, double y, double width, double height, const std::string& classes, std::string_view tooltip = "");
  void circle(double x, double y, double radius, const std::string& classes);
  void text(double x, double y, std::string_view content, Anchor anchor, const std::string& classes = "");
  void text_upwards(double x, double y, std::string_view content);  // turned by 90 degrees, centred
  void path(const std::string& d, const std::string& classes);

  std::string finish() const;  // the whole element, usable as a file and inside HTML

 private:
  std::string body_;
  double width_, height_;
  std::string title_;
};

std::string coordinate(double value);  // at most two decimals

}  // namespace lathe::plot
