#include "core/store/sqlite/packing.h"

#include <google/protobuf/text_format.h>
#include <zstd.h>

#include "core/status/text.h"
#include "core/store/record.pb.h"
#include "core/store/store.h"

namespace aftersales::store::sqlite {

// Of samples.textproto, which is part of the program.
extern const char kSamples[];

namespace {

// Of the levels that take little time for such short texts, the one after which they get no
// smaller: measured on the events, returns and answers of a few thousand lifecycles.
constexpr int kLevel = -1;
constexpr char kMark = '\0';
// With which every frame begins, so that it need not be stored.
constexpr std::string_view kMagic("\x28\xB5\x2F\xFD", 4);
constexpr size_t kBodyMax = 64 << 20;  // SQLite and gRPC take no such body either

template <typename T>
T* Made(T* made) {
  if (made == nullptr) throw std::bad_alloc();
  return made;
}

void Check(size_t code) {
  if (ZSTD_isError(code)) throw Error(Cat("storage: packing: ", ZSTD_getErrorName(code)));
}

}  // namespace

void Packing::Free::operator()(ZSTD_CCtx_s* p) const { ZSTD_freeCCtx(p); }
void Packing::Free::operator()(ZSTD_CDict_s* p) const { ZSTD_freeCDict(p); }
void Packing::Free::operator()(ZSTD_DCtx_s* p) const { ZSTD_freeDCtx(p); }
void Packing::Free::operator()(ZSTD_DDict_s* p) const { ZSTD_freeDDict(p); }

Packing::Packing(std::string_view samples)
    : pack_samples_(Made(ZSTD_createCDict(samples.data(), samples.size(), kLevel))),
      unpack_samples_(Made(ZSTD_createDDict(samples.data(), samples.size()))),
      pack_(Made(ZSTD_createCCtx())),
      unpack_(Made(ZSTD_createDCtx())) {
  Check(ZSTD_CCtx_refCDict(pack_.get(), pack_samples_.get()));
  Check(ZSTD_DCtx_refDDict(unpack_.get(), unpack_samples_.get()));
}

Packing::~Packing() = default;

std::string_view Packing::Pack(std::string_view body) {
  packed_.resize(ZSTD_compressBound(body.size()));
  const size_t size =
      ZSTD_compress2(pack_.get(), packed_.data(), packed_.size(), body.data(), body.size());
  Check(size);
  const std::string_view packed(packed_.data(), size);
  if (size - kMagic.size() + 1 >= body.size() || packed.substr(0, kMagic.size()) != kMagic) {
    return body;
  }
  packed_[kMagic.size() - 1] = kMark;
  return packed.substr(kMagic.size() - 1);
}

std::string_view Packing::Unpack(std::string_view stored) {
  if (stored.empty() || stored.front() != kMark) return stored;
  frame_.assign(kMagic).append(stored.substr(1));
  const unsigned long long size = ZSTD_getFrameContentSize(frame_.data(), frame_.size());
  if (size > kBodyMax) throw Error("storage: a stored body is damaged");  // also where it says none
  body_.resize(size);
  if (ZSTD_decompressDCtx(unpack_.get(), body_.data(), body_.size(), frame_.data(),
                          frame_.size()) != size) {
    throw Error("storage: a stored body is damaged");
  }
  return body_;
}

std::string TypicalRecords() {
  Samples samples;
  if (!google::protobuf::TextFormat::ParseFromString(kSamples, &samples)) {
    throw Error("core/store/sqlite/samples.textproto cannot be read");
  }
  std::string records;
  for (const auto& order : samples.orders()) order.AppendToString(&records);
  for (const auto& refund : samples.refunds()) refund.AppendToString(&records);
  for (const auto& state : samples.returns()) state.AppendToString(&records);
  for (const auto& event : samples.events()) event.AppendToString(&records);
  return records;
}

}  // namespace aftersales::store::sqlite
