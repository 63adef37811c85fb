#include "tasks/synth_pairs.h"

#include <algorithm>

#include "core/json.h"

namespace lathe::tasks {
namespace {

constexpr int64_t kLeastHeldOut = 100;

std::string text_of(const Problem& problem) {
  std::string out;
  for (const Part& part : problem.answer) out += part.text;
  return out;
}

// "apple:a,p,p,l,e" with one letter changed, doubled or left out.
std::string misspelled(const std::string& answer, Rng& rng) {
  const size_t colon = answer.find(':');
  std::string letters;
  for (size_t i = colon + 1; i < answer.size(); i += 2) letters += answer[i];
  const auto at = static_cast<size_t>(rng.below(letters.size()));
  const uint64_t way = letters.size() > 2 ? rng.below(3) : 0;
  if (way == 0)
    letters[at] = static_cast<char>('a' + (letters[at] - 'a' + 1 + static_cast<int>(rng.below(25))) % 26);
  else if (way == 1)
    letters.insert(at, 1, letters[at]);
  else
    letters.erase(at, 1);
  std::string out = answer.substr(0, colon + 1);
  for (size_t i = 0; i < letters.size(); ++i) out += (i > 0 ? "," : "") + std::string(1, letters[i]);
  return out;
}

std::string with_other(std::string answer, const std::string& from, const std::string& to) {
  for (size_t at = answer.find(from); at != std::string::npos; at = answer.find(from, at + to.size()))
    answer.replace(at, from.size(), to);
  return answer;
}

}  // namespace

SynthPair synth_pair(uint64_t seed, Split split, uint64_t index) {
  Rng rng(seed, split == Split::kTrain ? "pairs" : "held-out pairs", index);
  SynthPair pair;
  do {  // a few passages name no second value
    const uint64_t kind = rng.below(3);
    const Problem problem = kind == 0   ? make_spelling(rng, split)
                            : kind == 1 ? make_reading(rng, split)
                                        : make_choice(rng, split);
    pair = {kind == 0 ? "spelling" : kind == 1 ? "reading" : "choices", problem.question, text_of(problem), ""};
    if (kind == 0) {
      pair.rejected = misspelled(pair.chosen, rng);
    } else {
      std::vector<std::string> others = problem.candidates;
      std::erase(others, problem.expected);
      if (!others.empty()) pair.rejected = with_other(pair.chosen, problem.expected, others[rng.below(others.size())]);
    }
  } while (pair.rejected.empty() || pair.rejected == pair.chosen);
  return pair;
}

Status write_pairs(uint64_t seed, int64_t pairs, const fs::path& folder) {
  for (const Split split : {Split::kTrain, Split::kTest}) {
    const bool train = split == Split::kTrain;
    const int64_t count = train ? pairs : std::max(kLeastHeldOut, pairs / 20);
    std::string lines;
    for (int64_t i = 0; i < count; ++i) {
      const SynthPair pair = synth_pair(seed, split, static_cast<uint64_t>(i));
      Json message = Json::object();
      message["role"] = "user";
      message["content"] = pair.question;
      Json line = Json::object();
      line["prompt"] = Json(Json::Array{message});
      line["chosen"] = pair.chosen;
      line["rejected"] = pair.rejected;
      line["kind"] = pair.kind;
      lines += line.dump() + "\n";
    }
    LATHE_TRY_STATUS(write_file_atomic(folder / "dpo" / (train ? "train.jsonl" : "val.jsonl"), lines));
  }
  return {};
}

}  // namespace lathe::tasks
