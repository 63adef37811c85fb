#include "corpus/sft_corpus.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "core/check.h"
#include "core/parallel.h"
#include "core/permutation.h"
#include "corpus/code_blocks.h"
#include "corpus/duplicates.h"
#include "corpus/signature_file.h"
#include "corpus/urls.h"
#include "data/packer.h"

namespace lathe::corpus {
namespace {

using tokenizer::Conversation;
using tokenizer::Message;
using tokenizer::Role;

std::string text_of(const Message& message) {
  if (message.role == Role::kUser) return user_text(message);
  if (const auto* text = std::get_if<std::string>(&message.content)) return *text;
  std::string joined;
  for (const tokenizer::Part& part : std::get<std::vector<tokenizer::Part>>(message.content)) joined += part.text;
  return joined;
}

std::string text_of(const Conversation& conversation) {
  std::string joined;
  for (const Message& message : conversation.messages) joined += text_of(message) + "\n";
  return joined;
}

bool lengths_fit(const Conversation& conversation, Role role, int64_t least, int64_t most) {
  bool first = true;
  for (const Message& message : conversation.messages) {
    if (message.role != role) continue;
    const int64_t length = count_code_points(text_of(message));
    if (std::exchange(first, false) && length < least) return false;
    if (most > 0 && length > most) return false;
  }
  return true;
}

// The count of the filter that removes it; null: it stays.
int64_t SftCounts::* removed_by(const Conversation& conversation, const SftSettings::Filters& f) {
  if (!lengths_fit(conversation, Role::kUser, f.min_prompt_length, f.max_prompt_length)) return &SftCounts::prompt_length;
  if (!lengths_fit(conversation, Role::kAssistant, f.min_response_length, f.max_response_length)) return &SftCounts::response_length;
  const std::string text = text_of(conversation);
  std::string scratch;
  if (f.filter_urls && remove_urls(text, scratch) > 0) return &SftCounts::urls;
  if (f.filter_code_blocks && remove_code_blocks(text, scratch) > 0) return &SftCounts::code_blocks;
  if (f.require_ascii && std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
    return &SftCounts::not_ascii;
  return nullptr;
}

struct Fitted {
  int64_t tokens = 0, trained = 0, cut_turns = 0;  // tokens 0: not even its first turns fit
};

class Preparation {
 public:
  Preparation(const SftSettings& settings, std::vector<SftConversation> all, const tokenizer::ChatTemplate& form,
              const tokenizer::Tokenizer& tokenizer, const fs::path& folder)
      : settings_(settings), all_(std::move(all)), form_(form), tokenizer_(tokenizer), folder_(folder) {
    result_.datasets.resize(settings.datasets.size());
  }

  Result<SftCorpus> run() {
    LATHE_TRY_STATUS(form_.check(tokenizer_));
    LATHE_TRY_STATUS(filter());
    LATHE_TRY_STATUS(remove_duplicates());
    LATHE_TRY_STATUS(fit());
    choose();
    if (all_.empty()) return error("no conversation is left after the filters: ", totals().to_json().dump());
    LATHE_TRY_STATUS(write());
    result_.total = totals();
    return std::move(result_);
  }

 private:
  SftCounts& counts(const SftConversation& c) { return result_.datasets[static_cast<size_t>(c.dataset)]; }
  SftCounts totals() const {
    return std::accumulate(result_.datasets.begin(), result_.datasets.end(), SftCounts(), [](SftCounts sum, const SftCounts& part) { return sum += part; });
  }
  // Keeps those of which keep(number) is true, in order.
  template <class Keep>
  void keep_only(const Keep& keep) {
    size_t to = 0;
    for (size_t i = 0; i < all_.size(); ++i)
      if (keep(i)) {
        if (to != i) all_[to] = std::move(all_[i]);
        ++to;
      }
    all_.resize(to);
  }

  Status filter() {
    for (SftConversation& c : all_) {
      const int64_t number = counts(c).read++;
      const auto& messages = c.conversation.messages;
      if (std::none_of(messages.begin(), messages.end(), [](const Message& m) { return m.role == Role::kAssistant; }))
        return error("data set \"", settings_.datasets[static_cast<size_t>(c.dataset)].name, "\", conversation ", number, ": no turn of the assistant");
      if (c.tree.empty()) c.tree = join_text('#', number);
    }
    keep_only([&](size_t i) {
      int64_t SftCounts::* const reason = removed_by(all_[i].conversation, settings_.quality_filters);
      if (reason) ++(counts(all_[i]).*reason);
      return !reason;
    });
    return {};
  }

  Status remove_duplicates() {
    if (!settings_.quality_filters.remove_duplicates || all_.empty()) return {};
    DuplicateSettings settings;
    settings.minhash.permutations = settings_.quality_filters.num_perm;
    settings.threshold = settings_.quality_filters.duplicate_threshold;
    settings.folder = folder_ / "sort";
    LATHE_TRY_STATUS(make_folders(settings.folder));
    const MinHasher hasher(settings.minhash);
    std::vector<SignatureSource> sources;
    std::vector<std::vector<size_t>> members(settings_.datasets.size());
    for (size_t i = 0; i < all_.size(); ++i) members[static_cast<size_t>(all_[i].dataset)].push_back(i);
    for (size_t set = 0; set < members.size(); ++set) {
      const fs::path file = settings.folder / join_text("signatures_", set);
      LATHE_TRY(SignatureWriter writer, SignatureWriter::open(file, settings.minhash));
      SignatureBlock block(hasher);
      for (const size_t i : members[set]) block.add(i, text_of(all_[i].conversation));
      LATHE_TRY_STATUS(writer.write_block(0, std::move(block)));
      LATHE_TRY([[maybe_unused]] const int64_t written, writer.commit());
      sources.push_back({settings_.datasets[set].name, {file}});
    }
    LATHE_TRY(const Duplicates found, find_duplicates(sources, settings));
    for (size_t set = 0; set < members.size(); ++set) {
      result_.datasets[set].exact_duplicates = found.report.sources[set].exact;
      result_.datasets[set].near_duplicates = found.report.sources[set].near;
    }
    keep_only([&](size_t i) { return found.survivors.kept(static_cast<int64_t>(i)); });
    std::error_code code;
    fs::remove_all(settings.folder, code);
    return {};
  }

  // Shortens the conversation by whole pairs of turns until it fits a row.
  Result<Fitted> fit_one(Conversation& conversation) const {
    Fitted fitted;
    while (true) {
      LATHE_TRY(const tokenizer::Rendered rendered, form_.render(tokenizer_, conversation));
      const auto tokens = static_cast<int64_t>(rendered.ids.size());
      if (tokens <= settings_.output_params.sequence_length) {
        fitted.tokens = tokens;
        fitted.trained = std::count(rendered.mask.begin(), rendered.mask.end(), uint8_t{1});
        return fitted;
      }
      auto& messages = conversation.messages;
      const size_t first = messages.front().role == Role::kSystem ? 1 : 0;
      if (settings_.output_params.over_long == "drop" || messages.size() <= first + 2) return fitted;
      messages.pop_back();
      if (messages.back().role == Role::kUser) messages.pop_back();
      ++fitted.cut_turns;
    }
  }

  Status fit() {
    fitted_.resize(all_.size());
    std::vector<std::optional<Error>> errors(all_.size());
    parallel_for(static_cast<int64_t>(all_.size()), 64, [&](int64_t begin, int64_t end) {
      for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
        Conversation& conversation = all_[i].conversation;
        if (conversation.messages.back().role == Role::kUser) conversation.messages.pop_back();  // never answered
        const Result<Fitted> fitted = fit_one(conversation);
        if (fitted.ok()) fitted_[i] = fitted.value();
        else errors[i] = fitted.error();
      }
    });
    for (size_t i = 0; i < all_.size(); ++i) {
      if (errors[i]) return error("data set \"", settings_.datasets[static_cast<size_t>(all_[i].dataset)].name, "\", ", all_[i].tree, ": ", errors[i]->to_string());
      if (fitted_[i].tokens == 0) ++counts(all_[i]).too_long;
    }
    keep_only([&](size_t i) { return fitted_[i].tokens > 0; });
    std::erase_if(fitted_, [](const Fitted& f) { return f.tokens == 0; });
    return {};
  }

  // Of each data set conversations in a random order until its share of the target is reached.
  void choose() {
    const double target = static_cast<double>(settings_.sampling_strategy.target());
    if (target <= 0) return;
    const bool by_tokens = settings_.sampling_strategy.mode == "target_tokens";
    double weights = 0;
    for (const SftDatasetSettings& set : settings_.datasets) weights += set.weight;
    std::vector<char> kept(all_.size(), 0);
    for (size_t set = 0; set < settings_.datasets.size(); ++set) {
      std::vector<size_t> members;
      for (size_t i = 0; i < all_.size(); ++i)
        if (all_[i].dataset == static_cast<int64_t>(set)) members.push_back(i);
      const double share = target * settings_.datasets[set].weight / weights;
      const Permutation order(static_cast<int64_t>(members.size()), static_cast<uint64_t>(settings_.sampling_strategy.seed),
                              "sft choice " + settings_.datasets[set].name);
      double taken = 0;
      for (int64_t n = 0; n < order.size(); ++n) {
        const size_t i = members[static_cast<size_t>(order(n))];
        if (taken >= share) {
          ++result_.datasets[set].left_out;
          continue;
        }
        kept[i] = 1;
        taken += by_tokens ? static_cast<double>(fitted_[i].tokens) : 1;
      }
    }
    keep_only([&](size_t i) { return kept[i] != 0; });
    size_t number = 0;
    std::erase_if(fitted_, [&](const Fitted&) { return kept[number++] == 0; });
  }

  Status write() {
    for (const bool train : {true, false}) {
      std::string lines;
      int64_t in_shard = 0, shards = 0;
      const auto close = [&]() -> Status {
        const std::string name = format_text("%s_%05lld.jsonl", train ? "train" : "val", static_cast<long long>(shards++));
        LATHE_TRY_STATUS(write_file_atomic(folder_ / name, lines));
        LATHE_TRY(FileRecord record, record_file(folder_ / name, name));
        result_.files.push_back(std::move(record));
        lines.clear(), in_shard = 0;
        return {};
      };
      for (size_t i = 0; i < all_.size(); ++i) {
        const SftConversation& c = all_[i];
        const std::string& set = settings_.datasets[static_cast<size_t>(c.dataset)].name;
        const std::string tree = set + "/" + c.tree;
        if (data::is_train_document(tree, static_cast<uint64_t>(settings_.sampling_strategy.seed), settings_.output_params.train_ratio) != train) continue;
        SftCounts& n = counts(c);
        ++(train ? n.train : n.val);
        (train ? n.train_tokens : n.val_tokens) += fitted_[i].tokens;
        if (train) n.trained_tokens += fitted_[i].trained;
        n.cut += fitted_[i].cut_turns > 0;
        n.cut_turns += fitted_[i].cut_turns;
        Json record = conversation_to_json(c.conversation);
        record["source"] = set;
        record["tree"] = tree;
        lines += record.dump() + "\n";
        if (++in_shard == settings_.output_params.shard_size) LATHE_TRY_STATUS(close());
      }
      if (in_shard > 0) LATHE_TRY_STATUS(close());
    }
    return {};
  }

  const SftSettings& settings_;
  std::vector<SftConversation> all_;
  std::vector<Fitted> fitted_;  // of each
  const tokenizer::ChatTemplate& form_;
  const tokenizer::Tokenizer& tokenizer_;
  const fs::path& folder_;
  SftCorpus result_;
};

constexpr std::pair<const char*, int64_t SftCounts::*> kCounts[] = {
    {"read", &SftCounts::read},
    {"removed_prompt_length", &SftCounts::prompt_length},
    {"removed_response_length", &SftCounts::response_length},
    {"removed_urls", &SftCounts::urls},
    {"removed_code_blocks", &SftCounts::code_blocks},
    {"removed_not_ascii", &SftCounts::not_ascii},
    {"removed_exact_duplicates", &SftCounts::exact_duplicates},
    {"removed_near_duplicates", &SftCounts::near_duplicates},
    {"removed_too_long", &SftCounts::too_long},
    {"left_out", &SftCounts::left_out},
    {"train", &SftCounts::train},
    {"val", &SftCounts::val},
    {"truncated", &SftCounts::cut},
    {"truncated_turns", &SftCounts::cut_turns},
    {"train_tokens", &SftCounts::train_tokens},
    {"val_tokens", &SftCounts::val_tokens},
    {"trained_tokens", &SftCounts::trained_tokens},
};

}  // namespace

SftCounts& SftCounts::operator+=(const SftCounts& other) {
  for (const auto& entry : kCounts) this->*entry.second += other.*entry.second;
  return *this;
}

Json SftCounts::to_json() const {
  Json out = Json::object();
  for (const auto& entry : kCounts) out[entry.first] = this->*entry.second;
  return out;
}

Result<SftCorpus> write_sft_corpus(const SftSettings& settings, std::vector<SftConversation> conversations,
                                   const tokenizer::ChatTemplate& form, const tokenizer::Tokenizer& tokenizer,
                                   const fs::path& folder) {
  LATHE_TRY(SftCorpus corpus, Preparation(settings, std::move(conversations), form, tokenizer, folder).run());
  std::string card = join_text("# ", settings.name, "\n\n", settings.description, settings.description.empty() ? "" : "\n\n",
                               "Conversations for fine-tuning, template ", form.name(), " (version ", form.version(), "), made for rows of ",
                               settings.output_params.sequence_length, " tokens. The loss is taken on the assistant's answers and their stop tokens.\n\n",
                               "| data set | read | train | val | tokens (train) | of them trained | shortened |\n|---|--:|--:|--:|--:|--:|--:|\n");
  for (size_t i = 0; i < corpus.datasets.size(); ++i) {
    const SftCounts& n = corpus.datasets[i];
    card += join_text("| ", settings.datasets[i].name, " | ", with_thousands(n.read), " | ", with_thousands(n.train), " | ", with_thousands(n.val), " | ",
                      with_thousands(n.train_tokens), " | ", with_thousands(n.trained_tokens), " | ", with_thousands(n.cut), " |\n");
  }
  card += "\n## What was removed\n\nIn this order; all counts are conversations.\n\n| data set | prompt length | response length | web addresses | "
          "code | not ASCII | exact duplicates | near-duplicates | longer than a row | beyond the target |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n";
  for (size_t i = 0; i < corpus.datasets.size(); ++i) {
    const SftCounts& n = corpus.datasets[i];
    card += join_text("| ", settings.datasets[i].name, " | ", n.prompt_length, " | ", n.response_length, " | ", n.urls, " | ", n.code_blocks, " | ", n.not_ascii,
                      " | ", n.exact_duplicates, " | ", n.near_duplicates, " | ", n.too_long, " | ", n.left_out, " |\n");
  }
  card += join_text("\nAll conversations of one tree are on one side of the split (share that trains: ", shortest_double(settings.output_params.train_ratio),
                    ", seed ", settings.sampling_strategy.seed, ").\n");
  LATHE_TRY_STATUS(write_file_atomic(folder / "DATA_CARD.md", card));
  LATHE_TRY(FileRecord record, record_file(folder / "DATA_CARD.md", "DATA_CARD.md"));
  corpus.files.push_back(std::move(record));
  return corpus;
}

void fill_sft_manifest(const SftSettings& settings, const SftCorpus& corpus, const tokenizer::ChatTemplate& form,
                       const std::string& tokenizer_hash, Manifest& manifest) {
  manifest.kind = kSftKind;
  manifest.seed = settings.sampling_strategy.seed;
  manifest.tokenizer_sha256 = tokenizer_hash;
  manifest.outputs = corpus.files;
  manifest.counts = corpus.total.to_json();
  manifest.counts["conversations"] = corpus.total.train + corpus.total.val;
  Json sets = Json::object();
  for (size_t i = 0; i < corpus.datasets.size(); ++i) sets[settings.datasets[i].name] = corpus.datasets[i].to_json();
  manifest.details["name"] = settings.name;
  manifest.details["template"] = form.name();
  manifest.details["template_version"] = form.version();
  manifest.details["tokenizer_config_hash"] = tokenizer_hash;
  manifest.details["sequence_length"] = settings.output_params.sequence_length;
  manifest.details["datasets"] = std::move(sets);
}

}  // namespace lathe::corpus
