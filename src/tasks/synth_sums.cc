// Sums and word problems of one to three steps. Every result comes from the calculator: the model only has to copy
// the numbers into an expression and the result into the answer. The key is the chain of operations, whatever the
// wording; sums and products of two numbers count as the same in either order.
#include <algorithm>

#include "core/check.h"
#include "tasks/calculator.h"
#include "tasks/synth_people.h"
#include "tasks/synth_problem.h"
#include "tasks/synth_text.h"

namespace lathe::tasks {
namespace {

int64_t between(int64_t low, int64_t high, Rng& rng) {
  return low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(high - low + 1)));
}

// 2 to 4 digits, each length as likely.
int64_t draw_number(Rng& rng, int64_t max_digits = 4) {
  static constexpr int64_t kPowers[] = {1, 10, 100, 1000, 10000};
  const int64_t digits = between(2, max_digits, rng);
  return between(kPowers[digits - 1], kPowers[digits] - 1, rng);
}

std::string str(int64_t value) { return std::to_string(value); }

std::string result_of(const std::string& expression) {
  const std::optional<std::string> result = calculate(expression);
  LATHE_CHECK(result.has_value(), "no result for ", expression);
  return *result;
}

// "348+57" as it is said: "348 + 57".
std::string spaced(std::string_view expression) {
  std::string out;
  for (size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    if (c == '/' && i + 1 < expression.size() && expression[i + 1] == '/') continue;
    const bool sign = c == '+' || c == '-' || c == '*' || c == '/';
    if (sign) out += ' ';
    out += c;
    if (sign) out += ' ';
  }
  return out;
}

// Appends "348 + 57 = ", the call and the result.
void add_call(std::vector<Part>& answer, const std::string& lead, const std::string& expression) {
  const std::string result = result_of(expression);
  answer.push_back({Part::Kind::kText, lead + spaced(expression) + " = "});
  answer.push_back({Part::Kind::kPython, expression});
  answer.push_back({Part::Kind::kOutput, result});
}

std::string in_order(int64_t a, char op, int64_t b) {
  return op == '+' || op == '*' ? str(std::min(a, b)) + op + str(std::max(a, b)) : str(a) + op + str(b);
}

Problem plain_sum(Rng& rng) {
  Scene scene(rng);
  std::string expression, key, form;
  const uint64_t shape = rng.below(10);
  if (shape < 6) {
    int64_t a = draw_number(rng), b = draw_number(rng);
    const char op = "++--*/"[rng.below(6)];
    if (op == '-' && a < b) std::swap(a, b);
    if (op == '*') {
      a = draw_number(rng, 3);
      b = between(2, 99, rng);
      if (rng.chance(0.5)) std::swap(a, b);
    }
    if (op == '/') {
      b = between(2, 99, rng);
      a = b * between(std::max<int64_t>(2, 10 / b + 1), 9999 / b, rng);
    }
    expression = str(a) + (op == '/' ? "//" : std::string(1, op)) + str(b);
    key = in_order(a, op, b);
    scene.set("x", str(a));
    scene.set("y", str(b));
    switch (op) {
      case '+':
        form = "[What is {x} plus {y}?|Add {x} and {y}.|What is the sum of {x} and {y}?|How much is {x} plus {y}?]";
        break;
      case '-':
        form = "[What is {x} minus {y}?|Subtract {y} from {x}.|How much is {x} minus {y}?|Take {y} away from {x}.]";
        break;
      case '*':
        form =
            "[What is {x} times {y}?|Multiply {x} by {y}.|How much is {x} times {y}?|What is the product of {x} and "
            "{y}?]";
        break;
      default:
        form = "[What is {x} divided by {y}?|Divide {x} by {y}.|How much is {x} divided by {y}?]";
        break;
    }
    if (rng.chance(0.5)) form.clear();
  } else {
    const int64_t a = draw_number(rng), b = draw_number(rng), c = draw_number(rng, 3), d = draw_number(rng, 3);
    const int64_t small = between(2, 20, rng);
    switch (rng.below(7)) {
      case 0:
        expression = str(a) + "+" + str(b) + "+" + str(c);
        break;
      case 1:
        expression = str(std::max(a, b)) + "-" + str(std::min(a, b)) + "+" + str(c);
        break;
      case 2:
        expression = str(a) + "+" + str(b) + "-" + str(std::min(c, a + b));
        break;
      case 3:
        expression = str(c) + "*" + str(small) + "+" + str(a);
        break;
      case 4:
        expression = "(" + str(c) + "+" + str(d) + ")*" + str(small);
        break;
      case 5:
        expression = str(a) + "+" + str(c) + "*" + str(small);
        break;
      default:
        expression = str(a) + "+" + str(b) + "-" + str(std::min(c, a)) + "+" + str(d);
        break;
    }
    key = expression;
  }
  scene.set("e", spaced(expression));
  if (form.empty())
    form =
        "[What is {e}?|{e} = ?|Calculate {e}.|Compute {e}.|How much is {e}?|Work out {e}.|Please calculate {e}.|What "
        "is the result of {e}?|Can you calculate {e}?|Solve {e}.]";
  const auto operators =
      std::count_if(expression.begin(), expression.end(), [](char c) { return c == '+' || c == '-' || c == '*'; });
  Problem problem;
  problem.kind = operators <= 1 ? "plain, one step" : operators == 2 ? "plain, two steps" : "plain, three steps";
  problem.key = "sums|" + key;
  problem.question = scene.expand(form);
  add_call(problem.answer, "", expression);
  problem.expected = problem.answer.back().text;
  problem.answer.push_back({Part::Kind::kText, problem.expected + "\n#### " + problem.expected});
  return problem;
}

// A word problem of one operation that ends with its question.
struct SingleForm {
  char op;
  std::string_view text, answer;
};
constexpr SingleForm kSingles[] = {
    {'+', "{n} has {x} {things}. {fn} has {y} {things}. How many {things} do they have together?",
     "Together they have {r} {things}."},
    {'+',
     "There are {x} {things} in the first {c} and {y} in the second one. How many {things} are there in "
     "all?",
     "There are {r} {things} in all."},
    {'+', "{n} reads {x} pages in one [week|month] and {y} pages in the next. How many pages does {he} read in all?",
     "{n} reads {r} pages in all."},
    {'+',
     "A train travels {x} miles on [Monday|Friday] and {y} miles on [Tuesday|Saturday]. How far does it travel in all?",
     "The train travels {r} miles."},
    {'-', "{n} has {x} {things}. {fn} has {y} {things}. How many more {things} does {n} have than {fn}?",
     "{n} has {r} more {things}."},
    {'-', "A book has {x} pages. {n} has read {y} pages. How many pages are left?", "There are {r} pages left."},
    {'-', "A farmer has {x} {things}. He sells {y} of them. How many {things} are left?",
     "There are {r} {things} left."},
    {'-', "{n} wants to save {x} coins. {He} already has {y} coins. How many coins does {he} still need?",
     "{n} still needs {r} coins."},
    {'*', "One {c} holds {x} {things}. How many {things} are in {y} {s c} of this kind?", "There are {r} {things}."},
    {'*', "A ticket costs {x} coins. How many coins do {y} tickets cost?", "The tickets cost {r} coins."},
    {'*', "{n} walks {x} steps every day. How many steps does {he} walk in {y} days?", "{n} walks {r} steps."},
    {'*', "There are {y} rows with {x} chairs each. How many chairs are there?", "There are {r} chairs."},
    {'/',
     "{n} puts {x} {things} into {y} {s c}, the same number in each. How many {things} are in each of "
     "them?",
     "There are {r} {things} in each."},
    {'/', "{y} children share {x} {things} equally. How many {things} does each child get?",
     "Each child gets {r} {things}."},
    {'/', "{x} people travel in {y} buses, the same number in each. How many people are in each bus?",
     "There are {r} people in each bus."},
};

constexpr std::string_view kThings =
    "[apples|pears|shells|stamps|marbles|books|coins|cards|beads|stones|nuts|eggs|candles|plums|buttons|pencils|"
    "cherries|feathers|flowers|lemons|cookies|balloons]";

void set_story(Scene& scene) {
  const std::vector<Person> two = draw_people(2, scene.rng());
  set_person(scene, "", two[0]);
  set_person(scene, "f", two[1]);
  scene.set("things", scene.expand(kThings));
  scene.set("c", scene.expand("[box|bag|basket|jar|crate]"));
}

void finish(Problem& problem, Scene& scene, std::string_view sentence) {
  const std::string result = problem.answer.back().text;
  scene.set("r", result);
  problem.answer.push_back({Part::Kind::kText, result + "\n" + scene.expand(sentence) + "\n#### " + result});
  problem.expected = result;
}

Problem single_problem(Rng& rng) {
  Scene scene(rng);
  set_story(scene);
  const SingleForm& form = kSingles[rng.below(std::size(kSingles))];
  int64_t x = draw_number(rng), y = draw_number(rng);
  if (form.op == '-' && x <= y) std::swap(x, y);
  if (form.op == '-' && x == y) ++x;
  if (form.op == '*') x = draw_number(rng, 3), y = between(2, 30, rng);
  if (form.op == '/') y = between(2, 30, rng), x = y * between(std::max<int64_t>(2, 10 / y + 1), 200, rng);
  scene.set("x", str(x));
  scene.set("y", str(y));
  Problem problem;
  problem.kind = "story, one step";
  problem.key = "sums|" + in_order(x, form.op, y);
  problem.question = scene.expand(form.text);
  add_call(problem.answer, "", str(x) + (form.op == '/' ? "//" : std::string(1, form.op)) + str(y));
  finish(problem, scene, form.answer);
  return problem;
}

constexpr std::string_view kGains[] = {"{He} buys {y} more.", "{fn} gives {him} {y} more.", "Then {he} finds {y} more.",
                                       "{He} gets {y} more from {his} [aunt|uncle|mother].",
                                       "After that, {he} collects {y} more."};
constexpr std::string_view kLosses[] = {"{He} gives {y} of them to {fn}.", "{He} loses {y} of them.",
                                        "{He} sells {y} of them.", "Then {he} gives away {y} of them.",
                                        "{He} leaves {y} of them at home."};

// A chain: a start, one or two changes, and sometimes a price or a fair share at the end.
Problem chain_problem(Rng& rng) {
  Scene scene(rng);
  set_story(scene);
  Problem problem;
  int64_t value = draw_number(rng);
  scene.set("x", str(value));
  problem.question = scene.expand("{n} has {x} {things}.");
  problem.key = "sums|" + str(value);
  const auto step = [&](char op, int64_t y) {
    add_call(problem.answer, problem.answer.empty() ? "" : problem.answer.back().text + "\n",
             str(value) + (op == '/' ? "//" : std::string(1, op)) + str(y));
    value = std::stoll(problem.answer.back().text);
    // The same problem as the plain sum that is written this way.
    if (op == '*' || op == '/') problem.key = "sums|(" + problem.key.substr(5) + ")";
    problem.key += op + str(y);
  };
  const uint64_t changes = 1 + rng.below(2);
  for (uint64_t i = 0; i < changes; ++i) {
    const bool gain = value < 40 || rng.chance(0.5);
    const int64_t y =
        gain ? draw_number(rng) : between(10, std::max<int64_t>(10, std::min<int64_t>(value - 10, 9999)), rng);
    scene.set("y", str(y));
    const auto& forms = gain ? kGains : kLosses;
    problem.question += " " + scene.expand(forms[rng.below(std::size(kGains))]);
    step(gain ? '+' : '-', y);
  }
  const uint64_t ending = changes == 1 ? 1 + rng.below(2) : rng.below(3);
  if (ending == 1) {
    const int64_t price = between(2, 20, rng);
    scene.set("y", str(price));
    problem.question +=
        scene.expand(" In the end {he} sells all that {he} has for {y} coins each. How many coins does {he} get?");
    step('*', price);
    finish(problem, scene, "{n} gets {r} coins.");
  } else if (ending == 2 && value % 2 == 0) {
    int64_t share = 2;
    for (int64_t tried = between(3, 20, rng); tried > 2; --tried) {
      if (value % tried != 0) continue;
      share = tried;
      break;
    }
    scene.set("y", str(share));
    problem.question += scene.expand(
        " {He} puts them into {y} {s c}, the same number in each. How many {things} are in each of "
        "them?");
    step('/', share);
    finish(problem, scene, "There are {r} {things} in each.");
  } else {
    problem.question += scene.expand(" How many {things} does {he} have [now|in the end]?");
    finish(problem, scene, "{n} has {r} {things}.");
  }
  const auto calls = std::count_if(problem.answer.begin(), problem.answer.end(),
                                   [](const Part& part) { return part.kind == Part::Kind::kPython; });
  problem.kind = calls == 1 ? "story, one step" : calls == 2 ? "story, two steps" : "story, three steps";
  // A chain of one sum is the same problem as the plain sum of its numbers.
  if (calls == 1 && problem.answer[1].text.find('+') != std::string::npos) {
    const std::string& e = problem.answer[1].text;
    const size_t plus = e.find('+');
    problem.key = "sums|" + in_order(std::stoll(e.substr(0, plus)), '+', std::stoll(e.substr(plus + 1)));
  }
  return problem;
}

}  // namespace

Problem make_sum(Rng& rng, Split split) {
  return draw_problem(split, [&] {
    const uint64_t form = rng.below(5);
    return form < 2 ? plain_sum(rng) : form < 3 ? single_problem(rng) : chain_problem(rng);
  });
}

std::string write_sums_page(Rng& rng) {
  std::string out;
  for (uint64_t count = 2 + rng.below(4), i = 0; i < count; ++i) {
    const Problem problem = make_sum(rng, Split::kTrain);
    if (i > 0) out += "\n\n";
    out += (rng.chance(0.5) ? "Question: " : "") + problem.question + "\n";
    // In prose the call itself is left out: the text before it already says it.
    std::string answer;
    for (const Part& part : problem.answer) answer += part.kind == Part::Kind::kText ? part.text : "";
    const size_t mark = answer.rfind("#### ");
    out += answer.substr(0, mark) + "Answer: " + answer.substr(mark + 5);
  }
  return out;
}

}  // namespace lathe::tasks
