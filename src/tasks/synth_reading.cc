// Passages of 4 to 8 sentences with three or more people or things, and questions whose answer stands in them. The
// key is the question with its answer and all names and values of the passage: a held-out combination of people,
// things and question never stands in training, whatever the order or wording of the sentences.
#include <algorithm>

#include "core/check.h"
#include "tasks/synth_people.h"
#include "tasks/synth_problem.h"
#include "tasks/synth_text.h"

namespace lathe::tasks {
namespace {

// One thing that may be asked about a row of the passage's hidden table.
struct Query {
  std::string question, answer, expected;
  std::string column;  // the candidates are the other values of this column
};

struct Passage {
  std::string kind;
  std::vector<std::string> sentences;
  std::vector<Query> queries;
  std::vector<std::pair<std::string, std::string>> values;  // (column, value) of everything that may be an answer
};

// A passage kind whose rows are people with two properties each. In the templates {n}, {he}, {his} are the person and
// {p}, {q} the properties. Each wording of a row has the questions that it answers in the order in which it is read:
// what is asked for stands behind what is asked about, and the answer takes up the sentence from its beginning. A small
// model can follow a text forwards long before it can find a name that stood in front of a thing.
struct TableForm {
  struct Question {
    std::string_view question, answer;
    char column;  // n, p or q
  };
  struct Sentence {
    std::string_view text;
    std::vector<Question> questions;
  };
  std::string_view name;
  std::vector<std::string_view> openings, fillers;
  std::string_view p, q;  // values, separated by "|"
  std::vector<Sentence> sentences;
};

const std::vector<TableForm>& tables() {
  static const std::vector<TableForm> kTables = {
      {"shopping",
       {"It was a busy day at the market.", "It was Saturday, and many people were in town.",
        "Some friends went shopping.", "The shops were open until six o'clock."},
       {"It was a warm day.", "Nobody was in a hurry.", "In the evening they all went home.",
        "They met again at the fountain.", "The streets were full of people.", "Everyone was pleased."},
       "lamp|basket|hat|kettle|mirror|blanket|drum|knife|pillow|clock|scarf|book|kite|broom|vase|ring",
       "at the old bridge|near the church|beside the fountain|at the station|in the harbor|behind the school|at the "
       "town gate|near the mill",
       {{"{n} bought {a p} {q}.",
         {{"What did {n} buy?", "{n} bought {a p}.", 'p'}, {"Where did {n} buy {a p}?", "{n} bought {a p} {q}.", 'q'}}},
        {"The {p} was bought by {n} {q}.",
         {{"Who bought the {p}?", "The {p} was bought by {n}.", 'n'},
          {"Where was the {p} bought?", "The {p} was bought by {n} {q}.", 'q'}}},
        {"{Q}, {n} bought {a p}.",
         {{"Who bought something {q}?", "{Q}, {n} bought {a p}.", 'n'},
          {"What was bought {q}?", "{Q}, {n} bought {a p}.", 'p'}}}}},
      {"pets",
       {"Some children in our street have pets.", "The children talked about their animals.",
        "Today everyone brought a pet to school.", "There are many animals in our street."},
       {"All of them are well fed.", "The animals get along well.", "They are all very tame.",
        "It is never quiet there.", "The children play with them every day.",
        "At night the animals sleep in the house."},
       "dog|cat|rabbit|parrot|pony|goat|hen|duck|tortoise|hamster|lamb|mouse",
       "black|white|brown|gray|red|yellow|spotted|striped",
       {{"{n} has {a q} {p}.",
         {{"Which animal does {n} have?", "{n} has {a q} {p}.", 'p'},
          {"What pet does {n} have?", "{n} has {a q} {p}.", 'p'},
          {"What color is the animal of {n}?", "{n} has {a q} {p}.", 'q'}}},
        {"The {p} belongs to {n} and is {q}.",
         {{"Who has the {p}?", "The {p} belongs to {n}.", 'n'},
          {"What color is the {p}?", "The {p} belongs to {n} and is {q}.", 'q'}}},
        {"The {q} animal is {a p} and belongs to {n}.",
         {{"Which animal is {q}?", "The {q} animal is {a p}.", 'p'},
          {"Whose animal is {q}?", "The {q} animal is {a p} and belongs to {n}.", 'n'}}}}},
      {"travel",
       {"In the holidays the friends went to different places.", "Everybody wanted to see something new.",
        "The summer holidays had begun.", "The friends told each other about their travels."},
       {"All of them had a good time.", "The weather was fine.", "They came home after a week.",
        "They sent many postcards.", "Everyone took a big bag along.", "It was the best time of the year."},
       "to the sea|to the mountains|to the lake|to the capital|to an island|to the desert|to the forest|to the "
       "north|to a farm|to the old castle",
       "train|bus|boat|plane|car|bicycle|ferry|tram",
       {{"{n} traveled {p} by {q}.",
         {{"Where did {n} go?", "{n} traveled {p}.", 'p'}, {"How did {n} travel?", "{n} traveled {p} by {q}.", 'q'}}},
        {"The {q} took {n} {p}.",
         {{"Who took the {q}?", "The {q} took {n} {p}.", 'n'},
          {"Who traveled by {q}?", "The {q} took {n} {p}.", 'n'},
          {"Where did the {q} go?", "The {q} took {n} {p}.", 'p'}}}}},
      {"jobs",
       {"Many people live in this street, and each of them has work to do.", "Let us look at the people of the town.",
        "Here are some of our neighbors.", "The neighbors know each other well."},
       {"They often help each other.", "On Sundays they sit together.", "All of them get up early.",
        "The street is quiet at night.", "They have known each other for years.", "None of them wants to move away."},
       "baker|teacher|doctor|tailor|carpenter|gardener|painter|miller|smith|judge|cook|nurse|writer|singer",
       "red|blue|green|white|yellow|gray|brown|old",
       {{"{n} is {a p} and lives in the {q} house.",
         {{"What is the job of {n}?", "{n} is {a p}.", 'p'},
          {"What does {n} work as?", "{n} is {a p}.", 'p'},
          {"In which house does {n} live?", "{n} is {a p} and lives in the {q} house.", 'q'}}},
        {"The {p} is {n} from the {q} house.",
         {{"Who is the {p}?", "The {p} is {n}.", 'n'},
          {"In which house does the {p} live?", "The {p} is {n} from the {q} house.", 'q'}}},
        {"In the {q} house lives {n}, who is {a p}.",
         {{"Who lives in the {q} house?", "In the {q} house lives {n}.", 'n'}}}}},
      {"meals",
       {"They all sat down at the long table.", "It was noon, and everyone was hungry.",
        "The friends met in a small restaurant.", "There was a feast in the garden."},
       {"The food was good.", "They talked and laughed a lot.", "Nobody went home hungry.",
        "A cat slept under the table.", "The sun was shining.", "Afterwards they washed the dishes."},
       "soup|bread|fish|rice|cheese|cake|salad|pancakes|noodles|potatoes|beans|sausages",
       "tea|milk|water|juice|coffee|cocoa|lemonade|cider",
       {{"{n} ate {p} and drank {q}.",
         {{"What did {n} eat?", "{n} ate {p}.", 'p'}, {"What did {n} drink?", "{n} ate {p} and drank {q}.", 'q'}}},
        {"The plate of {p} went to {n}, with a cup of {q}.",
         {{"Who ate {p}?", "The plate of {p} went to {n}.", 'n'},
          {"What was there to drink with the {p}?", "The plate of {p} went to {n}, with a cup of {q}.", 'q'}}},
        {"The {q} was for {n}, who ate {p}.", {{"Who drank {q}?", "The {q} was for {n}.", 'n'}}}}},
      {"week",
       {"There was a lot of work on the farm.", "Each of the children had one task.", "The week was full of work.",
        "The teacher made a plan for the week."},
       {"Nobody complained.", "Everything was done in time.", "They helped each other when it was hard.",
        "In the end they were proud of their work.", "It rained a little, but not much.", "The plan hung on the wall."},
       "feed the hens|sweep the yard|water the garden|clean the stable|pick the apples|milk the cow|mend the fence|cut "
       "the grass|wash the windows|bake the bread",
       "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday",
       {{"{n} had to {p} on {q}.",
         {{"What did {n} have to do?", "{n} had to {p}.", 'p'},
          {"When did {n} have to {p}?", "{n} had to {p} on {q}.", 'q'},
          {"On which day did {n} work?", "{n} had to {p} on {q}.", 'q'}}},
        {"On {q}, {n} had to {p}.",
         {{"Who worked on {q}?", "On {q}, {n} had to {p}.", 'n'},
          {"What had to be done on {q}?", "On {q}, {n} had to {p}.", 'p'}}}}},
      {"hiding",
       {"The children hid some things for a game.", "It was raining, so they played a game in the house.",
        "For the game, each of them had to hide something.", "They played hide and seek with things."},
       {"Nobody was allowed to look.", "They laughed a lot.", "The clock struck three.",
        "The game went on until supper.", "It was not easy to find good places.", "Then the search began."},
       "key|coin|ball|spoon|ring|doll|bell|shoe|cup|pen|button|whistle|candle|glove",
       "under the bed|behind the door|in the oven|on the shelf|in the big box|under the carpet|behind the stove|in the "
       "drawer|on the roof|in the bag",
       {{"{n} hid the {p} {q}.",
         {{"What did {n} hide?", "{n} hid the {p}.", 'p'},
          {"Where did {n} hide the {p}?", "{n} hid the {p} {q}.", 'q'}}},
        {"The {p} was hidden {q} by {n}.",
         {{"Where is the {p}?", "The {p} was hidden {q}.", 'q'},
          {"Who hid the {p}?", "The {p} was hidden {q} by {n}.", 'n'}}},
        {"{Q}, {n} hid the {p}.",
         {{"Who hid something {q}?", "{Q}, {n} hid the {p}.", 'n'}, {"What is {q}?", "{Q}, {n} hid the {p}.", 'p'}}}}},
      {"contest",
       {"There was a contest in the town square.", "On Sunday there was a race around the lake.",
        "The school held a contest.", "Many people came to watch the contest."},
       {"The people cheered.", "It was a fair contest.", "A band played a march.", "Everyone had practiced for weeks.",
        "The winners shook hands.", "Afterwards there was cake for all."},
       "first|second|third|fourth|fifth",
       "cup|book|medal|watch|flag|ball|basket of fruit|pen",
       {{"{n} came in {p} and won {a q}.",
         {{"Which place did {n} take?", "{n} came in {p}.", 'p'},
          {"What did {n} win?", "{n} came in {p} and won {a q}.", 'q'}}},
        {"The {p} prize, {a q}, went to {n}.",
         {{"Who was {p}?", "The {p} prize, {a q}, went to {n}.", 'n'},
          {"What was the {p} prize?", "The {p} prize, {a q}, went to {n}.", 'q'}}},
        {"The {q} was won by {n}, who came in {p}.", {{"Who won the {q}?", "The {q} was won by {n}.", 'n'}}}}},
  };
  return kTables;
}

std::vector<std::string> split_values(std::string_view text) {
  std::vector<std::string> out(1);
  for (const char c : text) {
    if (c == '|')
      out.emplace_back();
    else
      out.back() += c;
  }
  return out;
}

Passage table_passage(const TableForm& form, Rng& rng) {
  Passage out;
  out.kind = std::string(form.name);
  const size_t rows = 3 + static_cast<size_t>(rng.below(2));
  const std::vector<Person> persons = draw_people(rows, rng);
  const std::vector<std::string> p = pick_distinct(split_values(form.p), rows, rng);
  const std::vector<std::string> q = pick_distinct(split_values(form.q), rows, rng);
  for (size_t row = 0; row < rows; ++row) {
    Scene scene(rng);
    set_person(scene, "", persons[row]);
    scene.set("p", p[row]);
    scene.set("q", q[row]);
    const TableForm::Sentence& sentence = pick(form.sentences, rng);
    out.sentences.push_back(capitalized(scene.expand(sentence.text)));
    for (const auto& [question, answer, column] : sentence.questions) {
      const std::string& expected = column == 'n' ? persons[row].name : column == 'p' ? p[row] : q[row];
      out.queries.push_back(
          {scene.expand(question), capitalized(scene.expand(answer)), expected, std::string(1, column)});
    }
    out.values.emplace_back("n", persons[row].name);
    out.values.emplace_back("p", p[row]);
    out.values.emplace_back("q", q[row]);
  }
  out.sentences.insert(out.sentences.begin(), std::string(pick(form.openings, rng)));
  const size_t fillers = static_cast<size_t>(rng.below(9 - out.sentences.size()));
  for (const std::string_view filler : pick_distinct(form.fillers, std::min<size_t>(fillers, 3), rng)) {
    const size_t at = 1 + static_cast<size_t>(rng.below(out.sentences.size()));
    out.sentences.insert(out.sentences.begin() + static_cast<std::ptrdiff_t>(at), std::string(filler));
  }
  return out;
}

// Somebody loses a thing, two others look for it in different places, one of them finds it.
Passage lost_passage(Rng& rng) {
  Scene scene(rng);
  const std::vector<Person> who = draw_people(3, rng);
  set_person(scene, "", who[0]);
  set_person(scene, "f", who[1]);
  set_person(scene, "g", who[2]);
  static const std::vector<std::string> kThings = {"ring", "key",   "purse",  "watch", "hat",
                                                   "cap",  "flute", "letter", "knife", "map"};
  static const std::vector<std::string> kPlaces = {
      "in the garden", "at the station",    "in the barn",   "on the beach",  "near the well",
      "in the park",   "behind the church", "on the bridge", "in the cellar", "at the harbor"};
  static const std::vector<std::string> kGifts = {"a cake", "a basket of apples", "a book",     "two coins",
                                                  "a song", "some honey",         "a red scarf"};
  const std::vector<std::string> places = pick_distinct(kPlaces, 2, rng);
  scene.set("thing", pick(kThings, rng));
  scene.set("one", places[0]);
  scene.set("two", places[1]);
  scene.set("gift", pick(kGifts, rng));
  Passage out;
  out.kind = "lost";
  out.sentences = {
      scene.expand("[One day|Last week|On Sunday], {n} lost {his} {thing}."),
      scene.expand("[{He} was very sad.|{He} asked {his} friends for help.|It was an old and precious {thing}.]"),
      scene.expand("{fn} looked for it {one}, but [it was not there|found nothing]."),
      scene.expand("{gn} looked {two}, and [there it was|found it at once]."),
      scene.expand("[To say thank you, {n} gave {gn} {gift}.|{n} was so glad that {he} gave {gn} {gift}.]")};
  if (rng.chance(0.5))
    out.sentences.push_back(scene.expand(
        "[In the evening they all had supper together.|Since then, {n} has been more careful.|Everyone was happy.]"));
  const auto add = [&](const char* column, const char* question, const char* answer, const std::string& expected) {
    out.queries.push_back({scene.expand(question), scene.expand(answer), expected, column});
  };
  add("n", "Who lost the {thing}?", "{n} lost the {thing}.", who[0].name);
  add("n", "Who found the {thing}?", "{gn} found the {thing}.", who[2].name);
  add("n", "Who looked {one}?", "{fn} looked {one}.", who[1].name);
  add("n", "Who got {gift}?", "{gn} got {gift}.", who[2].name);
  add("place", "Where was the {thing}?", "The {thing} was {two}.", places[1]);
  add("place", "Where did {fn} look?", "{fn} looked {one}.", places[0]);
  for (const Person& person : who) out.values.emplace_back("n", person.name);
  for (const std::string& place : places) out.values.emplace_back("place", place);
  out.values.emplace_back("thing", scene.get("thing"));
  return out;
}

// A thing goes from hand to hand.
Passage gift_passage(Rng& rng) {
  Scene scene(rng);
  const std::vector<Person> who = draw_people(4, rng);
  const char* const prefixes[] = {"", "f", "g", "h"};
  for (size_t i = 0; i < 4; ++i) set_person(scene, prefixes[i], who[i]);
  static const std::vector<std::string> kThings = {"lantern", "drum", "picture", "shell",   "compass",
                                                   "doll",    "coin", "seed",    "feather", "bell"};
  scene.set("thing", pick(kThings, rng));
  Passage out;
  out.kind = "gift";
  const bool four = rng.chance(0.5);
  out.sentences = {
      scene.expand("[This is the story of {a thing}.|Things can travel, too.|Here is what happened to {a thing}.]"),
      scene.expand("[First|In the beginning], the {thing} belonged to {n}."),
      scene.expand("[{n} gave it to {fn}|{n} sold it to {fn}|From {n}, it went to {fn}][.| on {fhis} birthday.]"),
      scene.expand("{fn} [kept it for a year and then gave it to {gn}|passed it on to {gn}|gave it to {gn}].")};
  if (four) out.sentences.push_back(scene.expand("[In the end|At last], {gn} gave it to {hn}."));
  if (rng.chance(0.6))
    out.sentences.push_back(
        scene.expand("[There it still is today.|Nobody knows where it will go next.|It is as good as new.]"));
  const auto add = [&](const char* question, const char* answer, const std::string& expected) {
    out.queries.push_back({scene.expand(question), scene.expand(answer), expected, "n"});
  };
  add("Who had the {thing} first?", "{n} had the {thing} first.", who[0].name);
  add("To whom did the {thing} belong in the beginning?", "It belonged to {n}.", who[0].name);
  add("Who got the {thing} from {n}?", "{n} gave it to {fn}.", who[1].name);
  add("Who got the {thing} from {fn}?", "{fn} gave it to {gn}.", who[2].name);
  add("Who has the {thing} now?", four ? "{hn} has it now." : "{gn} has it now.", who[four ? 3 : 2].name);
  if (four) add("Who got the {thing} from {gn}?", "{gn} gave it to {hn}.", who[3].name);
  for (size_t i = 0; i < (four ? 4u : 3u); ++i) out.values.emplace_back("n", who[i].name);
  out.values.emplace_back("thing", scene.get("thing"));
  return out;
}

constexpr size_t kFurtherQuestions = 4;  // a passage is long and an answer short: one reading serves several

Passage draw_passage(Rng& rng) {
  const uint64_t kind = rng.below(tables().size() + 2);
  if (kind == tables().size()) return lost_passage(rng);
  if (kind == tables().size() + 1) return gift_passage(rng);
  return table_passage(tables()[kind], rng);
}

std::string key_of(const Passage& passage, const Query& query) {
  std::vector<std::string> values;
  for (const auto& [column, value] : passage.values) values.push_back(value);
  std::sort(values.begin(), values.end());
  return "reading|" + passage.kind + "|" + query.question + "|" + query.expected + "|" + join(values, "|");
}

}  // namespace

Problem make_reading(Rng& rng, Split split) {
  return draw_problem(split, [&] {
    Passage passage = draw_passage(rng);
    shuffle(passage.queries, rng);
    const Query& query = passage.queries[0];
    Problem problem;
    problem.kind = passage.kind;
    problem.key = key_of(passage, query);
    const std::string text = join(passage.sentences, " ");
    static const std::vector<std::string> kForms = {"Read the text and answer the question.\n\n{t}\n\n{q}",
                                                    "{t}\n\n{q}",
                                                    "{t}\n\nQuestion: {q}",
                                                    "Here is a short text.\n\n{t}\n\n{q}",
                                                    "Text: {t}\n\nQuestion: {q}",
                                                    "{q}\n\n{t}"};
    Scene scene(rng);
    scene.set("t", text);
    scene.set("q", query.question);
    problem.question = scene.expand(pick(kForms, rng));
    problem.answer = {{Part::Kind::kText, query.answer}};
    problem.expected = query.expected;
    for (const auto& [column, value] : passage.values) {
      if (column != query.column || value == query.expected) continue;
      if (query.question.find(value) == std::string::npos) problem.candidates.push_back(value);
    }
    for (size_t i = 1; i < std::min<size_t>(passage.queries.size(), 1 + kFurtherQuestions); ++i) {
      const Query& next = passage.queries[i];
      if (belongs_to(key_of(passage, next), Split::kTrain))
        problem.further.push_back({next.question, {{Part::Kind::kText, next.answer}}});
    }
    return problem;
  });
}

std::string write_reading_page(Rng& rng) {
  Passage passage = draw_passage(rng);
  std::string out = join(passage.sentences, " ");
  shuffle(passage.queries, rng);
  const size_t wanted = 3 + static_cast<size_t>(rng.below(5));
  size_t asked = 0;
  for (const Query& query : passage.queries) {
    if (asked == wanted) break;
    if (!belongs_to(key_of(passage, query), Split::kTrain)) continue;
    ++asked;
    out += "\n\nQuestion: " + query.question + "\nAnswer: " + query.answer;
  }
  return out;
}

}  // namespace lathe::tasks
