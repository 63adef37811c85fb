#include "tokenizer/zstd_file.h"

#include <zstd.h>

#include <memory>

namespace lathe::tokenizer {

Result<std::string> read_unpacked(const fs::path& path, size_t most_bytes) {
  LATHE_TRY(std::string packed, read_file(path));
  const std::string name = path.string();
  const auto too_long = [&] { return error_at(name, -1, "has more than ", most_bytes, " bytes"); };
  if (path.extension() != ".zst") {
    if (packed.size() > most_bytes) return too_long();
    return packed;
  }
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(), &ZSTD_freeDCtx);
  std::string bytes, buffer(ZSTD_DStreamOutSize(), '\0');
  ZSTD_inBuffer in{packed.data(), packed.size(), 0};
  size_t wanted = 1;  // 0: a frame has just ended
  while (in.pos < in.size || wanted != 0) {
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    const size_t before = in.pos;
    wanted = ZSTD_decompressStream(context.get(), &out, &in);
    if (ZSTD_isError(wanted))
      return error_at(name, static_cast<int64_t>(in.pos), "damaged: ", ZSTD_getErrorName(wanted));
    if (wanted != 0 && out.pos == 0 && in.pos == before)
      return error_at(name, static_cast<int64_t>(in.pos), "ends in the middle of a zstd frame");
    if (bytes.size() + out.pos > most_bytes) return too_long();
    bytes.append(buffer, 0, out.pos);
  }
  return bytes;
}

}  // namespace lathe::tokenizer
