#include "data/loader_state.h"

namespace lathe::data {

Result<std::vector<int64_t>> read_numbers(const Json& object, std::string_view key, int64_t length) {
  const Json* list = object.find(key);
  if (list == nullptr || !list->is_array()) return error("loader state: \"", key, "\" must be a list of whole numbers");
  std::vector<int64_t> numbers;
  numbers.reserve(list->size());
  for (const Json& item : list->as_array()) {
    if (!item.is_int()) return error("loader state: \"", key, "\" holds a ", item.type_name(), ", not a whole number");
    numbers.push_back(item.as_int());
  }
  if (length >= 0 && static_cast<int64_t>(numbers.size()) != length)
    return error("loader state: \"", key, "\" has ", numbers.size(), " numbers, not ", length);
  return numbers;
}

Result<int64_t> read_number(const Json& object, std::string_view key) {
  const Json* item = object.find(key);
  if (item == nullptr || !item->is_int()) return error("loader state: \"", key, "\" must be a whole number");
  return item->as_int();
}

Json stream_state(const DocumentStream& stream, const char* loader, const LastGroup& last, const StreamCursor& cursor) {
  const DocumentPosition& next = cursor.next;
  Json exact(Json::Object{{"loader", loader},
                          {"corpus", stream.corpus().fingerprint()},
                          {"rank", stream.options().rank},
                          {"world", stream.options().world},
                          {"cursor", Json::Array{cursor.epoch, next.part, next.group, next.index}}});
  return Json(
      Json::Object{{"pq_idx", last.part}, {"rg_idx", last.group}, {"epoch", last.epoch}, {"exact", std::move(exact)}});
}

Status restore_stream(DocumentStream& stream, const char* loader, const Json& state, ResumeMode mode, LastGroup& last,
                      const Json*& exact) {
  LATHE_TRY(last.part, read_number(state, "pq_idx"));
  LATHE_TRY(last.group, read_number(state, "rg_idx"));
  last.epoch = 1;
  if (state.contains("epoch")) {
    LATHE_TRY(last.epoch, read_number(state, "epoch"));
  }
  exact = nullptr;
  if (mode == ResumeMode::kCompatible) return stream.seek_after(last.part, last.group, last.epoch);

  constexpr const char* kRemedy = "; resume in compatible mode for an approximate continuation";
  const Json* inner = state.find("exact");
  if (inner == nullptr || !inner->is_object())
    return error("the loader state has no exact position (it is of an older or foreign run)", kRemedy);
  if (const std::string kind = inner->get_string("loader", "?"); kind != loader)
    return error("the loader state is of the loader \"", kind, "\", this run uses \"", loader, "\"", kRemedy);
  LATHE_TRY(const int64_t rank, read_number(*inner, "rank"));
  LATHE_TRY(const int64_t world, read_number(*inner, "world"));
  if (rank != stream.options().rank || world != stream.options().world)
    return error("the loader state is of rank ", rank, " of ", world, ", this is rank ", stream.options().rank, " of ",
                 stream.options().world,
                 "; resume with as many ranks as before, each with its own state, or in compatible mode");
  if (inner->get_string("corpus", "") != stream.corpus().fingerprint())
    return error_at(stream.corpus().path().string(), -1,
                    "the corpus is not the one of the checkpoint (names, sizes or split of its files differ)", kRemedy);
  LATHE_TRY(const auto cursor, read_numbers(*inner, "cursor", 4));
  LATHE_TRY_STATUS(stream.seek({cursor[0], {cursor[1], cursor[2], cursor[3]}}));
  exact = inner;
  return {};
}

}  // namespace lathe::data
