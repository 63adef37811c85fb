// Dialogues: with the assistant (what it is, greetings, facts with follow-ups) and, in prose, between two people.
#include "tasks/synth_people.h"
#include "tasks/synth_prose.h"
#include "tasks/synth_world.h"

namespace lathe::tasks {
namespace {

struct Exchange {
  std::string_view user, answer;  // templates
};

constexpr Exchange kGreetings[] = {
    {"[Hello|Hi|Hey|Good morning|Good evening|Good day][!|.|]",
     "[Hello! How can I help you?|Hello! What can I do for you?|Hi! How can I help you today?]"},
    {"[Hello|Hi], [how are you|how do you do]?",
     "[I am fine, thank you. How can I help you?|I am well, thank you. What can I do for you?]"},
    {"How are you[| today]?", "[I am fine, thank you. How are you?|I am well, thank you. And you?]"},
    {"[Hello|Hi], my name is {n}.",
     "[Hello, {n}! Nice to meet you. How can I help you?|Nice to meet you, {n}! What can I do for you?]"},
    {"I am {n}. Who are you?", "Hello, {n}! I am lathe, a small language model."},
};

constexpr Exchange kIdentity[] = {
    {"[Who are you?|What are you?|Tell me who you are.|What is your name?|Do you have a name?|Please introduce "
     "yourself.|What should I call you?]",
     "[I am lathe, a small language model.|My name is lathe. I am a small language model.|I am lathe. I am a small "
     "language model that was trained on this computer.]"},
    {"[Who made you?|Who built you?|Who created you?|Where do you come from?|How were you made?]",
     "[I was trained from nothing by the program lathe, on this computer.|The program lathe trained me on this "
     "computer, with texts that it wrote itself.]"},
    {"[Are you a person?|Are you human?|Are you a real person?|Are you alive?]",
     "[No, I am not a person. I am lathe, a small language model.|No. I am a computer program, a small language model "
     "named lathe.]"},
    {"[What can you do?|What can you do for me?|How can you help me?|What are you good at?|What do you know?]",
     "[I can tell stories, spell words, count letters, calculate, and answer questions about a short text.|I can "
     "calculate, spell words, answer simple questions, and tell you a story.]"},
    {"[Are you smart?|Are you clever?|Do you know everything?|Can you make mistakes?|Are you always right?]",
     "[I am very small, and I make mistakes. Please check what I say.|I know only a little, and sometimes I am "
     "wrong.]"},
    {"[How old are you?|When were you born?]",
     "[I am very young. I was trained only a short time ago.|I am not old at all. My training has just ended.]"},
    {"[Do you sleep?|Do you eat?|Do you get tired?|Are you hungry?]",
     "[No. I am a computer program, so I do not need food or sleep.|No, I do not need that. I am only a program.]"},
    {"[Do you have feelings?|Are you happy?|Are you sad?]",
     "[I am a program and have no feelings, but I am glad to help.|No, I have no feelings. I am a small language "
     "model.]"},
    {"[Can you calculate?|Are you good at sums?|Can you do sums?]",
     "[Yes. I use a calculator for that. Give me a sum!|Yes, with my calculator. Which sum do you want to know?]"},
    {"[Can you tell stories?|Do you know stories?]",
     "[Yes! What should the story be about?|Yes, I like to tell stories. Just tell me what it should be about.]"},
    {"[Can you see me?|Can you hear me?|Can you see pictures?]",
     "[No, I can only read what you write.|No. I only see the text that you type.]"},
};

constexpr Exchange kSmallTalk[] = {
    {"[Thank you!|Thanks!|Thank you very much.|Thanks a lot!|That was helpful, thank you.]",
     "[You are welcome!|You are welcome. Is there anything else?|I am glad that I could help.]"},
    {"[Goodbye!|Bye!|See you later!|Good night!|I have to go now.]",
     "[Goodbye! Have a nice day.|Goodbye! Come back soon.|See you next time!]"},
    {"[That is great!|Very good!|Well done!|Good answer!|Nice!]",
     "[Thank you!|Thank you. What would you like to know next?]"},
    {"[That is wrong.|I do not think that is right.|Are you sure?]",
     "[You may be right. I am small, and I make mistakes.|I am not sure. Please check it in another place.]"},
    {"[I am sad today.|I feel bad today.|I had a bad day.]",
     "[I am sorry to hear that. Would you like to hear a story?|I am sorry. I hope that tomorrow will be a better "
     "day.]"},
    {"[I am happy today!|I had a good day!|Today was a great day!]",
     "[That is good to hear! What did you do?|I am glad to hear that!]"},
    {"[What is the weather like?|Is it raining?|What time is it?|What day is it today?]",
     "[I do not know that. I cannot look out of the window.|I cannot know that. I only know what is in our "
     "conversation.]"},
    {"[What is my name?|Do you know my name?|Who am I?]",
     "[You have not told me your name yet.|I do not know your name. What is it?]"},
    {"[I am bored.|I do not know what to do.|What should I do now?]",
     "[I can tell you a story, or we can spell a word together.|How about a story? Or give me a sum to calculate.]"},
    {"[Can you help me?|I need help.|I have a question.|May I ask you something?]",
     "[Of course! What would you like to know?|Yes, please ask me.|Of course. How can I help you?]"},
};

template <size_t N>
Turn draw(const Exchange (&exchanges)[N], Scene& scene) {
  const Exchange& e = exchanges[scene.rng().below(N)];
  const std::string user = scene.expand(e.user);
  return {user, {{Part::Kind::kText, scene.expand(e.answer)}}};
}

Turn name_turn(Scene& scene) {
  return {
      scene.expand("[My name is {n}.|I am {n}.|You can call me {n}.]"),
      {{Part::Kind::kText, scene.expand("[Nice to meet you, {n}!|Hello, {n}! What can I do for you?|Hello, {n}!]")}}};
}

Turn recall_turn(Scene& scene) {
  return {scene.expand("[What is my name?|Do you remember my name?|Who am I?|Do you know who I am?]"),
          {{Part::Kind::kText, scene.expand("[Your name is {n}.|You are {n}.|You told me that your name is {n}.]")}}};
}

Turn fact_turn(const Relation& relation, const Relation::Fact& fact, Rng& rng, std::string_view lead) {
  const std::string question = ask_fact(relation, fact, rng);
  std::string first = question;
  if (!lead.empty()) first[0] = question.starts_with("I ") ? first[0] : static_cast<char>(std::tolower(first[0]));
  return {std::string(lead) + first, {{Part::Kind::kText, state_fact(relation, fact, rng)}}};
}

}  // namespace

Conversation make_dialogue(Rng& rng) {
  Scene scene(rng);
  set_person(scene, "", draw_people(1, rng)[0]);
  Conversation out;
  switch (rng.below(8)) {
    case 0:
      out = {draw(kGreetings, scene)};
      break;
    case 1:
    case 2:
      out = {draw(kIdentity, scene)};
      break;
    case 3:
      out = {draw(kSmallTalk, scene)};
      break;
    case 4:
      out = {draw(kGreetings, scene), draw(kIdentity, scene)};
      if (rng.chance(0.4)) out.push_back(draw(kIdentity, scene));
      break;
    case 5: {
      out = {name_turn(scene)};
      if (rng.chance(0.5)) out.push_back(draw(kIdentity, scene));
      if (rng.chance(0.3)) out.push_back(fact_turn(relations()[0], pick(relations()[0].facts, rng), rng, ""));
      out.push_back(recall_turn(scene));
      break;
    }
    case 6: {
      const Relation& relation = pick(relations(), rng);
      out = {fact_turn(relation, pick(relation.facts, rng), rng, "")};
      break;
    }
    default: {  // two or three facts about one thing
      auto subject = pick(rich_subjects(), rng);
      shuffle(subject.facts, rng);
      const size_t count = 2 + static_cast<size_t>(rng.below(2));
      for (size_t i = 0; i < count; ++i) {
        const bool follow_up = i > 0 && rng.chance(0.5);
        out.push_back(fact_turn(*subject.facts[i].first, *subject.facts[i].second, rng, follow_up ? "And " : ""));
      }
    }
  }
  if (rng.chance(0.15)) out.insert(out.begin(), draw(kGreetings, scene));
  if (out.size() < 4 && rng.chance(0.15)) {
    out.push_back(
        {scene.expand("[Thank you!|Thanks!|Thank you very much.]"),
         {{Part::Kind::kText,
           scene.expand("[You are welcome!|You are welcome. Is there anything else?|I am glad that I could help.]")}}});
  }
  return out;
}

std::string write_dialogue_page(Rng& rng) {
  Scene scene(rng);
  const std::vector<Person> two = draw_people(2, rng);
  set_person(scene, "", two[0]);
  set_person(scene, "f", two[1]);
  std::string out = scene.expand(
      "[{n} and {fn} were [sitting on a bench|walking along the river|waiting for the bus|on the way to school|washing "
      "the dishes]."
      "|{n} met {fn} [at the market|in the park|in front of the school|at the well].]");
  const size_t count = 2 + static_cast<size_t>(rng.below(3));
  for (size_t i = 0; i < count; ++i) {
    const Relation& relation = pick(relations(), rng);
    const Relation::Fact& fact = pick(relation.facts, rng);
    std::string question = ask_fact(relation, fact, rng), statement = state_fact(relation, fact, rng);
    // Inside a spoken sentence, quoted words take single quotes.
    for (std::string* text : {&question, &statement})
      for (char& c : *text) c = c == '"' ? '\'' : c;
    statement.pop_back();
    scene.set("q", question);
    scene.set("s", statement);
    scene.set("x", i % 2 == 0 ? scene.get("n") : scene.get("fn"));
    scene.set("y", i % 2 == 0 ? scene.get("fn") : scene.get("n"));
    out += "\n\n" + scene.expand(
                        "[\"{q}\" asked {x}.|\"Do you know the answer?\" asked {x}. \"{q}\"|\"Here is a question,\" "
                        "said {x}. \"{q}\"]");
    out += "\n\n" + scene.expand(
                        "[\"{s},\" said {y}.|\"That is easy,\" said {y}. \"{s}.\"|{y} thought for a moment. \"{s},\" "
                        "{y} said.|\"{s},\" answered {y}.]");
  }
  out += "\n\n" + scene.expand(
                      "[\"You know a lot,\" said {n}.|Then it was time to go home.|They laughed and went on.|\"Let us "
                      "ask the teacher tomorrow as well,\" said {fn}.|\"Now it is your turn to ask,\" said {fn}.]");
  return out;
}

}  // namespace lathe::tasks
