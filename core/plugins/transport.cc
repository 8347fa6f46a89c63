#include "core/plugins/transport.h"

#include "absl/strings/cord.h"

#include <new>

namespace aftersales::plugins {

uint8_t* CallBuffer::Reserve(size_t size) {
  size_ = 0;
  data_ = inline_;
  if (size > kMessageBytesMax) return nullptr;
  if (size > sizeof(inline_)) {
    heap_.reset(new (std::nothrow) uint8_t[size]);
    if (heap_ == nullptr) return nullptr;
    data_ = heap_.get();
  }
  size_ = size;
  return data_;
}

namespace {

constexpr char kNotMade[] = "aftersales/not-made";
constexpr char kLostProcess[] = "aftersales/lost-process";

}  // namespace

absl::Status NotMade(absl::Status status) {
  status.SetPayload(kNotMade, absl::Cord());
  return status;
}

bool WasNotMade(const absl::Status& status) { return status.GetPayload(kNotMade).has_value(); }

absl::Status LostProcess(absl::Status status) {
  status.SetPayload(kLostProcess, absl::Cord());
  return status;
}

bool WasLostProcess(const absl::Status& status) {
  return status.GetPayload(kLostProcess).has_value();
}

void RemoveMarks(absl::Status* status) {
  status->ErasePayload(kNotMade);
  status->ErasePayload(kLostProcess);
}

}  // namespace aftersales::plugins
