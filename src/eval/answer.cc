#include "eval/answer.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/text.h"

namespace lathe::eval {
namespace {

// One value as it is, several as a list.
template <class Get>
Json of_samples(const std::vector<Sample>& samples, Get&& get) {
  if (samples.size() == 1) return get(samples[0]);
  Json out = Json::array();
  for (const Sample& sample : samples) out.push_back(get(sample));
  return out;
}

const Json* of_sample(const Json& json, const char* key, size_t i, size_t count) {
  const Json* value = json.find(key);
  if (value == nullptr || count == 1) return value;
  return value->is_array() && i < value->size() ? &value->at(i) : nullptr;
}

}  // namespace

bool Answer::correct() const { return right() > 0; }

int64_t Answer::right() const {
  return std::count_if(samples.begin(), samples.end(), [](const Sample& sample) { return sample.correct; });
}

double Answer::score() const {
  double most = -INFINITY, sum = 0, own = -INFINITY;
  for (const auto& [letter, logit] : letters) most = std::max(most, static_cast<double>(logit));
  for (const auto& [letter, logit] : letters) {
    sum += std::exp(static_cast<double>(logit) - most);
    if (letter == expected) own = static_cast<double>(logit);
  }
  return own - most - std::log(sum);
}

bool Answer::vote_is_right() const {
  std::map<std::string, int64_t> votes;
  for (const Sample& sample : samples)
    if (!sample.answer.empty()) ++votes[sample.answer];
  const Sample* best = nullptr;
  for (const Sample& sample : samples)
    if (!sample.answer.empty() && (best == nullptr || votes[sample.answer] > votes[best->answer])) best = &sample;
  return best != nullptr && best->correct;
}

Json Answer::to_json() const {
  Json out = Json::object();
  out["index"] = index;
  if (!kind.empty()) out["kind"] = kind;
  out["prompt"] = prompt;
  out["output"] = of_samples(samples, [](const Sample& s) { return Json(s.output); });
  out["answer"] = of_samples(samples, [](const Sample& s) { return Json(s.answer); });
  out["expected"] = expected;
  out["correct"] = correct();
  if (samples.size() > 1) out["right"] = of_samples(samples, [](const Sample& s) { return Json(s.correct); });
  if (!letters.empty()) {
    out["score"] = score();
    out["letters"] = Json::object();
    for (const auto& [letter, logit] : letters) out["letters"][letter] = static_cast<double>(logit);
  } else {
    out["finished"] = of_samples(samples, [](const Sample& s) { return Json(s.finished); });
    out["tokens"] = of_samples(samples, [](const Sample& s) { return Json(s.tokens); });
  }
  const bool noted = std::any_of(samples.begin(), samples.end(), [](const Sample& s) { return !s.note.empty(); });
  if (noted) out["note"] = of_samples(samples, [](const Sample& s) { return Json(s.note); });
  if (cut) out["cut"] = true;
  return out;
}

Result<Answer> Answer::from_json(const Json& json) {
  Answer out;
  const Json *outputs = json.find("output"), *letters = json.find("letters");
  if (!json.is_object() || outputs == nullptr) return error("an answer must be an object with an \"output\"");
  out.index = json.get_int("index", -1);
  out.kind = json.get_string("kind", "");
  out.prompt = json.get_string("prompt", "");
  out.expected = json.get_string("expected", "");
  out.cut = json.get_bool("cut", false);
  const size_t count = outputs->is_array() ? outputs->size() : 1;
  if (count == 0) return error("an answer must have an \"output\"");
  for (size_t i = 0; i < count; ++i) {
    const auto text = [&](const char* key) {
      const Json* value = of_sample(json, key, i, count);
      return value != nullptr && value->is_string() ? value->as_string() : std::string();
    };
    const auto truth = [&](const char* key, bool fallback) {
      const Json* value = of_sample(json, key, i, count);
      return value != nullptr && value->is_bool() ? value->as_bool() : fallback;
    };
    const Json* tokens = of_sample(json, "tokens", i, count);
    out.samples.push_back({text("output"), text("answer"), text("note"), truth(count == 1 ? "correct" : "right", false), truth("finished", true),
                           tokens != nullptr && tokens->is_int() ? tokens->as_int() : 0});
  }
  if (letters != nullptr && letters->is_object())
    for (const auto& [letter, logit] : letters->as_object())
      if (logit.is_number()) out.letters.emplace_back(letter, static_cast<float>(logit.as_double()));
  return out;
}

}  // namespace lathe::eval
