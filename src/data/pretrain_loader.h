// Batches for pretraining from a corpus: best-fit packing (rows C-1.20 to C-1.30, C-1.34; the default), and the older
// plain stream (C-1.31). Targets cross document borders without a mask; there is no padding.
#pragma once

#include "data/corpus.h"
#include "data/token_loader.h"

namespace lathe::data {

struct PretrainLoaderOptions {
  int64_t rows = 32;       // B
  int64_t columns = 2048;  // T
  int64_t rank = 0, world = 1;
  int64_t buffer_size = 1000;  // documents the packer chooses from (best fit only)
  int64_t encode_batch = 128;  // documents encoded at a time
};

// Every row begins with a BOS; of a row that nothing fits, the rest is filled from the shortest buffered document, the
// tail of which is dropped. For the validation split build it anew for each evaluation: always the same batches.
// `encoder` must outlive the loader.
std::unique_ptr<TokenLoader> best_fit_loader(std::shared_ptr<const Corpus> corpus, Split split,
                                             DocumentEncoder& encoder, const PretrainLoaderOptions& options);

// No packing: one stream of BOS + document tokens cut every rows * columns tokens (the last target of a batch is the
// first input of the next). Drops nothing; for small corpora with long documents.
std::unique_ptr<TokenLoader> stream_loader(std::shared_ptr<const Corpus> corpus, Split split, DocumentEncoder& encoder,
                                           const PretrainLoaderOptions& options);

// Prepares up to `depth` batches of `loader` ahead in a thread of its own. States stay exact for the batch handed out.
std::unique_ptr<TokenLoader> prefetch(std::unique_ptr<TokenLoader> loader, int depth = 2);

}  // namespace lathe::data
