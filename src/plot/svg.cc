#include "plot/svg.h"

#include <cmath>

#include "core/text.h"

namespace lathe::plot {
namespace {

// Series colours: the eight of Okabe and Ito, made for readers with any colour vision, lightened where the ground is dark.
constexpr const char* kStyle = R"(<style>
.chart{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;color-scheme:light dark}
.chart text{fill:#3b4252}.chart .title{font-size:15px;font-weight:600;fill:#1b202b}.chart .strong{fill:#1b202b}
.chart .grid{stroke:#e3e6ec;stroke-width:1}.chart .axis{stroke:#9aa3b2;stroke-width:1}
.chart .level{stroke:#5b6474;stroke-width:1.5;stroke-dasharray:5 4}.chart .mark{stroke:#1b202b;stroke-width:1.5;fill:none}.chart .base{stroke:#c4162f;stroke-width:2}
.chart path{fill:none;stroke-width:1.8;stroke-linejoin:round}.chart .bar{fill:#93c4e6}
.chart .s0{stroke:#0072b2;fill:#0072b2}.chart .s1{stroke:#d55e00;fill:#d55e00}.chart .s2{stroke:#009e73;fill:#009e73}
.chart .s3{stroke:#b0568f;fill:#b0568f}.chart .s4{stroke:#9a7400;fill:#9a7400}.chart .s5{stroke:#3a8fc4;fill:#3a8fc4}
.chart .s6{stroke:#7a5195;fill:#7a5195}.chart .s7{stroke:#555d6b;fill:#555d6b}.chart rect[class^="s"]{stroke:none}
.chart path[class^="s"]{fill:none}
@media (prefers-color-scheme:dark){
.chart text{fill:#c3c9d4}.chart .title,.chart .strong{fill:#f0f2f6}
.chart .grid{stroke:#2d333f}.chart .axis{stroke:#6b7484}.chart .level{stroke:#a3abba}.chart .mark{stroke:#f0f2f6}.chart .base{stroke:#ff7a8a}.chart .bar{fill:#2c6a94}
.chart .s0{stroke:#5ab4e8;fill:#5ab4e8}.chart .s1{stroke:#f28e4b;fill:#f28e4b}.chart .s2{stroke:#3fcfa4;fill:#3fcfa4}
.chart .s3{stroke:#e08fc3;fill:#e08fc3}.chart .s4{stroke:#e3c04f;fill:#e3c04f}.chart .s5{stroke:#9ad0f0;fill:#9ad0f0}
.chart .s6{stroke:#b99ad6;fill:#b99ad6}.chart .s7{stroke:#a3abba;fill:#a3abba}.chart path[class^="s"]{fill:none}
}
</style>
)";

const char* anchor_name(Anchor anchor) {
  return anchor == Anchor::kStart ? "start" : anchor == Anchor::kMiddle ? "middle" : "end";
}

std::string class_attribute(const std::string& classes) { return classes.empty() ? "" : " class=\"" + classes + "\""; }

}  // namespace

std::string escape_markup(std::string_view text) {
  std::string out;
  for (const char c : repair_utf8(text)) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\n' || c == '\t' || static_cast<unsigned char>(c) >= 0x20)
      out += c;
  }
  return out;
}

std::string colour_class(int i) { return "s" + std::to_string(i % kColours); }

std::string coordinate(double value) {
  const double rounded = std::round(value * 100) / 100;
  return shortest_double(rounded == 0 ? 0 : rounded);
}

Svg::Svg(double width, double height, std::string_view title) : width_(width), height_(height), title_(title) {}

void Svg::line(double x1, double y1, double x2, double y2, const std::string& classes) {
  body_ += join_text("<line x1=\"", coordinate(x1), "\" y1=\"", coordinate(y1), "\" x2=\"", coordinate(x2), "\" y2=\"",
                     coordinate(y2), "\"", class_attribute(classes), "/>\n");
}

void Svg::rect(double x, double y, double width, double height, const std::string& classes, std::string_view tooltip) {
  body_ += join_text("<rect x=\"", coordinate(x), "\" y=\"", coordinate(y), "\" width=\"", coordinate(width), "\" height=\"",
                     coordinate(height), "\"", class_attribute(classes));
  body_ += tooltip.empty() ? "/>\n" : join_text("><title>", escape_markup(tooltip), "</title></rect>\n");
}

void Svg::circle(double x, double y, double radius, const std::string& classes) {
  body_ += join_text("<circle cx=\"", coordinate(x), "\" cy=\"", coordinate(y), "\" r=\"", coordinate(radius), "\"",
                     class_attribute(classes), "/>\n");
}

void Svg::text(double x, double y, std::string_view content, Anchor anchor, const std::string& classes) {
  body_ += join_text("<text x=\"", coordinate(x), "\" y=\"", coordinate(y), "\" text-anchor=\"", anchor_name(anchor), "\"",
                     class_attribute(classes), ">", escape_markup(content), "</text>\n");
}

void Svg::text_upwards(double x, double y, std::string_view content) {
  body_ += join_text("<text transform=\"translate(", coordinate(x), " ", coordinate(y), ") rotate(-90)\" text-anchor=\"middle\">",
                     escape_markup(content), "</text>\n");
}

void Svg::path(const std::string& d, const std::string& classes) {
  body_ += join_text("<path d=\"", d, "\"", class_attribute(classes), "/>\n");
}

std::string Svg::finish() const {
  const std::string w = coordinate(width_), h = coordinate(height_), name = escape_markup(title_);
  return join_text("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" viewBox=\"0 0 ", w, " ", h, "\" width=\"", w,
                   "\" height=\"", h, "\" role=\"img\" aria-label=\"", name, "\">\n", kStyle, body_, "</svg>\n");
}

}  // namespace lathe::plot
