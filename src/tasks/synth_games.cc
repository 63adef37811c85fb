// Word games as pages of the base corpus: repeating words, finding the letter of a thing, who has what. They are dense
// practice of the one skill that spelling, questions on a passage and multiple choice share: to find a place in the
// text above and copy what stands there. Words are drawn anew each time, so nothing can be answered from memory.
#include <array>

#include "tasks/synth_people.h"
#include "tasks/synth_problem.h"
#include "tasks/synth_prose.h"
#include "tasks/synth_words.h"

namespace lathe::tasks {
namespace {

const std::vector<std::string>& things() {
  static const std::vector<std::string> kThings = {
      "apple",  "arrow", "bag",    "ball",   "basket", "bell",   "book",   "bottle", "bowl",   "box",    "broom",  "brush",
      "button", "cake",  "candle", "card",   "chair",  "chain",  "clock",  "coat",   "coin",   "cup",    "doll",   "drum",
      "egg",    "flag",  "flute",  "fork",   "glove",  "hammer", "hat",    "jar",    "kettle", "key",    "kite",   "knife",
      "lamp",   "leaf",  "letter", "map",    "mirror", "nail",   "needle", "nut",    "pen",    "pillow", "plate",  "pot",
      "purse",  "ring",  "rope",   "saddle", "scarf",  "shell",  "shoe",   "spoon",  "stone",  "stool",  "tent",   "torch",
      "umbrella", "vase", "watch", "wheel"};
  return kThings;
}

// Anna names some words, Ben repeats them, in one line or one to a line. A word behind a blank and the same word at the
// start of a line are two different tokens to a model; it has to learn here that they belong together.
std::string memory_game(Rng& rng) {
  Scene scene(rng);
  const std::vector<Person> two = draw_people(2, rng);
  set_person(scene, "", two[0]);
  set_person(scene, "f", two[1]);
  std::string out = scene.expand("{n} and {fn} [play a memory game|play with words|repeat words].");
  const size_t rounds = 3 + static_cast<size_t>(rng.below(3));
  for (size_t round = 0; round < rounds; ++round) {
    const std::vector<std::string> words = pick_distinct(spelling_words(), 2 + static_cast<size_t>(rng.below(5)), rng);
    scene.set("w", join(words, ", "));
    scene.set("l", join(words, "\n"));
    out += scene.expand(rng.chance(0.5) ? "\n{n}: {w}.\n{fn}: {w}." : "\n{n}: {w}.\n{l}");
  }
  return out;
}

// Options in the form of a multiple choice, and the letter of each.
std::string letter_game(Rng& rng) {
  const size_t count = 4 + static_cast<size_t>(rng.below(3));
  const std::vector<std::string> drawn =
      rng.chance(0.5) ? pick_distinct(things(), count, rng) : pick_distinct(spelling_words(), count, rng);
  std::vector<std::pair<std::string, char>> options;
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    options.emplace_back(drawn[i], static_cast<char>('A' + i));
    out += "- " + drawn[i] + "=" + options.back().second + "\n";
  }
  shuffle(options, rng);
  for (const auto& [word, letter] : options) out += "\n" + word + "? " + letter;
  return out;
}

// Three to five people with a thing each; asked in both directions.
std::string who_has_game(Rng& rng) {
  struct Form {
    std::string_view statement, who, what;
  };
  static constexpr std::array kForms = {Form{"{n} has the {t}.", "Who has the {t}?", "What does {n} have?"},
                                        Form{"{n} took the {t}.", "Who took the {t}?", "What did {n} take?"},
                                        Form{"{n} found the {t}.", "Who found the {t}?", "What did {n} find?"},
                                        Form{"{n} wants the {t}.", "Who wants the {t}?", "What does {n} want?"},
                                        Form{"The {t} belongs to {n}.", "Whose is the {t}?", "What belongs to {n}?"}};
  const Form& form = kForms[rng.below(kForms.size())];
  const size_t count = 3 + static_cast<size_t>(rng.below(3));
  const std::vector<Person> persons = draw_people(count, rng);
  const std::vector<std::string> drawn = pick_distinct(things(), count, rng);
  std::vector<std::string> statements, lines;
  for (size_t i = 0; i < count; ++i) {
    Scene scene(rng);
    set_person(scene, "", persons[i]);
    scene.set("t", drawn[i]);
    statements.push_back(scene.expand(form.statement));
    lines.push_back(scene.expand(form.who) + " " + persons[i].name + ".");
    lines.push_back(scene.expand(form.what) + " The " + drawn[i] + ".");
  }
  shuffle(lines, rng);
  return join(statements, " ") + "\n\n" + join(lines, "\n");
}

}  // namespace

Conversation make_repeating(Rng& rng) {
  Conversation out;
  for (uint64_t turns = 2 + rng.below(3); turns > 0; --turns) {
    Scene scene(rng);
    const std::vector<std::string> words = pick_distinct(spelling_words(), 1 + static_cast<size_t>(rng.below(3)), rng);
    scene.set("w", words.size() == 1 ? words[0] : join_with_and(words));
    const std::string user = scene.expand(
        words.size() == 1 ? "[Say the word {w}.|Say {w}.|Repeat the word {w}.|Write the word {w}.|Please repeat {w}.|Can you say {w}?|"
                            "Repeat the word \"{w}\".|Please write the word '{w}'.]"
                          : "[Repeat the words {w}.|Say the words {w}.|Write the words {w}.|Please repeat {w}.|Can you say {w}?]");
    out.push_back({user, {{Part::Kind::kText, join(words, "\n")}}});
  }
  return out;
}

std::string write_games_page(Rng& rng) {
  std::string out;
  for (int part = 0; part < 3; ++part) {
    if (part > 0) out += "\n\n";
    switch (rng.below(3)) {
      case 0:
        out += memory_game(rng);
        break;
      case 1:
        out += letter_game(rng);
        break;
      default:
        out += who_has_game(rng);
    }
  }
  return out;
}

}  // namespace lathe::tasks
