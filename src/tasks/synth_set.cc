#include "tasks/synth_set.h"

#include "core/check.h"
#include "tasks/synth.h"

namespace lathe::tasks {
namespace {

using tokenizer::PartType;
using tokenizer::Role;

class Synth : public ConversationSet {
 public:
  Synth(uint64_t seed, int64_t size) : seed_(seed), size_(size) {}
  int64_t size() const override { return size_; }
  Result<Example> get(int64_t index) const override {
    require(index >= 0 && index < size_, "[synth] item ", index, " of ", size_);
    const Chat made = chat(seed_, static_cast<uint64_t>(index));
    Example example;
    example.about["kind"] = chat_kind_name(made.kind);
    for (const Turn& turn : made.conversation) {
      example.conversation.messages.push_back({Role::kUser, turn.user});
      std::vector<tokenizer::Part> parts;
      for (const Part& part : turn.answer) {
        static constexpr PartType kTypes[] = {PartType::kText, PartType::kPython, PartType::kPythonOutput};
        parts.push_back({kTypes[static_cast<size_t>(part.kind)], part.text});
      }
      if (parts.size() == 1) {
        example.conversation.messages.push_back({Role::kAssistant, std::move(parts[0].text)});
      } else {
        example.conversation.messages.push_back({Role::kAssistant, std::move(parts)});
      }
    }
    return example;
  }

 private:
  uint64_t seed_;
  int64_t size_;
};

}  // namespace

ConversationSetPtr synth_conversations(uint64_t seed, int64_t size) {
  require(size >= 1, "[synth] a set has at least one conversation, not ", size);
  return std::make_shared<Synth>(seed, size);
}

}  // namespace lathe::tasks
