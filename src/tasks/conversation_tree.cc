#include "tasks/conversation_tree.h"

namespace lathe::tasks {
namespace {

using tokenizer::Message;
using tokenizer::Role;

struct Walk {
  const FormOptions& options;
  const std::string& id;
  std::vector<Message> path;
  std::vector<Example> out;

  Status visit(const Json& node, Role role);
  Result<bool> wanted(const Json& node, Role role, bool only_answer) const;
};

Result<bool> Walk::wanted(const Json& node, Role role, bool only_answer) const {
  if (!node.is_object() || node.find("text") == nullptr || !node.at("text").is_string()) return error("a message of the tree has no \"text\"");
  const std::string name = node.get_string("role", "");
  const bool assistant = name == "assistant";
  if (!assistant && name != "prompter") return error("a message of the tree has the role \"", name, "\" (prompter or assistant)");
  if (assistant != (role == Role::kAssistant)) return error("in the tree a message of the ", name, " answers one of the ", name);
  if (node.get_bool("deleted", false)) return false;
  if (!options.language.empty() && node.get_string("lang", "") != options.language) return false;
  if (!assistant) return true;
  if (options.skip_synthetic && node.get_bool("synthetic", false)) return false;
  if (options.max_rank < 0) return true;
  // An answer that nobody ranked is the best only where it is alone.
  const Json* rank = node.find("rank");
  if (rank == nullptr || !rank->is_number()) return only_answer;
  return rank->as_double() <= static_cast<double>(options.max_rank);
}

Status Walk::visit(const Json& node, Role role) {
  path.push_back({role, node.at("text").as_string()});
  const size_t before = out.size();
  const Role next = role == Role::kUser ? Role::kAssistant : Role::kUser;
  if (const Json* replies = node.find("replies"); replies != nullptr && replies->is_array()) {
    for (const Json& reply : replies->as_array()) {
      LATHE_TRY(const bool take, wanted(reply, next, replies->size() == 1));
      if (take) LATHE_TRY_STATUS(visit(reply, next));
    }
  }
  if (role == Role::kAssistant && out.size() == before) {
    Example example;
    example.conversation.messages = path;
    example.about["tree"] = id;
    out.push_back(std::move(example));
  }
  path.pop_back();
  return {};
}

}  // namespace

Result<std::vector<Example>> tree_conversations(const Json& tree, const FormOptions& options) {
  const Json* root = tree.find("prompt");
  if (root == nullptr || !root->is_object()) return error("a tree must have a message \"prompt\"");
  const std::string id = tree.get_string("message_tree_id", root->get_string("message_id", ""));
  if (id.empty()) return error("a tree must have a \"message_tree_id\", by which a split keeps it together");
  Walk walk{options, id, {}, {}};
  LATHE_TRY(const bool take, walk.wanted(*root, Role::kUser, true));
  if (take) LATHE_TRY_STATUS(walk.visit(*root, Role::kUser));
  return std::move(walk.out);
}

}  // namespace lathe::tasks
