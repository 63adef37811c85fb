#include "tokenizer/tiktoken_pickle.h"

#include "core/pickle.h"

namespace lathe::tokenizer {
namespace {

// The keys of a dict of ids, which must be first, first + 1, ... in any order.
Result<std::vector<std::string>> by_id(PickleValue dict, PickleKind key_kind, size_t first, const std::string& path) {
  if (dict.kind() != PickleKind::kDict) return error_at(path, -1, "a table of tokens is not a dict");
  const size_t count = dict.size() / 2;
  std::vector<std::string> names(count);
  std::vector<bool> seen(count);
  for (size_t i = 0; i < count; ++i) {
    const PickleValue key = dict.at(2 * i), id = dict.at(2 * i + 1);
    if (key.kind() != key_kind || id.kind() != PickleKind::kInt)
      return error_at(path, -1, "a token or its id has the wrong type");
    const uint64_t place = static_cast<uint64_t>(id.integer()) - first;
    if (place >= count || seen[place])
      return error_at(path, -1, "token id ", id.integer(), " is out of range or used twice: expected ", first, " to ",
                      first + count - 1);
    seen[place] = true;
    names[place] = key.text();
  }
  return names;
}

}  // namespace

Result<TiktokenPickle> read_tiktoken_pickle(const fs::path& path) {
  const std::string name = path.string();
  LATHE_TRY(const std::string bytes, read_file(path));
  LATHE_TRY(const Pickle pickle, Pickle::parse(bytes, name));
  const PickleValue object = pickle.root();
  if (object.kind() != PickleKind::kObject || object.at(0).text() != "tiktoken.core Encoding" || object.size() != 3)
    return error_at(name, -1, "not a pickled tiktoken encoding");
  const PickleValue state = object.at(2);
  if (state.kind() == PickleKind::kString)
    return error_at(name, -1, "holds only the name of the encoding ", state.text(), ", not its tokens");
  for (const char* key : {"pat_str", "mergeable_ranks", "special_tokens"})
    if (!state.has(key)) return error_at(name, -1, "the encoding has no ", key);
  TiktokenPickle encoding;
  encoding.pattern = state.at("pat_str").text();
  LATHE_TRY(encoding.tokens, by_id(state.at("mergeable_ranks"), PickleKind::kBytes, 0, name));
  LATHE_TRY(encoding.special_tokens,
            by_id(state.at("special_tokens"), PickleKind::kString, encoding.tokens.size(), name));
  return encoding;
}

}  // namespace lathe::tokenizer
