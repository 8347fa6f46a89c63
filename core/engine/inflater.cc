#include "core/engine/inflater.h"

#include <array>
#include <string>

#include "core/status/refusal.h"

namespace aftersales::engine {
namespace {

absl::Status Damaged(std::string_view what) { return InvalidField("chunk", "BAD_GZIP", what); }

}  // namespace

Inflater::~Inflater() {
  if (mode_ == Mode::kGzip || mode_ == Mode::kEnded) inflateEnd(&stream_);
}

absl::Status Inflater::Feed(std::string_view bytes,
                            const std::function<absl::Status(std::string_view)>& sink) {
  if (mode_ == Mode::kPlain) return sink(bytes);
  if (mode_ != Mode::kUndecided) return Unpack(bytes, sink);
  head_ += bytes;
  if (head_.size() < 2) return absl::OkStatus();
  const std::string head = std::move(head_);
  if (head[0] != '\x1f' || head[1] != '\x8b') {
    mode_ = Mode::kPlain;
    return sink(head);
  }
  // 16: expect a gzip header.
  if (inflateInit2(&stream_, 16 + MAX_WBITS) != Z_OK) {
    return absl::ResourceExhaustedError("no memory to unpack the file");
  }
  mode_ = Mode::kGzip;
  return Unpack(head, sink);
}

absl::Status Inflater::Unpack(std::string_view bytes,
                              const std::function<absl::Status(std::string_view)>& sink) {
  std::array<char, 256 * 1024> out;
  stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream_.avail_in = static_cast<uInt>(bytes.size());
  while (stream_.avail_in > 0) {
    if (mode_ == Mode::kEnded) {
      // A gzip file may be several that follow each other; zeros may pad its end.
      if (*stream_.next_in == 0) return absl::OkStatus();
      if (inflateReset(&stream_) != Z_OK) return Damaged("the gzip file cannot be read");
      mode_ = Mode::kGzip;
    }
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = out.size();
    const int rc = inflate(&stream_, Z_NO_FLUSH);
    if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
      return Damaged("the gzip file is damaged; download it again");
    }
    if (const size_t size = out.size() - stream_.avail_out; size > 0) {
      if (absl::Status s = sink({out.data(), size}); !s.ok()) return s;
    } else if (rc == Z_BUF_ERROR) {
      break;
    }
    if (rc == Z_STREAM_END) mode_ = Mode::kEnded;
  }
  return absl::OkStatus();
}

absl::Status Inflater::Finish(const std::function<absl::Status(std::string_view)>& sink) {
  if (mode_ == Mode::kGzip) return Damaged("the gzip file ends in the middle; download it again");
  if (mode_ == Mode::kUndecided && !head_.empty()) return sink(head_);
  return absl::OkStatus();
}

}  // namespace aftersales::engine
