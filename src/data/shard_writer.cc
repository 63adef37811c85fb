#include "data/shard_writer.h"

#include "core/text.h"

namespace lathe::data {

Status ShardWriter::add(std::string_view text) {
  if (!writer_) {
    open_ = {format_text("shard_%05lld.parquet", static_cast<long long>(shards_)), 0, 0};
    LATHE_TRY(writer_, ParquetWriter::create(folder_ / open_.name));
  }
  LATHE_TRY_STATUS(writer_->add(text));
  ++open_.documents;
  open_.characters += count_code_points(text);
  return open_.characters >= characters_ && open_.documents % kGroupDocuments == 0 ? finish() : Status();
}

Status ShardWriter::finish() {
  if (!writer_) return {};
  const Status closed = writer_->close();
  writer_.reset();
  LATHE_TRY_STATUS(closed);
  ++shards_;
  if (on_shard_) on_shard_(open_);
  return {};
}

}  // namespace lathe::data
