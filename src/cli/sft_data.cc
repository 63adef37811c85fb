#include "cli/sft_data.h"

#include "cli/config_files.h"
#include "cli/training.h"
#include "core/log.h"
#include "core/text.h"
#include "data/conversation_stream.h"
#include "tasks/conversation_file.h"
#include "tasks/mixture_config.h"
#include "tokenizer/render.h"

namespace lathe::cli {
namespace {

struct Sets {
  tasks::ConversationSetPtr train, validation;
  Json description;
  std::vector<std::string> parts;
  std::vector<fs::path> files, beside;
};

Result<Sets> open_files(Context& context, const SftSettings& s) {
  LATHE_TRY(const fs::path path, given_or_base(context, s.data, "sft/train.jsonl"));
  const fs::path val_path = s.val_data.empty() ? path.parent_path() / "val.jsonl" : fs::path(s.val_data);
  Sets sets;
  LATHE_TRY(sets.train, tasks::open_conversations(path));
  sets.files = {path};
  std::error_code code;
  const bool same = fs::equivalent(path, val_path, code);
  if (same && !s.val_data.empty()) return error_at(val_path.string(), -1, "is the training data itself; validation on it says nothing");
  if (same || (s.val_data.empty() && !fs::exists(val_path, code))) {
    log_info("sft", "no validation conversations at ", val_path.string(), "; going without");
  } else {
    LATHE_TRY(sets.validation, tasks::open_conversations(val_path));
    sets.beside.push_back(val_path);
  }
  return sets;
}

Result<Sets> open_task_mixture(Context& context, const SftSettings& s) {
  for (const char* other : {"data", "val_data"})
    if (context.given(other)) return error("--mixture brings its own data; leave out --", other[0] == 'd' ? "data" : "val-data");
  LATHE_TRY(const fs::path path, find_mixture(s.mixture));
  LATHE_TRY(const fs::path base, context.base_folder());
  LATHE_TRY(tasks::MixtureSets mixture, tasks::open_mixture(path, base));
  for (const std::string& warning : mixture.warnings) context.print(warning);
  for (const char* part : {"train", "validation"})
    for (const Json& entry : mixture.description.at(part).as_array())
      context.print(part, ": ", entry.at("task").as_string(), ", ", with_thousands(entry.at("conversations").as_int()), " conversations x ", entry.get_int("repeat", 1));
  context.print("Conversations: ", with_thousands(mixture.train->size()), ", validation: ", with_thousands(mixture.validation ? mixture.validation->size() : 0));
  mixture.beside.push_back(path);
  return Sets{std::move(mixture.train), std::move(mixture.validation), std::move(mixture.description),
              std::move(mixture.parts), std::move(mixture.files),      std::move(mixture.beside)};
}

}  // namespace

Result<fs::path> find_mixture(const std::string& name) {
  std::error_code code;
  if (fs::is_regular_file(name, code)) return fs::path(name);
  const fs::path path(name);
  const std::string file = path.filename().string();
  const auto found = path.has_parent_path() && path.parent_path() != fs::path("configs/mixtures")
                         ? Result<fs::path>(error("elsewhere"))
                         : find_config("../mixtures/" + (path.extension() == ".json" ? file : file + ".json"));
  if (found.ok()) return found.value();
  return error_at(name, -1, "is neither a file nor a shipped mixture (sft, mid, sft_old, builtin)");
}

Result<SftData> open_sft_data(Context& context, const SftSettings& s, const tokenizer::Tokenizer& tokenizer) {
  LATHE_TRY(Sets sets, s.mixture.empty() ? open_files(context, s) : open_task_mixture(context, s));
  SftData out;
  out.description = std::move(sets.description);
  out.files = std::move(sets.files);
  out.beside = std::move(sets.beside);
  // A row holds T tokens and the last target; the stream has no rows that a conversation must fit (row C-2.28).
  const int64_t most = s.style == "stream" ? tokenizer::kMaxRenderedTokens : s.max_seq_len + 1;
  out.train = std::make_unique<train::RenderedSet>(std::move(sets.train), tokenizer, most, std::move(sets.parts));
  if (sets.validation) out.validation = std::make_unique<train::RenderedSet>(std::move(sets.validation), tokenizer, most);
  // Shows before a model is built whether the tokenizer has the markers.
  data::RenderedConversation first;
  LATHE_TRY_STATUS(out.train->get(0, first));
  return out;
}

Result<std::unique_ptr<data::ConversationPacker>> sft_loader(const SftSettings& s, const tokenizer::Tokenizer& tokenizer,
                                                             data::ConversationSource& source, int64_t epochs, uint64_t seed,
                                                             int64_t rank, int64_t world) {
  data::ConversationPackerOptions options;
  options.rows = s.device_batch_size;
  options.columns = s.max_seq_len;
  options.bos_id = tokenizer.bos_id();
  options.rank = rank;
  options.world = world;
  options.targets = s.targets == "completion" ? data::TargetMode::kCompletion : data::TargetMode::kEveryToken;
  options.num_epochs = epochs;
  options.seed = seed;
  if (s.style == "stream") return data::conversation_stream(source, options);
  if (s.style == "packed") return data::conversation_packer(source, options);
  const auto end = tokenizer.find_special("<|assistant_end|>");
  if (!end) return error("the tokenizer has no <|assistant_end|>, which --style old pads rows with");
  return data::conversation_rows(source, options, *end);
}

}  // namespace lathe::cli
