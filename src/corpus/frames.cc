#include "corpus/frames.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <memory>

namespace lathe::corpus {

Status append_zstd_frame(std::string_view bytes, int level, std::string& out) {
  struct Free {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };
  thread_local const std::unique_ptr<ZSTD_CCtx, Free> context(ZSTD_createCCtx());
  if (context == nullptr) return error("zstd: out of memory");
  ZSTD_CCtx_reset(context.get(), ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  const size_t before = out.size();
  out.resize(before + ZSTD_compressBound(bytes.size()));
  const size_t size = ZSTD_compress2(context.get(), out.data() + before, out.size() - before, bytes.data(), bytes.size());
  if (ZSTD_isError(size)) return error("zstd: ", ZSTD_getErrorName(size));
  out.resize(before + size);
  return {};
}

Status append_gzip_member(std::string_view bytes, std::string& out) {
  constexpr int kGzipFormat = 15 + 16;
  z_stream state{};
  if (deflateInit2(&state, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipFormat, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return error("gzip: out of memory");
  const size_t before = out.size();
  out.resize(before + deflateBound(&state, static_cast<uLong>(bytes.size())));
  state.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  state.next_out = reinterpret_cast<Bytef*>(out.data() + before);
  // zlib counts in 32 bits.
  size_t in_left = bytes.size(), out_left = out.size() - before;
  constexpr size_t kMost = size_t{1} << 30;
  int code = Z_OK;
  while (code == Z_OK) {
    if (state.avail_in == 0) state.avail_in = static_cast<uInt>(std::min(in_left, kMost)), in_left -= state.avail_in;
    if (state.avail_out == 0) state.avail_out = static_cast<uInt>(std::min(out_left, kMost)), out_left -= state.avail_out;
    code = deflate(&state, in_left == 0 ? Z_FINISH : Z_NO_FLUSH);
  }
  out_left += state.avail_out;
  deflateEnd(&state);
  if (code != Z_STREAM_END) return error("gzip: cannot compress (", code, ")");
  out.resize(out.size() - out_left);
  return {};
}

Status read_zstd_frame(std::string_view frame, size_t most, const std::string& path, std::string& out) {
  const unsigned long long size = ZSTD_getFrameContentSize(frame.data(), frame.size());
  if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR || size > most)
    return error_at(path, -1, "damaged: no zstd frame with its size");
  out.resize(static_cast<size_t>(size));
  const size_t got = ZSTD_decompress(out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(got) || got != out.size())
    return error_at(path, -1, "damaged zstd frame", ZSTD_isError(got) ? std::string(": ") + ZSTD_getErrorName(got) : "");
  return {};
}

}  // namespace lathe::corpus
