// The files of the page as the server gives them.
#include "serve/page_file.h"

#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <cstdio>
#include <string>

#include "serve/web_files.h"

namespace lathe::serve {
namespace {

std::string policy_of(const HttpResponse& response) {
  for (const auto& [name, value] : response.headers)
    if (name == "Content-Security-Policy") return value;
  return "";
}

// C-11.9
TEST(PageFile, EveryFileHasItsTypeAndAStrictPolicy) {
  EXPECT_FALSE(page_file("no-such-file").has_value());
  EXPECT_FALSE(page_file("").has_value());
  ASSERT_GT(web_files().size(), 30u);
  for (const WebFile& file : web_files()) {
    const std::optional<HttpResponse> response = page_file(file.name);
    ASSERT_TRUE(response.has_value()) << file.name;
    EXPECT_EQ(response->body, file.bytes);
    EXPECT_NE(response->content_type, "application/octet-stream") << file.name;
    const std::string policy = policy_of(*response);
    for (const char* rule :
         {"default-src 'none'", "script-src 'self';", "frame-ancestors 'self'", "require-trusted-types-for 'script'"})
      EXPECT_NE(policy.find(rule), std::string::npos) << rule;
    EXPECT_EQ(policy.find("unsafe"), std::string::npos);
    EXPECT_EQ(policy.find("http"), std::string::npos);
  }
}

TEST(TrapS12, NoFileOfThePageMakesElementsFromText) {
  for (const WebFile& file : web_files())
    for (const char* word : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser",
                             "createContextualFragment", "new Function"})
      EXPECT_EQ(file.bytes.find(word), std::string_view::npos) << word << " in " << file.name;
}

// Nothing is fetched from elsewhere: the only addresses are the names of XML's vocabularies and examples in texts.
TEST(PageFile, NothingComesFromElsewhere) {
  for (const WebFile& file : web_files())
    for (size_t at = 0; (at = file.bytes.find("://", at)) != std::string_view::npos; ++at) {
      const std::string_view address = file.bytes.substr(at, 14);
      EXPECT_TRUE(address == "://www.w3.org/" ||
                  !std::isalnum(static_cast<unsigned char>(address.size() > 3 ? address[3] : ' ')))
          << file.name << ": " << file.bytes.substr(at > 20 ? at - 20 : 0, 60);
    }
}

// C-17.17
TEST(Logo, HasTwelveRadialStrokesAndADiamond) {
  const std::string logo = page_file("logo.svg")->body;
  size_t strokes = 0;
  for (size_t at = 0; (at = logo.find("<line ", at)) != std::string::npos; ++at) {
    double x1 = 0, y1 = 0, x2 = 0, y2 = 0;
    ASSERT_EQ(std::sscanf(logo.c_str() + at, "<line x1=\"%lf\" y1=\"%lf\" x2=\"%lf\" y2=\"%lf\"", &x1, &y1, &x2, &y2),
              4);
    const double angle = (15 + 30 * static_cast<double>(strokes++)) * 3.14159265358979 / 180;
    EXPECT_NEAR(x1, 200 + 120 * std::cos(angle), 0.01);
    EXPECT_NEAR(y1, 200 + 120 * std::sin(angle), 0.01);
    EXPECT_NEAR(x2, 200 + 30 * std::cos(angle), 0.01);
    EXPECT_NEAR(y2, 200 + 30 * std::sin(angle), 0.01);
  }
  EXPECT_EQ(strokes, 12u);
  for (const char* part :
       {"width=\"400\"", "height=\"400\"", "cx=\"200\" cy=\"200\" r=\"120\"",
        "stop-color=\"#667eea\" stop-opacity=\"1\"", "stop-color=\"#764ba2\" stop-opacity=\"0.3\"",
        "stroke-width=\"6\"", "stroke-linecap=\"round\"", "M200 188 L212 200 L200 212 L188 200 Z", "fill=\"#000\""})
    EXPECT_NE(logo.find(part), std::string::npos) << part;
}

}  // namespace
}  // namespace lathe::serve
