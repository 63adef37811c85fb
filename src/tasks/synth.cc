// Which documents a corpus holds: the mix of kinds, and document number n of it.
#include "tasks/synth.h"

#include <array>

#include "tasks/synth_prose.h"
#include "tasks/synth_world.h"

namespace lathe::tasks {
namespace {

// Shares of documents (not of bytes): a story is some 1500 bytes, a page of sums some 500.
constexpr std::array<int, kPageKinds> kPageShares = {10, 3, 11, 12, 24, 3, 19, 3, 15};
constexpr std::array<int, kChatKinds> kChatShares = {8, 28, 12, 14, 23, 5, 3, 7};

template <size_t N>
size_t draw_kind(const std::array<int, N>& shares, Rng& rng) {
  int total = 0;
  for (const int share : shares) total += share;
  auto left = static_cast<int>(rng.below(static_cast<uint64_t>(total)));
  size_t kind = 0;
  while (left >= shares[kind]) left -= shares[kind++];
  return kind;
}

std::string write_page(PageKind kind, Rng& rng) {
  switch (kind) {
    case PageKind::kStory:
      return write_story(rng);
    case PageKind::kDescription:
      return write_description(rng);
    case PageKind::kFacts:
      return write_facts_page(rng);
    case PageKind::kReading:
      return write_reading_page(rng);
    case PageKind::kChoices:
      return write_choices_page(rng);
    case PageKind::kSums:
      return write_sums_page(rng);
    case PageKind::kSpelling:
      return write_spelling_page(rng);
    case PageKind::kDialogue:
      return write_dialogue_page(rng);
    case PageKind::kGames:
      return write_games_page(rng);
  }
  return {};
}

Problem make_problem(ChatKind kind, Rng& rng) {
  switch (kind) {
    case ChatKind::kSums:
      return make_sum(rng, Split::kTrain);
    case ChatKind::kSpelling:
      return make_spelling(rng, Split::kTrain);
    case ChatKind::kCounting:
      return make_counting(rng, Split::kTrain);
    case ChatKind::kReading:
      return make_reading(rng, Split::kTrain);
    default:
      return make_choice(rng, Split::kTrain);
  }
}

}  // namespace

void describe(SettingsTable& table, SynthSettings* settings) {
  table.add("size_mb", &settings->size_mb, "base text in MB (10^6 bytes), 1 to 10000, validation shard included");
  table.add("conversations", &settings->conversations, "conversations for fine-tuning");
  table.add("eval_cases", &settings->eval_cases, "held-out cases of each task").aliases = {"cases"};
}

std::string page_kind_name(PageKind kind) {
  static constexpr std::array<const char*, kPageKinds> kNames = {"stories", "descriptions", "facts",    "reading",
                                                                 "choices", "sums",         "spelling", "dialogues", "games"};
  return kNames[static_cast<size_t>(kind)];
}

std::string chat_kind_name(ChatKind kind) {
  static constexpr std::array<const char*, kChatKinds> kNames = {"sums",    "spelling",  "counting", "reading",
                                                                 "choices", "dialogues", "stories", "repeating"};
  return kNames[static_cast<size_t>(kind)];
}

Page base_page(uint64_t seed, uint64_t index) {
  Rng mix(seed, "synth/mix", index);
  const auto kind = static_cast<PageKind>(draw_kind(kPageShares, mix));
  Rng rng(seed, "synth/base/" + page_kind_name(kind), index);
  return {kind, write_page(kind, rng)};
}

Chat chat(uint64_t seed, uint64_t index) {
  Rng mix(seed, "synth/chat_mix", index);
  const auto kind = static_cast<ChatKind>(draw_kind(kChatShares, mix));
  Rng rng(seed, "synth/chat/" + chat_kind_name(kind), index);
  if (kind == ChatKind::kDialogue) return {kind, make_dialogue(rng), {}};
  if (kind == ChatKind::kRepeating) return {kind, make_repeating(rng), {}};
  if (kind == ChatKind::kStory) return {kind, make_story_request(rng), {}};
  Problem problem = make_problem(kind, rng);
  Conversation conversation = {{std::move(problem.question), std::move(problem.answer)}};
  for (Turn& turn : problem.further) conversation.push_back(std::move(turn));
  return {kind, std::move(conversation), std::move(problem.key)};
}

Chat first_chat(uint64_t seed, uint64_t index) {
  Rng rng(seed, "synth/chat/first", index);
  Problem problem = make_easy_choice(rng);
  return {ChatKind::kChoices, {{std::move(problem.question), std::move(problem.answer)}}, std::move(problem.key)};
}

}  // namespace lathe::tasks
