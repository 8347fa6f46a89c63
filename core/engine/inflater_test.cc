#include "core/engine/inflater.h"

#include <gtest/gtest.h>

#include <string>

#include "core/status/refusal.h"

namespace aftersales::engine {
namespace {

std::string Gzip(std::string_view plain) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, plain.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

absl::StatusOr<std::string> Unpack(std::string_view file, size_t piece) {
  Inflater inflater;
  std::string out;
  const auto sink = [&](std::string_view bytes) {
    out += bytes;
    return absl::OkStatus();
  };
  for (size_t at = 0; at < file.size(); at += piece) {
    if (absl::Status s = inflater.Feed(file.substr(at, piece), sink); !s.ok()) return s;
  }
  if (absl::Status s = inflater.Finish(sink); !s.ok()) return s;
  return out;
}

const std::string kPlain = [] {
  std::string text;
  for (int i = 0; i < 50000; ++i) text += std::to_string(i) + "\tREQUESTED\n";
  return text;
}();

TEST(Inflater, UnpacksInPiecesOfAnySize) {
  const std::string packed = Gzip(kPlain);
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{4096}, packed.size()}) {
    EXPECT_EQ(Unpack(packed, piece).value(), kPlain) << piece;
  }
}

TEST(Inflater, PassesOtherFilesThrough) {
  for (const std::string_view plain : {std::string_view("order-id\tsku\n"), std::string_view("x"),
                                       std::string_view(), std::string_view("\x1f plain")}) {
    EXPECT_EQ(Unpack(plain, 1).value(), plain);
  }
}

TEST(Inflater, ReadsFilesThatFollowEachOther) {
  EXPECT_EQ(Unpack(Gzip("a\n") + Gzip("b\n"), 3).value(), "a\nb\n");
  EXPECT_EQ(Unpack(Gzip("a\n") + std::string(16, '\0'), 5).value(), "a\n");
}

TEST(Inflater, RefusesDamagedAndTruncatedFiles) {
  std::string damaged = Gzip(kPlain);
  for (size_t i = 20; i < 40; ++i) damaged[i] = static_cast<char>(~damaged[i]);
  EXPECT_EQ(ReasonOf(Unpack(damaged, 4096).status()), "BAD_GZIP");
  const std::string packed = Gzip(kPlain);
  EXPECT_EQ(ReasonOf(Unpack(packed.substr(0, packed.size() / 2), 4096).status()), "BAD_GZIP");
}

}  // namespace
}  // namespace aftersales::engine
