#include "tasks/calculator.h"

#include "core/machine.h"
#include "tests/ref/testing.h"

namespace lathe::tasks {
namespace {

std::string run(std::string_view expression, CalculatorMode mode = CalculatorMode::kNative) {
  return calculate(expression, mode).value_or("none");
}

// C-10.14
TEST(Calculator, RemovesCommasEverywhereFirst) {
  EXPECT_EQ(run("1,234+1"), "1235");
  EXPECT_EQ(run("'a,b,a'.count('a')"), "2");
  EXPECT_EQ(run("2*,*3"), "none");  // becomes a power, which is refused
}

// C-10.15
TEST(Calculator, DividesLikePython) {
  EXPECT_EQ(run("6/2"), "3.0");
  EXPECT_EQ(run("7//2"), "3");
  EXPECT_EQ(run("-7//2"), "-4");
  EXPECT_EQ(run("7//-2"), "-4");
  EXPECT_EQ(run("-8//2"), "-4");
  EXPECT_EQ(run("-7.5//2"), "-4.0");
  EXPECT_EQ(run("1//0.1"), "9.0");
  EXPECT_EQ(run("0/-5"), "-0.0");
  EXPECT_EQ(run("1/0"), "none");
  EXPECT_EQ(run("1.0//0"), "none");
}

// C-10.15
TEST(Calculator, ReadsNumbersLikePython) {
  EXPECT_EQ(run("007"), "none");
  EXPECT_EQ(run("00"), "0");
  EXPECT_EQ(run("007.5"), "7.5");
  EXPECT_EQ(run("007."), "7.0");
  EXPECT_EQ(run("  .5"), "0.5");
  EXPECT_EQ(run("2 3"), "none");
  EXPECT_EQ(run("(1)(2)"), "none");
  EXPECT_EQ(run(""), "none");
  EXPECT_EQ(run("- + -5"), "5");
}

// C-10.15
TEST(Calculator, IntegersHaveAnySize) {
  EXPECT_EQ(run("123456789012345678901234567890*987654321098765432109876543210"),
            "121932631137021795226185032733622923332237463801111263526900");
  EXPECT_EQ(run("121932631137021795226185032733622923332237463801111263526900//987654321098765432109876543210"),
            "123456789012345678901234567890");
  EXPECT_EQ(run("-121932631137021795226185032733622923332237463801111263526901//987654321098765432109876543210"),
            "-123456789012345678901234567891");
  EXPECT_EQ(run("340282366920938463463374607431768211455//18446744073709551615"), "18446744073709551617");
  EXPECT_EQ(run("1000000000000000000000-999999999999999999999"), "1");
  EXPECT_EQ(run("18446744073709551616-1"), "18446744073709551615");
}

// Quotients rebuilt: (a * b + r) // b is a for 0 <= r < b. C-10.15
TEST(Calculator, LongDivisionUndoesLongProducts) {
  uint64_t state = 1;
  const auto digits = [&](int count) {
    std::string out(1, '1');
    for (int i = 1; i < count; ++i)
      out += static_cast<char>('0' + (state = state * 6364136223846793005u + 1) % 97 % 10);
    return out;
  };
  for (int i = 1; i < 60; ++i) {
    const std::string a = digits(i), b = digits(1 + i * 7 % 50), r = digits(1 + i * 7 % 50);
    EXPECT_EQ(run("(" + a + "*" + b + "+" + b + "-1)//" + b), a);
    EXPECT_EQ(run("(" + a + "*" + b + "+" + r + ")//" + b + "-" + r + "//" + b), a);
  }
}

// C-10.15, C-10.16
TEST(Calculator, TrueDivisionRoundsOnce) {
  EXPECT_EQ(run("1/3"), "0.3333333333333333");
  EXPECT_EQ(run("9007199254740993/1"), "9007199254740992.0");
  EXPECT_EQ(run("9007199254740995/1"), "9007199254740996.0");
  EXPECT_EQ(run("1" + std::string(400, '0') + "/1" + std::string(399, '0')), "10.0");
  EXPECT_EQ(run("1" + std::string(400, '0') + "/3"), "none");
  EXPECT_EQ(run("5/1" + std::string(324, '0')), "5e-324");
  EXPECT_EQ(run("2/1" + std::string(324, '0')), "0.0");
  EXPECT_EQ(run("1" + std::string(400, '0') + "*1.0"), "none");
}

// C-10.16
TEST(Calculator, WritesFloatsLikePython) {
  EXPECT_EQ(run("0.1+0.2"), "0.30000000000000004");
  EXPECT_EQ(run("10000000000000000.0"), "1e+16");
  EXPECT_EQ(run("1234567890123456.0"), "1234567890123456.0");
  EXPECT_EQ(run("123456789012345678.0"), "1.2345678901234568e+17");
  EXPECT_EQ(run("0.0001"), "0.0001");
  EXPECT_EQ(run("0.00001"), "1e-05");
  EXPECT_EQ(run("0.000012"), "1.2e-05");
  EXPECT_EQ(run("-0.0"), "-0.0");
  EXPECT_EQ(run("100.0"), "100.0");
  const std::string huge = "1" + std::string(400, '0') + ".";
  EXPECT_EQ(run(huge), "inf");
  EXPECT_EQ(run("-" + huge), "-inf");
  EXPECT_EQ(run(huge + "-" + huge), "nan");
}

// C-10.16
TEST(Calculator, TupleAndEllipsisHaveTextInCompatibleModeOnly) {
  EXPECT_EQ(run("()"), "none");
  EXPECT_EQ(run("..."), "none");
  EXPECT_EQ(run("()", CalculatorMode::kCompatible), "()");
  EXPECT_EQ(run("()+()*3", CalculatorMode::kCompatible), "()");
  EXPECT_EQ(run("(...)", CalculatorMode::kCompatible), "Ellipsis");
  EXPECT_EQ(run("()*1.5", CalculatorMode::kCompatible), "none");
}

// C-10.17
TEST(Calculator, CountsInStrings) {
  EXPECT_EQ(run("'strawberry'.count('r')"), "3");
  EXPECT_EQ(run(" 'strawberry'.count('r')"), "3");
  EXPECT_EQ(run("\"it's\".count(\"'\")"), "1");
  EXPECT_EQ(run("'aaaa'.count('aa')"), "2");
  EXPECT_EQ(run("'abc'.count('')"), "4");
  EXPECT_EQ(run("'ab' \"ba\".upper().count('B')"), "2");
  EXPECT_EQ(run("'  a '.strip().count(' ')"), "0");
  EXPECT_EQ(run("'xxaxx'.strip('x').count('x')"), "0");
  EXPECT_EQ(run("'abc'.count('b').real"), "1");
  EXPECT_EQ(run("not not 'abc'.count('b')"), "True");
  EXPECT_EQ(run("'a'.count('b') or 'yes'"), "yes");
  EXPECT_EQ(run("'a'.count('b') and 5"), "0");
  EXPECT_EQ(run("1 if 'a'.count('b') else 2 if 'a'.count('c') else 3"), "3");
}

// C-10.17
TEST(Calculator, RefusesEveryOtherName) {
  for (const char* text : {"len('abc')", "x.count('x')", "'a'.count(x)", "'a'.count", "'a'.__class__.count('a')",
                           "'abc'.find('b').count('x')", "'a'.count('a' 'b' c)", "'a'.count(1)", "'a'.count()",
                           "print('a').count('a')", "'a'.count('a')\n", "'h\xC3\xA9'.count('h')", "'a'.count(\"a"})
    EXPECT_EQ(run(text), "none") << text;
}

// C-10.18
TEST(Calculator, InnocentWordsAreBlockedInCompatibleModeOnly) {
  for (const char* text : {"'important'.count('t')", "'direct'.count('r')", "'PROFILE'.count('I')"}) {
    EXPECT_NE(run(text), "none") << text;
    EXPECT_EQ(run(text, CalculatorMode::kCompatible), "none") << text;
  }
  EXPECT_EQ(run("'strawberry'.count('r')", CalculatorMode::kCompatible), "3");
}

// C-10.19, C-10.20
TEST(Calculator, LongWorkEndsWithoutResultInsteadOfHanging) {
  const double start = process_cpu_seconds();
  std::string product = "9";
  for (int i = 0; i < 100'000; ++i) product += "*9";
  EXPECT_EQ(run(product), "none");
  std::string huge(4300, '9');
  std::string squares = huge;
  for (int i = 0; i < 50; ++i) squares += "*" + huge;
  EXPECT_EQ(run(squares), "none");
  EXPECT_EQ(run(std::string(100'000, '(') + "1" + std::string(100'000, ')')), "none");
  EXPECT_EQ(run(std::string(100'000, '-') + "1"), "1");
  EXPECT_EQ(run(std::string(1'000'000, '1')), "none");
  std::string nested = "1";
  for (int i = 0; i < 20'000; ++i) nested += " if 'a'.count('a') else 1";
  EXPECT_EQ(run(nested), "none");
  EXPECT_LT(process_cpu_seconds() - start, 3);
}

// C-10.20
TEST(Calculator, IntegersAbove4300DigitsAreNoResult) {
  const std::string half(2150, '9');
  EXPECT_EQ(run(half + "*" + half).size(), 4300u);
  EXPECT_EQ(run(half + "*" + half + "*10"), "none");
  EXPECT_EQ(run(half + "*" + half + "*10-" + half + "*" + half + "*10"), "0");
  EXPECT_EQ(run(std::string(4301, '1')), "none");
  EXPECT_EQ(run(std::string(4300, '1')), std::string(4300, '1'));
}

// C-10.27
TEST(Calculator, NamesOfSpecialTokensAreRefused) {
  EXPECT_EQ(run("1+1<|python_start|>"), "none");
  EXPECT_EQ(run("<|assistant_end|>"), "none");
  EXPECT_EQ(run("'a'.count('a')<|bos|>"), "none");
  EXPECT_EQ(run(std::string("1+1\0", 4)), "none");
}

}  // namespace
}  // namespace lathe::tasks
