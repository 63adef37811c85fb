#include "eval/likelihood.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>

#include "core/parallel.h"
#include "infer/transformer_model.h"
#include "model/kv_cache.h"
#include "ops/head_loss.h"

namespace lathe::eval {
namespace {

constexpr int64_t kLogitBytes = int64_t{64} << 20;  // of the scored positions that go through the head together

struct Text {
  const ScoredSpan* span = nullptr;
  SpanLosses* losses = nullptr;
  int64_t left = 0;  // scored tokens that have no loss yet
};

// The token after `position` is scored.
struct Want {
  int64_t position = 0;
  Text* text = nullptr;
  int32_t target() const { return text->span->ids[static_cast<size_t>(position) + 1]; }
  size_t index() const { return static_cast<size_t>(position + 1 - text->span->start); }
};

// A row of a forward pass: tokens [begin, end) of a text, on top of `begin` cached positions.
struct Piece {
  const std::vector<int32_t>* ids = nullptr;
  int64_t begin = 0, end = 0;
  std::vector<Want> wanted;
  const model::KvCache* cache = nullptr;  // of the positions before
  int64_t cache_row = 0;
  int64_t length() const { return end - begin; }
};

// The options of a question that have something to score.
struct Question {
  std::vector<Text*> texts;
  int64_t prefix = 0;  // tokens that all share and that are computed once
  bool has_tails = false;
};

// The last scored token itself is never an input.
int64_t inputs_of(const Text& text) { return text.span->end - 1; }

int64_t shared_prefix(const std::vector<Text*>& texts) {
  int64_t shared = inputs_of(*texts[0]);
  const std::vector<int32_t>& first = texts[0]->span->ids;
  for (const Text* text : texts) {
    shared = std::min(shared, inputs_of(*text));
    const auto end = first.begin() + shared;
    shared = std::mismatch(first.begin(), end, text->span->ids.begin()).first - first.begin();
  }
  return shared;
}

// Inputs [begin, end) of a text, with those of its scored tokens that follow one of them.
Piece piece_of(Text& text, int64_t begin, int64_t end) {
  Piece piece{&text.span->ids, begin, end, {}};
  for (int64_t p = std::max(begin, text.span->start - 1); p < end; ++p) piece.wanted.push_back({p, &text});
  return piece;
}

Piece prefix_piece(const Question& question) {
  Piece piece{&question.texts[0]->span->ids, 0, question.prefix, {}};
  for (Text* text : question.texts) {
    const Piece own = piece_of(*text, 0, question.prefix);
    piece.wanted.insert(piece.wanted.end(), own.wanted.begin(), own.wanted.end());
  }
  return piece;
}

Status check_text(const ScoredSpan& text, const model::ModelConfig& config, int64_t positions, size_t group, size_t option) {
  const auto size = static_cast<int64_t>(text.ids.size());
  const auto wrong = [&](const auto&... parts) { return error("text ", option, " of question ", group, ": ", parts...); };
  if (size == 0) return wrong("no tokens");
  if (text.start < 1 || text.end < text.start || text.end > size)
    return wrong("tokens ", text.start, " to ", text.end, " of ", size, " cannot be scored; a span begins at 1 or later");
  if (size > positions) return wrong(size, " tokens, but the model has ", positions, " positions; crop the text");
  for (const int32_t id : text.ids)
    if (id < 0 || id >= config.vocab_size) return wrong("token ", id, " of a vocabulary of ", config.vocab_size);
  return {};
}

class Scorer {
 public:
  Scorer(model::Transformer& model, ops::Context& ctx, const LikelihoodOptions& options, int64_t texts_done)
      : model_(model), ctx_(ctx), options_(options), texts_done_(texts_done) {}

  // Texts of one piece each: those of equal length together, whatever question they belong to.
  Status run_whole(std::vector<Piece> pieces) {
    std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.length() < b.length(); });
    for (size_t begin = 0; begin < pieces.size();) {
      const size_t end = same_length(pieces, begin, [&](int64_t rows) { return rows * pieces[begin].length(); });
      LATHE_TRY_STATUS(run({pieces.data() + begin, end - begin}, nullptr));
      begin = end;
    }
    return {};
  }

  // Questions whose prefixes are kept while the tails of all of them are computed.
  Status run_shared(std::span<Question* const> questions) {
    std::vector<Piece> prefixes, tails;
    for (const Question* question : questions) prefixes.push_back(prefix_piece(*question));
    std::vector<std::unique_ptr<model::KvCache>> caches;
    for (size_t begin = 0; begin < prefixes.size();) {
      const int64_t length = prefixes[begin].length();
      const size_t end = same_length(prefixes, begin, [&](int64_t rows) { return rows * length; });
      const auto rows = static_cast<int64_t>(end - begin);
      caches.push_back(std::make_unique<model::KvCache>(model_.config(), rows, length, model_.dtype()));
      LATHE_TRY_STATUS(run({prefixes.data() + begin, end - begin}, caches.back().get()));
      for (int64_t row = 0; row < rows; ++row)
        for (Text* text : questions[begin + static_cast<size_t>(row)]->texts) {
          if (inputs_of(*text) == length) continue;
          tails.push_back(piece_of(*text, length, inputs_of(*text)));
          tails.back().cache = caches.back().get();
          tails.back().cache_row = row;
        }
      begin = end;
    }
    std::stable_sort(tails.begin(), tails.end(), [](const Piece& a, const Piece& b) { return a.length() < b.length(); });
    for (size_t begin = 0; begin < tails.size();) {
      // Prefixes ascend among tails of one length, so the last row needs the most room.
      const size_t end = same_length(tails, begin, [&](int64_t rows) { return rows * tails[begin + static_cast<size_t>(rows) - 1].end / 2; });
      model::KvCache cache(model_.config(), static_cast<int64_t>(end - begin), tails[end - 1].end, model_.dtype());
      for (size_t i = begin; i < end; ++i) cache.set_row(static_cast<int64_t>(i - begin), *tails[i].cache, tails[i].cache_row);
      LATHE_TRY_STATUS(run({tails.data() + begin, end - begin}, &cache));
      begin = end;
    }
    return {};
  }

 private:
  // Where the batch that starts at `begin` ends; cost(rows) in positions.
  template <class Cost>
  size_t same_length(const std::vector<Piece>& pieces, size_t begin, Cost cost) const {
    size_t end = begin + 1;
    while (end < pieces.size() && pieces[end].length() == pieces[begin].length() &&
           cost(static_cast<int64_t>(end + 1 - begin)) <= options_.batch_tokens)
      ++end;
    return end;
  }

  Status run(std::span<const Piece> pieces, model::KvCache* cache) {
    if (options_.is_cancelled && options_.is_cancelled()) return error("cancelled");
    const int64_t length = pieces[0].length(), rows = static_cast<int64_t>(pieces.size());
    std::vector<int32_t> ids;
    std::vector<std::pair<int64_t, Want>> wanted;  // by row of the hidden states
    for (int64_t row = 0; row < rows; ++row) {
      const Piece& piece = pieces[static_cast<size_t>(row)];
      ids.insert(ids.end(), piece.ids->begin() + piece.begin, piece.ids->begin() + piece.end);
      for (const Want& want : piece.wanted) wanted.emplace_back(row * length + want.position - piece.begin, want);
    }
    model::Batch batch;
    batch.ids = Tensor::borrow(ids.data(), {rows * length}, DType::kInt32);
    batch.batch = rows;
    batch.cache = cache;
    autograd::Tape tape(ctx_, false);
    const Tensor hidden = model_.forward(tape, batch).value;  // (N, C)
    std::stable_sort(wanted.begin(), wanted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    LATHE_TRY_STATUS(take_losses(hidden, wanted));
    if (options_.on_progress) options_.on_progress(texts_done_);
    return {};
  }

  // The head is computed for the scored positions alone, once for all options that ask for one.
  Status take_losses(const Tensor& hidden, std::span<const std::pair<int64_t, Want>> wanted) {
    const int64_t vocab = model_.config().vocab_size, width = hidden.dim(1);
    const int64_t most = std::max<int64_t>(1, kLogitBytes / (vocab * int64_t{sizeof(float)}));
    for (size_t begin = 0; begin < wanted.size();) {
      std::vector<std::span<const std::pair<int64_t, Want>>> rows;  // the wants of each row
      while (begin < wanted.size() && static_cast<int64_t>(rows.size()) < most) {
        size_t end = begin + 1;
        while (end < wanted.size() && wanted[end].first == wanted[begin].first) ++end;
        rows.push_back(wanted.subspan(begin, end - begin));
        begin = end;
      }
      const auto n = static_cast<int64_t>(rows.size());
      const Tensor scored = ctx_.empty({n, width}, hidden.dtype());
      for (int64_t i = 0; i < n; ++i) {
        const int64_t row = rows[static_cast<size_t>(i)][0].first;
        scored.rows(i, i + 1).copy_from(hidden.rows(row, row + 1));
      }
      LATHE_TRY_STATUS(take_losses(model_.logits(ctx_, scored), rows));
    }
    return {};
  }

  Status take_losses(const Tensor& logits, const std::vector<std::span<const std::pair<int64_t, Want>>>& rows) {
    const auto n = static_cast<int64_t>(rows.size());
    const int64_t vocab = logits.dim(1);
    std::vector<int32_t> best(rows.size());
    const float* z = logits.data<float>();
    parallel_for(n, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) best[static_cast<size_t>(i)] = static_cast<int32_t>(std::max_element(z + i * vocab, z + (i + 1) * vocab) - (z + i * vocab));
    });
    size_t rounds = 0;
    for (const auto& row : rows) rounds = std::max(rounds, row.size());
    std::vector<int32_t> targets(rows.size());
    std::vector<float> nll(rows.size());
    for (size_t round = 0; round < rounds; ++round) {
      for (size_t i = 0; i < rows.size(); ++i) targets[i] = round < rows[i].size() ? rows[i][round].second.target() : -1;
      ops::logits_loss(ctx_, logits, Tensor::borrow(targets.data(), {n}, DType::kInt32), Tensor::borrow(nll.data(), {n}, DType::kFloat32));
      for (size_t i = 0; i < rows.size(); ++i) {
        if (round >= rows[i].size()) continue;
        if (!std::isfinite(nll[i])) return error("the model's losses are not finite: its weights are damaged");
        const Want& want = rows[i][round].second;
        want.text->losses->nll[want.index()] = nll[i];
        want.text->losses->predicted[want.index()] = best[i];
        if (best[i] != want.target()) want.text->losses->all_predicted = false;
        if (--want.text->left == 0) ++texts_done_;
      }
    }
    return {};
  }

  model::Transformer& model_;
  ops::Context& ctx_;
  const LikelihoodOptions& options_;
  int64_t texts_done_;
};

}  // namespace

double SpanLosses::sum() const {
  return std::accumulate(nll.begin(), nll.end(), 0.0, [](double sum, float loss) { return sum + static_cast<double>(loss); });
}

double SpanLosses::mean() const {
  return nll.empty() ? std::numeric_limits<double>::quiet_NaN() : sum() / static_cast<double>(nll.size());
}

Result<std::vector<std::vector<SpanLosses>>> score_spans(model::Transformer& model, ops::Context& ctx,
                                                         std::span<const std::vector<ScoredSpan>> groups,
                                                         const LikelihoodOptions& options) {
  require(options.batch_tokens >= 1, "[likelihood] batches of ", options.batch_tokens, " tokens");
  const int64_t positions = infer::TransformerModel(model).context_limit();
  std::vector<std::vector<SpanLosses>> result(groups.size());
  std::vector<std::vector<Text>> texts(groups.size());
  std::vector<Question> questions;
  int64_t empty = 0;
  for (size_t g = 0; g < groups.size(); ++g) {
    result[g].resize(groups[g].size());
    texts[g].resize(groups[g].size());
    Question together;
    for (size_t o = 0; o < groups[g].size(); ++o) {
      const ScoredSpan& span = groups[g][o];
      LATHE_TRY_STATUS(check_text(span, model.config(), positions, g, o));
      texts[g][o] = {&span, &result[g][o], span.end - span.start};
      result[g][o].nll.resize(static_cast<size_t>(span.end - span.start));
      result[g][o].predicted.resize(static_cast<size_t>(span.end - span.start));
      result[g][o].all_predicted = true;
      if (span.end == span.start) ++empty;
      else together.texts.push_back(&texts[g][o]);
      if (!options.share_prefix && span.end > span.start) questions.push_back({{&texts[g][o]}});
    }
    if (options.share_prefix && !together.texts.empty()) questions.push_back(std::move(together));
  }

  std::vector<Piece> whole;
  std::vector<Question*> shared;
  int64_t kept = 0;
  for (Question& question : questions) {
    if (question.texts.size() > 1) question.prefix = shared_prefix(question.texts);
    for (const Text* text : question.texts) question.has_tails = question.has_tails || inputs_of(*text) > question.prefix;
    if (question.prefix > 0 && question.has_tails) shared.push_back(&question);
    else if (question.prefix > 0) whole.push_back(prefix_piece(question));
    else
      for (Text* text : question.texts) whole.push_back(piece_of(*text, 0, inputs_of(*text)));
  }
  Scorer scorer(model, ctx, options, empty);
  LATHE_TRY_STATUS(scorer.run_whole(std::move(whole)));
  std::stable_sort(shared.begin(), shared.end(), [](const Question* a, const Question* b) { return a->prefix < b->prefix; });
  for (size_t begin = 0; begin < shared.size();) {
    size_t end = begin;
    for (kept = 0; end < shared.size() && (end == begin || kept + shared[end]->prefix <= 2 * options.batch_tokens); ++end) kept += shared[end]->prefix;
    LATHE_TRY_STATUS(scorer.run_shared({shared.data() + begin, end - begin}));
    begin = end;
  }
  return result;
}

}  // namespace lathe::eval
