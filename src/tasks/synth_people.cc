#include "tasks/synth_people.h"

namespace lathe::tasks {
namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  for (const char c : text) {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      out.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) out.push_back(std::move(word));
  return out;
}

constexpr std::string_view kGirls =
    "Mia Anna Lucy Emma Nora Ella Clara Rosa Lily Sara Julia Alice Eva Maria Lena Ruby Zoe Ivy Grace Hannah Jane Kate "
    "Lola Molly Nina Olive Paula Rita Sofia Tina Vera Wendy Amy Beth Carla Dora Flora Gina Helen Iris";
constexpr std::string_view kBoys =
    "Tom Ben Sam Max Leo Noah Jack Paul Peter Oscar Felix Hugo Adam Carl David Eric Frank George Henry Ivan James "
    "Kevin "
    "Liam Mark Nick Otto Ralph Simon Theo Victor Walter Alan Bruno Colin Daniel Edgar Fred Gary Jonas Martin";

struct Animal {
  std::string_view kind, home;
};
const std::vector<Animal>& animals() {
  static const std::vector<Animal> kAnimals = {{"rabbit", "in a burrow under an old oak"},
                                               {"fox", "in a den on the hill"},
                                               {"duck", "beside a quiet pond"},
                                               {"mouse", "in the wall of an old barn"},
                                               {"squirrel", "high up in a tall pine"},
                                               {"bear", "in a cave near a stream"},
                                               {"hedgehog", "under a thick hedge"},
                                               {"frog", "among the reeds of a pond"},
                                               {"owl", "in a hollow tree"},
                                               {"badger", "in a warm hole at the edge of the wood"},
                                               {"otter", "on the bank of a slow river"},
                                               {"mole", "in a tunnel under the meadow"}};
  return kAnimals;
}

struct Elder {
  std::string_view name;
  bool female;
};
const std::vector<Elder>& elders() {
  static const std::vector<Elder> kElders = {{"Grandma Rose", true}, {"Grandpa Joe", false}, {"Mrs. Lake", true},
                                             {"Mr. Reed", false},    {"Aunt Judy", true},    {"Uncle Bill", false},
                                             {"Mrs. Green", true},   {"Mr. Stone", false},   {"Grandma May", true},
                                             {"Mr. Finch", false}};
  return kElders;
}

struct Home {
  std::string_view home, town;
};
const std::vector<Home>& homes() {
  static const std::vector<Home> kHomes = {
      {"a small village by the sea", "the village"},         {"a quiet town at the foot of a hill", "the town"},
      {"a little house in a green valley", "the valley"},    {"a village near a dark forest", "the village"},
      {"a busy town with a wide river", "the town"},         {"a village between two lakes", "the village"},
      {"a white house beside the old mill", "the village"},  {"a mountain village", "the village"},
      {"a narrow street in an old town", "the town"},        {"a town with a tall bell tower", "the town"},
      {"a cottage at the edge of a village", "the village"}, {"a fishing village", "the village"},
      {"a farmhouse in a wide valley", "the valley"},        {"a town full of gardens", "the town"}};
  return kHomes;
}

}  // namespace

const std::vector<Person>& people() {
  static const std::vector<Person> kPeople = [] {
    std::vector<Person> out;
    for (std::string& name : words_of(kGirls)) out.push_back({std::move(name), true});
    for (std::string& name : words_of(kBoys)) out.push_back({std::move(name), false});
    return out;
  }();
  return kPeople;
}

std::vector<Person> draw_people(size_t count, Rng& rng) { return pick_distinct(people(), count, rng); }

void set_pronouns(Scene& scene, std::string_view prefix, bool female) {
  const std::string p(prefix);
  scene.set(p + "he", female ? "she" : "he");
  scene.set(p + "him", female ? "her" : "him");
  scene.set(p + "his", female ? "her" : "his");
  scene.set(p + "himself", female ? "herself" : "himself");
}

void set_person(Scene& scene, std::string_view prefix, const Person& person) {
  const std::string p(prefix);
  scene.set(p + "n", person.name);
  scene.set(p + "kind", person.female ? "girl" : "boy");
  set_pronouns(scene, prefix, person.female);
}

void set_child_cast(Scene& scene, const Person* hero) {
  Rng& rng = scene.rng();
  std::vector<Person> two = draw_people(2, rng);
  if (hero != nullptr) {
    if (two[1].name == hero->name) two[1] = two[0];
    two[0] = *hero;
  }
  set_person(scene, "", two[0]);
  set_person(scene, "f", two[1]);
  const Elder& elder = pick(elders(), rng);
  scene.set("elder", std::string(elder.name));
  set_pronouns(scene, "e", elder.female);
  const Home& home = pick(homes(), rng);
  scene.set("home", std::string(home.home));
  scene.set("town", std::string(home.town));
  scene.set(
      "open",
      scene.expand("[{n} was a [kind|curious|cheerful|quiet|brave|clever|patient] {kind} who lived in {home}."
                   "|In {home} there lived a [kind|curious|cheerful|brave|clever] {kind} named {n}."
                   "|Once there was {a kind} called {n}. {He} lived in {home} with {his} [mother and "
                   "father|grandmother|big family|father|mother]."
                   "|{n} lived in {home}. {He} was a [kind|curious|cheerful|quiet|clever] {kind} who [loved to "
                   "sing|liked to ask questions|liked to climb trees|knew every path in the fields|was never bored]."
                   "|There was once {a kind} named {n}, and {he} lived in {home}.]"));
}

void set_animal_cast(Scene& scene, const Person* hero) {
  Rng& rng = scene.rng();
  std::vector<Person> two = draw_people(2, rng);
  if (hero != nullptr) {
    if (two[1].name == hero->name) two[1] = two[0];
    two[0] = *hero;
  }
  const std::vector<Animal> kinds = pick_distinct(animals(), 2, rng);
  set_person(scene, "", two[0]);
  set_person(scene, "f", two[1]);
  scene.set("kind", std::string(kinds[0].kind));
  scene.set("home", std::string(kinds[0].home));
  scene.set("fkind", std::string(kinds[1].kind));
  scene.set("fhome", std::string(kinds[1].home));
  scene.set(
      "open",
      scene.expand(
          "[{n} was a [small|young|clever|shy|cheerful] {kind} who lived {home}."
          "|{n} the {kind} lived {home}. {He} was [small|shy|young|clever] but [very brave|always busy|full of ideas]."
          "|Once a [small|young|clever|shy] {kind} named {n} lived {home}."
          "|There was once {a kind} called {n}, and {he} lived {home}.]"));
}

}  // namespace lathe::tasks
