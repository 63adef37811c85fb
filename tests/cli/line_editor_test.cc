#include "cli/line_editor.h"

#include <gtest/gtest.h>

#include "tests/cli/screen.h"

namespace lathe::cli {
namespace {

using namespace std::string_view_literals;

using Rows = std::vector<std::string>;
using Event = LineEditor::Event;

constexpr const char* kLeft = "\x1b[D";
constexpr const char* kUp = "\x1b[A";
constexpr const char* kDown = "\x1b[B";

struct Typed {
  explicit Typed(ScreenSize size = {40, 10}, Rows entries = {}) : screen(size) {
    for (const std::string& entry : entries) EXPECT_TRUE(history.add(entry).ok());
    editor.begin("User: ", size);
    draw();
  }
  Event type(std::string_view bytes) {
    Event event = Event::kNone;
    for (const char byte : bytes) {
      event = editor.feed(byte);
      draw();
    }
    return event;
  }
  void draw() { screen.write(editor.take_screen()); }
  std::string at_cursor() const { return std::to_string(screen.row()) + "," + std::to_string(screen.column()); }

  LineHistory history;
  LineEditor editor{history, {"/clear", "/temperature", "/topk", "/topp"}};
  Screen screen;
};

TEST(LineEditor, ALineIsTypedAndTaken) {
  Typed t;
  EXPECT_EQ(t.screen.rows(), (Rows{"User:"}));
  EXPECT_EQ(t.at_cursor(), "0,6");
  EXPECT_EQ(t.type("hello"), Event::kNone);
  EXPECT_EQ(t.screen.rows(), (Rows{"User: hello"}));
  EXPECT_EQ(t.type("\r"), Event::kText);
  EXPECT_EQ(t.editor.take_text(), "hello");
  EXPECT_EQ(t.at_cursor(), "1,0");
}

TEST(LineEditor, EditsInTheMiddleOfTheLine) {
  Typed t;
  t.type(std::string("helo") + kLeft + "l");
  EXPECT_EQ(t.screen.rows(), (Rows{"User: hello"}));
  EXPECT_EQ(t.at_cursor(), "0,10");
  t.type("\x01>\x05<");  // Ctrl-A, Ctrl-E
  EXPECT_EQ(t.editor.text(), ">hello<");
  t.type("\x7f\x1b[H\x1b[3~");  // Backspace, Home, Delete
  EXPECT_EQ(t.editor.text(), "hello");
  t.type("\x05 big world\x17");  // Ctrl-W
  EXPECT_EQ(t.editor.text(), "hello big ");
  t.type("\x1b" "b\x0b");  // Alt-B, Ctrl-K
  EXPECT_EQ(t.editor.text(), "hello ");
  t.type("\x19\x15");  // Ctrl-Y, Ctrl-U
  EXPECT_EQ(t.editor.text(), "");
  t.type("\x19");
  EXPECT_EQ(t.editor.text(), "hello big ");
  EXPECT_EQ(t.screen.rows(), (Rows{"User: hello big"}));
}

TEST(LineEditor, WideAndCombiningCharactersAreSteppedOverWhole) {
  Typed t;
  t.type("\xE6\x97\xA5\xE6\x9C\xAC e\xCC\x81!");  // two wide ones, e with a combining accent
  EXPECT_EQ(t.screen.rows(), (Rows{"User: \xE6\x97\xA5\xE6\x9C\xAC e\xCC\x81!"}));
  EXPECT_EQ(t.at_cursor(), "0,13");
  t.type(std::string(kLeft) + kLeft);
  EXPECT_EQ(t.at_cursor(), "0,11");
  t.type("\x7f\x7f");
  EXPECT_EQ(t.editor.text(), "\xE6\x97\xA5" "e\xCC\x81!");
  EXPECT_EQ(t.at_cursor(), "0,8");
  t.type("\x1b[3~");
  EXPECT_EQ(t.editor.text(), "\xE6\x97\xA5!");
}

TEST(LineEditor, BytesThatAreNoTextDoNothing) {
  Typed t;
  t.type("a\xFF\xC3(\x9B\xED\xA0\x80\xC2\x9B" "b\x1b[99;99Xc\x1bOZ\x02\x00"sv);
  EXPECT_EQ(first_invalid_utf8(t.editor.text()), -1);
  EXPECT_EQ(t.editor.text().find('\x1b'), std::string::npos);
  EXPECT_TRUE(t.editor.text().starts_with("a"));
}

TEST(LineEditor, LongLinesWrapAtTheEdgeAndResize) {
  Typed t({10, 6});
  t.type("abcdefghij");
  EXPECT_EQ(t.screen.rows(), (Rows{"User: abcd", "efghij"}));
  EXPECT_EQ(t.at_cursor(), "1,6");
  t.type("klmn");  // full to the edge: the cursor stands at the beginning of the next row
  EXPECT_EQ(t.at_cursor(), "2,0");
  t.type("\x01x");
  EXPECT_EQ(t.screen.rows(), (Rows{"User: xabc", "defghijklm", "n"}));
  EXPECT_EQ(t.at_cursor(), "0,7");
  Typed wide({7, 6});
  wide.type("\xE6\x97\xA5\xE6\x97\xA5");  // does not fit into the last column
  EXPECT_EQ(wide.screen.rows(), (Rows{"User:", "\xE6\x97\xA5\xE6\x97\xA5"}));
}

TEST(LineEditor, ATextTallerThanTheScreenIsShownAroundTheCursor) {
  Typed t({20, 4});
  t.type("one\ntwo\nthree\nfour\nfive");
  EXPECT_EQ(t.screen.rows(), (Rows{"      three", "      four", "      five"}));
  t.type(std::string(kUp) + kUp + kUp + kUp);
  EXPECT_EQ(t.screen.rows(), (Rows{"User: one", "      two", "      three"}));
}

TEST(LineEditor, SeveralLinesByBackslashAltEnterAndPaste) {
  Typed t;
  EXPECT_EQ(t.type("one\\\r"), Event::kNone);
  EXPECT_EQ(t.type("two\x1b\r"), Event::kNone);
  EXPECT_EQ(t.type("\x1b[200~three\r\nfour\rfive\tx\x1b[31m\x1b[201~"), Event::kNone);
  EXPECT_EQ(t.editor.text(), "one\ntwo\nthree\nfour\nfive\tx[31m");
  EXPECT_EQ(t.screen.rows(), (Rows{"User: one", "      two", "      three", "      four", "      five    x[31m"}));
  EXPECT_EQ(t.type("\r"), Event::kText);
  EXPECT_EQ(t.editor.take_text(), "one\ntwo\nthree\nfour\nfive\tx[31m");
}

TEST(LineEditor, UpAndDownGoBetweenLinesThenThroughTheHistory) {
  Typed t({40, 10}, {"first", "second\nline"});
  t.type("draft");
  t.type(kUp);
  EXPECT_EQ(t.editor.text(), "second\nline");
  t.type(kUp);  // within the text
  EXPECT_EQ(t.editor.cursor(), 4u);
  t.type(kUp);
  EXPECT_EQ(t.editor.text(), "first");
  t.type(kUp);
  EXPECT_EQ(t.editor.text(), "first");
  t.type(std::string(kDown) + kDown);
  EXPECT_EQ(t.editor.text(), "draft");
}

TEST(LineEditor, CtrlRFindsWhatWasTypedBefore) {
  Typed t({60, 10}, {"the blue sky", "a red rose", "blue whale"});
  t.type("\x12" "blue");
  EXPECT_EQ(t.editor.text(), "blue whale");
  EXPECT_EQ(t.screen.rows(), (Rows{"(search: blue) blue whale"}));
  t.type("\x12");
  EXPECT_EQ(t.editor.text(), "the blue sky");
  EXPECT_EQ(t.type("\r"), Event::kText);
}

TEST(LineEditor, TabCompletesCommandsAsFarAsTheyAgree) {
  Typed t;
  t.type("/te\t");
  EXPECT_EQ(t.editor.text(), "/temperature");
  t.type("\x15/to\t");
  EXPECT_EQ(t.editor.text(), "/top");
  t.type("\x15word\t");
  EXPECT_EQ(t.editor.text(), "word");
}

// C-11.3
TEST(LineEditor, CtrlCClearsTheLineAndTwiceLeaves) {
  Typed t;
  EXPECT_EQ(t.type("hello\x03"), Event::kNone);
  EXPECT_EQ(t.screen.rows(), (Rows{"User: (Ctrl-C again leaves)"}));
  EXPECT_EQ(t.type("x"), Event::kNone);
  EXPECT_EQ(t.screen.rows(), (Rows{"User: x"}));
  EXPECT_EQ(t.type("\x03"), Event::kNone);
  EXPECT_EQ(t.type("\x03"), Event::kLeave);
}

// C-11.3
TEST(LineEditor, CtrlDLeavesWhenThereIsNoText) {
  Typed t;
  EXPECT_EQ(t.type("ab\x01\x04"), Event::kNone);
  EXPECT_EQ(t.editor.text(), "b");
  EXPECT_EQ(t.type("\x04\x04"), Event::kLeave);
}

// Latin-1 from another terminal: what is no character is left out, the key behind it counts.
TEST(LineEditor, BytesThatAreNotUtf8SwallowNoKey) {
  Typed t;
  EXPECT_EQ(t.type("caf\xe9\r"), Event::kText);
  EXPECT_EQ(t.editor.take_text(), "caf");
  Typed other;
  other.type("\xf0\x9f" "a\xe2\x82\xe2\x82\xac");
  EXPECT_EQ(other.editor.text(), "a\u20ac");
  EXPECT_EQ(other.type("\xc3\x03\x03"), Event::kLeave);
}

TEST(LineEditor, AltWithAnArrowKeyTypesNothing) {
  Typed t;
  t.type("ab\x1b\x1b[D!");
  EXPECT_EQ(t.editor.text(), "a!b");
}

TEST(LineEditor, WideCharactersOfASearchStandOnTheirColumns) {
  Typed t({18, 10}, {"\u65e5\u672c"});
  t.type("\x12" "\u65e5\u672c");
  EXPECT_EQ(t.screen.rows(), (Rows{"(search: \u65e5\u672c) \u65e5", "\u672c"}));
  EXPECT_EQ(t.at_cursor(), "0,15");
}

// C-11.3
TEST(LineEditor, AHintFitsItsRow) {
  Typed t({16, 10});
  t.type("hello\x03");
  EXPECT_EQ(t.screen.rows(), (Rows{"User: (Ctrl-C ag"}));
  EXPECT_EQ(t.at_cursor(), "0,6");
}

}  // namespace
}  // namespace lathe::cli
